"""The sets of named arrays in a file: one for each model, or copy of a model (an average, the best so far), in it.

A set is a dictionary that holds arrays itself ("model", "ema.shadow"), or the dictionaries of an encoder and a decoder
together ("encoder_state_dict", "decoder_state_dict"). The state of an optimizer, whose arrays may have the same names,
is not a set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeGuard

import numpy as np

from ifp.checkpoints.files.plain_data import Foreign

WRAPPERS: tuple[str, ...] = ("model_state_dict", "model_states.G", "model_states.net", "state_dict", "model")
"""Keys under which the field's trainers keep the trained model; of several sets the first of these is preferred."""
ENCODER = re.compile(r"((?:(?<![A-Za-z])[Ee]nc|(?<=[a-z])Enc)(?:oder|ode)?)(?![a-z])")
"""Matches the name of an encoder: encoder, encode, enc, vae_encoder, encoder_state_dict, netEncoder."""
DECODER = re.compile(r"((?:(?<![A-Za-z])[Dd]ec|(?<=[a-z])Dec)(?:oder|ode)?)(?![a-z])")
"""Matches the name of a decoder: decoder, decode, dec, vae_decoder, decoder_state_dict, netDecoder."""
_COPY = re.compile(r"(?<![a-z])(ema|best|averaged?|avg|swa|shadow|target|teacher|polyak|slow|copy|old|prev)(?![a-z])")
"""Matches the key of a copy of the trained model, such as its average."""
_NO_MODEL = re.compile(r"optim|sched|exp_avg|momentum|scaler|rng|^grads?$|^opt$|^opt_|_opt$")
"""Matches the keys of dictionaries that hold no model."""
_OPTIMIZER = {"state", "param_groups"}
"""The keys in the state of a torch optimizer."""
_MAX_SETS = 32
"""Maximum number of sets that are tried, the most likely first."""
_MOST_SETS = 1000
"""Maximum number of sets that are collected before those that are tried are chosen."""
_MAX_PLACE = 400
"""Maximum length of a place in the file (the keys on the way to it) that is searched."""
_MAX_LEVELS = 12
"""Maximum depth of dictionaries that are searched."""


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Named arrays that may be those of a model.

    Attributes
    ----------
    place : the keys on the way to them, joined by dots; "" if they lie at the top level of the file.
    arrays : the arrays by the names that the file gives them; names in a part begin with "encoder." or "decoder.".
    said : how parts were put together, in words; "" if there are none.
    guessed : whether two parts are taken for an encoder and a decoder only because there are two.
    """

    place: str
    arrays: Mapping[str, np.ndarray]
    said: str = ""
    guessed: bool = False


def weight_sets(tree: object) -> list[WeightSet]:
    """The sets in `tree` that may be a model, the most likely first: the trained model, then copies of it."""
    sets: list[WeightSet] = []
    _walk(tree, "", 0, sets)
    sets = [weight_set for weight_set in sets if len(weight_set.arrays) > 1] or sets
    sets.sort(key=lambda weight_set: preference(weight_set.place))
    return sets[:_MAX_SETS]


def loose_sets(tree: object) -> list[WeightSet]:
    """The sets that may be a model whose arrays lie in several dictionaries, if no single dictionary is a model.

    Of two parts, either is tried as the encoder and the other as the decoder. Parts are also tried together under
    their own keys, and dictionaries that were taken for parts of a model are tried as models of their own.
    """
    sets: list[WeightSet] = []
    for place, node in _nodes(tree, "", 0):
        parts = [(key, flat) for key, part in _parts(node) if (flat := _flat(part))]
        if len(parts) == 2:
            for (first, encoder), (second, decoder) in (parts, parts[::-1]):
                joined = _under("encoder", encoder) | _under("decoder", decoder)
                said = f"{_joined(place, first)!r} read as the encoder, {_joined(place, second)!r} as the decoder"
                sets.append(WeightSet(place, joined, said, guessed=True))
        if parts:
            together = {name: array for key, part in parts for name, array in _under(key, part).items()}
            sets.append(WeightSet(place, together))
        if len(direct := _direct(node)) > 1:
            sets.append(WeightSet(place, direct))
        if len(sets) > _MAX_SETS:
            break
    return sets


def preference(place: str) -> tuple[int, bool]:
    """A key by which to sort the places of sets: the trained model of a known trainer first, copies of it last."""
    ranks = [rank for rank, wrapper in enumerate(WRAPPERS) if f"{place}.".startswith(f"{wrapper}.")]
    return (ranks[0] if ranks else len(WRAPPERS), bool(_COPY.search(place.lower())))


def is_optimizer(part: Mapping[Any, Any]) -> bool:
    """Whether a dictionary is the state of a torch optimizer."""
    return set(part) >= _OPTIMIZER


def is_module(part: object) -> TypeGuard[Foreign]:
    """Whether an object is a whole pickled module."""
    return isinstance(part, Foreign) and isinstance(part.state, dict) and {"_parameters", "_modules"} <= set(part.state)


def _walk(node: object, place: str, depth: int, sets: list[WeightSet]) -> None:
    """Append the sets in `node`, which lies at `place`, to `sets`."""
    if depth > _MAX_LEVELS or len(place) > _MAX_PLACE or len(sets) > _MOST_SETS:
        return
    parts = list(_parts(node))
    direct = _direct(node)
    if direct:
        sets.append(WeightSet(place, direct))
    joined: set[str] = set()
    for keys in islice(_models_in_parts([key for key, _ in parts]), _MOST_SETS):
        joined |= set(keys)
        sets.append(_put_together(place, dict(parts), keys))
    for key, part in parts:
        if key not in joined:
            _walk(part, _joined(place, key), depth + 1, sets)


def _put_together(place: str, parts: Mapping[str, object], keys: Sequence[str]) -> WeightSet:
    """The set of a model in parts: its encoder and its decoder, whose keys are the first two, and its other parts."""
    arrays: dict[str, np.ndarray] = {}
    for role, key in zip(("encoder", "decoder"), keys[:2], strict=True):
        flat = _flat(parts[key])
        # the arrays of a part that was saved out of the state dict of the whole model have its name already
        named = any(name.startswith(f"{role}.") for name in flat)
        for name, array in flat.items():
            has_role = named and name.startswith(("encoder.", "decoder."))
            arrays.setdefault(name if has_role else f"{role}.{name}", array)
    for key in keys[2:]:
        arrays |= _under(key, _flat(parts[key]))
    said = " and ".join(repr(_joined(place, key)) for key in keys[:2])
    if tuple(keys[:2]) == ("encoder", "decoder"):
        return WeightSet(place, arrays)
    return WeightSet(_joined(place, keys[0]), arrays, f"{said} read as the encoder and the decoder")


def _models_in_parts(keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys of each model in parts: its encoder, the decoder with the matching name, and its other parts."""
    encoders = {ENCODER.sub("", key, count=1): key for key in keys if ENCODER.search(key)}
    decoders = {DECODER.sub("", key, count=1): key for key in keys if DECODER.search(key)}
    pairs = [(key, decoders[rest]) for rest, key in encoders.items() if rest in decoders]
    if not pairs and len(encoders) == len(decoders) == 1:
        pairs = [(next(iter(encoders.values())), next(iter(decoders.values())))]
    taken = {key for pair in pairs for key in pair} | set(WRAPPERS)
    others = [key for key in keys if key not in taken and not _COPY.search(key)] if len(pairs) == 1 else []
    for pair in pairs:
        yield [*pair, *others]


