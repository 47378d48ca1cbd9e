"""The sets of named arrays in a file: one for each model, or copy of a model (an average, the best so far), in it.

A set is a dictionary that holds arrays itself ("model", "ema.shadow"), or an encoder's and a decoder's dictionary side
by side ("encoder_state_dict", "decoder_state_dict"). States of optimizers, which may name their arrays alike, are none.
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
"""Where the field's trainers keep the model that was trained: of several sets the first of these is taken."""
ENCODER = re.compile(r"((?:(?<![A-Za-z])[Ee]nc|(?<=[a-z])Enc)(?:oder|ode)?)(?![a-z])")
DECODER = re.compile(r"((?:(?<![A-Za-z])[Dd]ec|(?<=[a-z])Dec)(?:oder|ode)?)(?![a-z])")
"""How a part of a model is called: encoder, encode, enc, vae_encoder, encoder_state_dict, netEncoder."""
_COPY = re.compile(r"(?<![a-z])(ema|best|averaged?|avg|swa|shadow|target|teacher|polyak|slow|copy|old|prev)(?![a-z])")
_NO_MODEL = re.compile(r"optim|sched|exp_avg|momentum|scaler|rng|^grads?$|^opt$|^opt_|_opt$")
_OPTIMIZER = {"state", "param_groups"}
_MAX_SETS = 32
_MOST_SETS = 1000
"""Found, of which the likeliest are tried."""
_MAX_PLACE = 400
_MAX_LEVELS = 12


@dataclass(frozen=True, eq=False)
class WeightSet:
    """Named arrays that may be a model's.

    Attributes
    ----------
    place : the keys on the way to them, joined by dots; "" where the file holds them bare.
    arrays : by the names that the file gives them; those of parts begin with "encoder." or "decoder.".
    said : how the parts were put together, "" where nothing was.
    guessed : whether nothing but their number says that they are an encoder's and a decoder's.
    """

    place: str
    arrays: Mapping[str, np.ndarray]
    said: str = ""
    guessed: bool = False


def weight_sets(tree: object) -> list[WeightSet]:
    """What may be a model in `tree`, the likeliest first: where trainers keep the trained model, then copies of it."""
    found: list[WeightSet] = []
    _walk(tree, "", 0, found)
    found = [one for one in found if len(one.arrays) > 1] or found
    found.sort(key=lambda one: preference(one.place))
    return found[:_MAX_SETS]


def loose_sets(tree: object) -> list[WeightSet]:
    """What may be a model whose arrays lie in several dictionaries, for a file in which no single one is a model.

    Of two parts either as the encoder, the other as the decoder; the parts side by side under their own keys; and
    dictionaries that were taken for the parts of a model and are whole ones.
    """
    found: list[WeightSet] = []
    for place, node in _nodes(tree, "", 0):
        parts = [(key, flat) for key, part in _parts(node) if (flat := _flat(part))]
        if len(parts) == 2:
            for (first, encoder), (second, decoder) in (parts, parts[::-1]):
                joined = _under("encoder", encoder) | _under("decoder", decoder)
                said = f"{_joined(place, first)!r} read as the encoder, {_joined(place, second)!r} as the decoder"
                found.append(WeightSet(place, joined, said, guessed=True))
        if parts:
            together = {name: array for key, part in parts for name, array in _under(key, part).items()}
            found.append(WeightSet(place, together))
        if len(direct := _direct(node)) > 1:
            found.append(WeightSet(place, direct))
        if len(found) > _MAX_SETS:
            break
    return found


def preference(place: str) -> tuple[int, bool]:
    """Sorts the places of sets: the trained model of a known trainer first; copies of it, such as averages, last."""
    known = [at for at, wrapper in enumerate(WRAPPERS) if f"{place}.".startswith(f"{wrapper}.")]
    return (known[0] if known else len(WRAPPERS), bool(_COPY.search(place.lower())))


def is_optimizer(part: Mapping[Any, Any]) -> bool:
    """Whether a dictionary is the state of a torch optimizer."""
    return set(part) >= _OPTIMIZER


def is_module(part: object) -> TypeGuard[Foreign]:
    """Whether an object is a whole pickled module."""
    return isinstance(part, Foreign) and isinstance(part.state, dict) and {"_parameters", "_modules"} <= set(part.state)


def _walk(node: object, place: str, depth: int, found: list[WeightSet]) -> None:
    if depth > _MAX_LEVELS or len(place) > _MAX_PLACE or len(found) > _MOST_SETS:
        return
    parts = list(_parts(node))
    direct = _direct(node)
    if direct:
        found.append(WeightSet(place, direct))
    joined: set[str] = set()
    for keys in islice(_models_in_parts([key for key, _ in parts]), _MOST_SETS):
        joined |= set(keys)
        found.append(_side_by_side(place, dict(parts), keys))
    for key, part in parts:
        if key not in joined:
            _walk(part, _joined(place, key), depth + 1, found)


def _side_by_side(place: str, parts: Mapping[str, object], keys: Sequence[str]) -> WeightSet:
    """The parts of one model, an encoder's and a decoder's first, with what lies beside them."""
    arrays: dict[str, np.ndarray] = {}
    for role, key in zip(("encoder", "decoder"), keys[:2], strict=True):
        flat = _flat(parts[key])
        # a part saved out of the whole model's state dict has its names already
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
    """The keys of each model: an encoder's, a decoder's that is called alike, and those that belong to neither."""
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
    if depth > _MAX_LEVELS or len(place) > _MAX_PLACE:
        return
    yield place, node
    for key, part in _parts(node):
        yield from _nodes(part, _joined(place, key), depth + 1)


def _parts(node: object) -> Iterator[tuple[str, object]]:
    """What lies in a dictionary, a list, or an object of somebody's own class, without optimizers and modules."""
    if isinstance(node, Foreign) and not is_module(node):
        node = node.state
    items: Iterator[tuple[object, object]]
    if isinstance(node, dict):
        items = iter(node.items())
    elif isinstance(node, list | tuple):
        items = ((str(at), part) for at, part in enumerate(node[:_MAX_SETS]))
    else:
        return
    for key, part in items:
        if not isinstance(key, str) or not isinstance(part, dict | list | tuple | Foreign) or is_module(part):
            continue
        if _NO_MODEL.search(key.lower()) or (isinstance(part, dict) and is_optimizer(part)):
            continue
        yield key, part


def _direct(node: object) -> dict[str, np.ndarray]:
    """The arrays that a dictionary, or a list of pairs, holds itself, if they are more than counters."""
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
    """All arrays of a part, those further down under "key.name"."""
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
