"""The names that a model's arrays may have had in its own code, without the prefixes that wrappers put before them.

Whoever wraps a model (DataParallel, an averaged copy, a class of one's own with the model as `self.vae`) puts a prefix
before the names of its arrays. Prefixes cannot be listed in advance, so names are also tried without the components
that all arrays of the model, or all of its encoder and all of its decoder, share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np

from ifp.checkpoints.arrays.name_rules import (
    PartRules,
    dotted,
    encoder_in,
    renamed,
    shared_components,
    without_prefixes,
    without_wrappers,
)
from ifp.checkpoints.arrays.weight_sets import DECODER, ENCODER
from ifp.checkpoints.files.limits import MAX_NAME_LENGTH
from ifp.system.printable import printable

ENCODERS = ("encode", "_encode")
"""How the names of an encoder's arrays begin in the families, without prefixes."""
_PART_NAMES = (("encoder", "decoder"), ("encode", "decode"), ("_encoder", "_decoder"))
"""What the families call their encoder and decoder."""
_MOST_MODELS = 8
"""Maximum number of models in one dictionary that are tried."""
_MOST_ARRAYS = 2000
"""A dictionary with more arrays than this, as no VAE has, is tried under one naming only."""


@dataclass(frozen=True)
class Naming:
    """One way to name the arrays of a model.

    Attributes
    ----------
    names : name in the file -> name in the model's code.
    said : in words, what was changed.
    prefix : what stands before the encoder in the file ("ema_model."); it tells the models of one dictionary apart.
    encoder : what the encoder is called in the file if that is not usual ("encoder_q"), for the same purpose.
    guessed : whether parts are taken for an encoder and a decoder although they have other names.
    """

    names: Mapping[str, str]
    said: str
    prefix: str = ""
    encoder: str = ""
    guessed: bool = False


def first_naming(arrays: Mapping[str, np.ndarray]) -> Naming:
    """The naming without known prefixes.

    The known prefix that most arrays of encoders have is removed; without an encoder, the known prefix that all arrays
    share. A name that also exists without the prefix keeps it.
    """
    unwrapped = renamed({name: name for name in arrays}, without_wrappers)
    prefixes = {name: old[: len(old) - len(without_prefixes(old))] for name, old in unwrapped.items()}
    over_encoders = Counter(
        prefixes[name] for name, old in unwrapped.items() if without_prefixes(old).startswith(ENCODERS)
    )
    if over_encoders:
        prefix = over_encoders.most_common(1)[0][0]
    else:
        prefix = prefixes[next(iter(prefixes))]
        prefix = prefix if all(other == prefix for other in prefixes.values()) else ""
    names = renamed(unwrapped, lambda old: old.removeprefix(prefix))
    return Naming(names, _taken_off(prefix) if prefix else "", prefix)


def namings(arrays: Mapping[str, np.ndarray]) -> list[Iterator[Naming]]:
    """For each model that a dictionary may hold, the namings to try: `first_naming`, then those that change least.

    Only `first_naming` is tried for a dictionary of very many arrays, and no change for one with very long names.
    """
    if any(len(name) > MAX_NAME_LENGTH for name in arrays):
        return [iter([Naming({name: printable(name) for name in arrays}, "")])]
    first = first_naming(arrays)
    if len(arrays) > _MOST_ARRAYS:
        return [iter([first])]
    unwrapped = renamed({name: name for name in arrays}, without_wrappers)
    of_arrays = [unwrapped[name] for name, array in arrays.items() if array.ndim]  # without counters
    encoders = Counter(place for name in of_arrays if (place := encoder_in(name)) is not None).most_common(_MOST_MODELS)
    if not encoders:
        return [chain([first], _of_no_encoder(unwrapped, of_arrays))]
    prefixes = [prefix for (prefix, _), _ in encoders]
    index = prefixes.index(first.prefix) if first.prefix in prefixes else 0
    others = [_of_model(unwrapped, of_arrays, prefix, encoder) for (prefix, encoder), _ in encoders]
    prefix, encoder = encoders[index][0]
    first = replace(first, prefix=prefix, encoder=_unusual(encoder))
    return [chain([first] if place == index else [], more) for place, more in enumerate(others)]