def _nodes(node: object, place: str, depth: int) -> Iterator[tuple[str, object]]:
    """Every dictionary, list or object in `node`, with its place in the file."""
    if depth > _MAX_LEVELS or len(place) > _MAX_PLACE:
        return
    yield place, node
    for key, part in _parts(node):
        yield from _nodes(part, _joined(place, key), depth + 1)


def _parts(node: object) -> Iterator[tuple[str, object]]:
    """The keys and values in a dictionary, a list or a foreign object, without optimizers and whole modules."""
    if isinstance(node, Foreign) and not is_module(node):
        node = node.state
    items: Iterator[tuple[object, object]]
    if isinstance(node, dict):
        items = iter(node.items())
    elif isinstance(node, list | tuple):
        items = ((str(index), part) for index, part in enumerate(node[:_MAX_SETS]))
    else:
        return
    for key, part in items:
        if not isinstance(key, str) or not isinstance(part, dict | list | tuple | Foreign) or is_module(part):
            continue
        if _NO_MODEL.search(key.lower()) or (isinstance(part, dict) and is_optimizer(part)):
            continue
        yield key, part


def _direct(node: object) -> dict[str, np.ndarray]:
    """The arrays that a dictionary or a list of pairs holds itself; {} if all of them are counters (scalars)."""
    node = node.state if isinstance(node, Foreign) and not is_module(node) else node
    if isinstance(node, list | tuple):  # list(model.named_parameters())
        pairs = [pair for pair in node if isinstance(pair, tuple | list) and len(pair) == 2 and _is_named(*pair)]
        node = {pair[0]: pair[1] for pair in pairs}
    if not isinstance(node, dict):
        return {}
    arrays = {key: value for key, value in node.items() if isinstance(key, str) and isinstance(value, np.ndarray)}
    return arrays if any(array.ndim for array in arrays.values()) else {}


def _is_named(name: object, array: object) -> bool:
    return isinstance(name, str) and isinstance(array, np.ndarray)


def _flat(node: object, depth: int = 0) -> dict[str, np.ndarray]:
    """All arrays of a part; those in dictionaries inside it are named "key.name"."""
    arrays = _direct(node)
    if depth < _MAX_LEVELS:
        for key, part in _parts(node):
            if len(key) <= _MAX_PLACE:
                arrays.update(_under(key, _flat(part, depth + 1)))
    return arrays


def _under(key: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{key}.{name}": array for name, array in arrays.items()}


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