def _of_model(unwrapped: Mapping[str, str], of_arrays: Iterable[str], prefix: str, encoder: str) -> Iterator[Naming]:
    """Namings of the model whose encoder's arrays begin with `prefix` + `encoder`; its decoder has a matching name."""
    inner = [name.removeprefix(prefix) for name in of_arrays if name.startswith(prefix)]
    decoder = _decoder_beside(encoder, {name.partition(".")[0] for name in inner})
    parts = (encoder, decoder) if decoder else (encoder,)
    taken_off = [_taken_off(prefix)] if prefix else []
    unusual = _unusual(encoder)
    shared = [
        shared_components([name.removeprefix(f"{part}.") for name in inner if name.startswith(f"{part}.")])
        for part in parts
    ]
    depths = sorted(product(*(range(len(path) + 1) for path in shared)), key=lambda depth: (sum(depth), depth[0]))
    for new_parts in (parts, *(pair for pair in _PART_NAMES if pair[: len(parts)] != parts)):
        read_as = [f"'{old}.' read as '{new}.'" for old, new in zip(parts, new_parts, strict=False) if old != new]
        for depth in depths:
            middles = [dotted(path[:level]) for path, level in zip(shared, depth, strict=True)]
            cut = [f"'{middle}' after '{old}.' taken off" for old, middle in zip(parts, middles, strict=True) if middle]
            rules = [
                (f"{old}.", middle, f"{new}.") for old, middle, new in zip(parts, middles, new_parts, strict=False)
            ]
            yield Naming(
                renamed(unwrapped, PartRules(prefix, rules)),
                ", ".join([*taken_off, *read_as, *cut]),
                prefix,
                unusual,
                bool(read_as),
            )
    if any(".module." in name for name in inner):
        without_module = PartRules(prefix, [], drop="module.")
        yield Naming(
            renamed(unwrapped, without_module), ", ".join([*taken_off, "'module.' taken off"]), prefix, unusual
        )


def _unusual(encoder: str) -> str:
    """`encoder` if it is not a usual name of one, else "": encoder_q and encoder_k are two models."""
    return "" if encoder in [usual for usual, _ in _PART_NAMES] else encoder


def _decoder_beside(encoder: str, components: Collection[str]) -> str | None:
    """The component that is called a decoder as `encoder` is called an encoder; without one, the first decoder."""
    decoders = sorted(component for component in components if DECODER.search(component))
    rest = ENCODER.sub("", encoder, count=1)
    matching = [component for component in decoders if DECODER.sub("", component, count=1) == rest]
    return next(iter(matching or decoders), None)


def _of_no_encoder(unwrapped: Mapping[str, str], of_arrays: Collection[str]) -> Iterator[Naming]:
    """Namings where nothing is called an encoder.

    The components that all arrays share are removed. All arrays may belong to an encoder, or to two parts of which
    either may be the encoder.
    """
    shared = shared_components(of_arrays)
    for level in range(len(shared) + 1):
        prefix = dotted(shared[:level])
        taken_off = [_taken_off(prefix)] if prefix else []
        inner = [name.removeprefix(prefix) for name in of_arrays]
        if prefix:
            yield Naming(renamed(unwrapped, PartRules(prefix, [])), taken_off[0], prefix)
        for encoder, _ in _PART_NAMES:
            said = ", ".join([*taken_off, f"'{encoder}.' put before all names"])
            put_before = PartRules(prefix, [("", "", f"{encoder}.")])
            yield Naming(renamed(unwrapped, put_before), said, prefix, guessed=True)
        parts = sorted({name.partition(".")[0] for name in inner})
        if len(parts) == 2:
            for pair in (parts, parts[::-1]):
                rules = [(f"{old}.", "", f"{new}.") for old, new in zip(pair, _PART_NAMES[0], strict=True)]
                said = ", ".join([*taken_off, *(f"'{old}' read as '{new}'" for old, _, new in rules)])
                yield Naming(renamed(unwrapped, PartRules(prefix, rules)), said, prefix, guessed=True)


def _taken_off(prefix: str) -> str:
    return f"'{printable(prefix)}' taken off"
