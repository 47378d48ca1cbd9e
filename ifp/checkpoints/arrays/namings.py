"""The names that a model's arrays may have had in its own code: prefixes of wrappers off, parts called as usual.

Whoever wraps a model (DataParallel, an averaged copy, a class of one's own with the model as `self.vae`) puts a prefix
before the names of its arrays. Which words are prefixes cannot be listed, so what all arrays of the model, or all of
its encoder and all of its decoder, share is tried without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np

from ifp.checkpoints.arrays.weight_sets import DECODER, ENCODER
from ifp.checkpoints.files.limits import MAX_NAME_LENGTH
from ifp.checkpoints.files.printable import printable

PREFIXES = ("module.", "_orig_mod.", "ae.", "model.", "_model.")
"""Of DataParallel, torch.compile, erow's, AntixK's and disent's trainers."""
ENCODERS = ("encode", "_encode")
"""How the names of an encoder's arrays begin in one family or another, once the prefixes are off."""
_ANYWHERE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Put before a part's names by compilation and sharding; no layer is called so."""
_CALLED = (("encoder", "decoder"), ("encode", "decode"), ("_encoder", "_decoder"))
"""What the families read here call their parts."""
_MOST_LEVELS = 3
_MOST_MODELS = 8
_MOST_ARRAYS = 2000
Rule = Callable[[str], str]


@dataclass(frozen=True)
class Naming:
    """Names that arrays may have had: what each is called in the file -> in the model's code, and what was changed.

    `prefix` is what stands before the encoder's name ("ema_model."): it tells the models of one dictionary apart, as
    `encoder` does where that is no usual name ("encoder_q"). `guessed`: parts are taken for an encoder and a decoder
    though they are called otherwise.
    """

    names: Mapping[str, str]
    said: str
    prefix: str = ""
    encoder: str = ""
    guessed: bool = False


def first_naming(arrays: Mapping[str, np.ndarray]) -> Naming:
    """Names without the known prefix under which the encoder lies; without an encoder, without the one that all share.

    A name that is there without the prefix too keeps it.
    """
    inner = _renamed({name: name for name in arrays}, _without_wrappers)
    prefixes = {name: short[: len(short) - len(_core(short))] for name, short in inner.items()}
    over_encoders = Counter(prefixes[name] for name, short in inner.items() if _core(short).startswith(ENCODERS))
    if over_encoders:
        prefix = over_encoders.most_common(1)[0][0]
    else:
        prefix = prefixes[next(iter(prefixes))]
        prefix = prefix if all(found == prefix for found in prefixes.values()) else ""
    names = _renamed(inner, lambda short: short.removeprefix(prefix))
    return Naming(names, _taken_off(prefix) if prefix else "", prefix)


def namings(arrays: Mapping[str, np.ndarray]) -> list[Iterator[Naming]]:
    """For each model that a dictionary may hold, the namings to try: the known one first, then by how little changes.

    A dictionary of very many arrays, as no VAE has, is tried under the known names only, one of very long names as is.
    """
    if any(len(name) > MAX_NAME_LENGTH for name in arrays):
        return [iter([Naming({name: printable(name) for name in arrays}, "")])]
    first = first_naming(arrays)
    if len(arrays) > _MOST_ARRAYS:
        return [iter([first])]
    inner = _renamed({name: name for name in arrays}, _without_wrappers)
    solid = [inner[name] for name, array in arrays.items() if array.ndim]
    found = Counter(parts for name in solid if (parts := _encoder_of(name)) is not None).most_common(_MOST_MODELS)
    if not found:
        return [chain([first], _of_no_encoder(inner, solid))]
    known = [prefix for (prefix, _), _ in found]
    at = known.index(first.prefix) if first.prefix in known else 0
    others = [_of_model(inner, solid, prefix, encoder) for (prefix, encoder), _ in found]
    prefix, encoder = found[at][0]
    first = replace(first, prefix=prefix, encoder=_unusual(encoder))
    return [chain([first] if place == at else [], more) for place, more in enumerate(others)]


def _of_model(inner: Mapping[str, str], solid: Iterable[str], prefix: str, encoder: str) -> Iterator[Naming]:
    """The model whose encoder's arrays begin with `prefix` + `encoder`: its decoder's are called alike."""
    short = [name.removeprefix(prefix) for name in solid if name.startswith(prefix)]
    decoder = _decoder_beside(encoder, {name.partition(".")[0] for name in short})
    parts = (encoder, decoder) if decoder else (encoder,)
    taken = [_taken_off(prefix)] if prefix else []
    unusual = _unusual(encoder)
    commons = [_common([name.removeprefix(f"{one}.") for name in short if name.startswith(f"{one}.")]) for one in parts]
    depths = sorted(product(*(range(len(common) + 1) for common in commons)), key=lambda depth: (sum(depth), depth[0]))
    for called in (parts, *(called for called in _CALLED if called[: len(parts)] != parts)):
        read_as = [f"'{old}.' read as '{new}.'" for old, new in zip(parts, called, strict=False) if old != new]
        for depth in depths:
            middles = ["".join(f"{word}." for word in common[:at]) for common, at in zip(commons, depth, strict=True)]
            cut = [f"'{middle}' after '{old}.' taken off" for old, middle in zip(parts, middles, strict=True) if middle]
            rules = [(f"{old}.", middle, f"{new}.") for old, middle, new in zip(parts, middles, called, strict=False)]
            yield Naming(
                _renamed(inner, _Rules(prefix, rules)),
                ", ".join([*taken, *read_as, *cut]),
                prefix,
                unusual,
                bool(read_as),
            )
    if any(".module." in name for name in short):
        without = _Rules(prefix, [], drop="module.")
        yield Naming(_renamed(inner, without), ", ".join([*taken, "'module.' taken off"]), prefix, unusual)


def _unusual(encoder: str) -> str:
    """`encoder` where it is no usual name of one: encoder_q and encoder_k are two models."""
    return "" if encoder in [called for called, _ in _CALLED] else encoder


def _decoder_beside(encoder: str, words: Collection[str]) -> str | None:
    """Of `words` the one that is called a decoder as `encoder` is called an encoder, else the only one."""
    decoders = sorted(word for word in words if DECODER.search(word))
    alike = [word for word in decoders if DECODER.sub("", word, count=1) == ENCODER.sub("", encoder, count=1)]
    return next(iter(alike or decoders), None)


def _of_no_encoder(inner: Mapping[str, str], solid: Collection[str]) -> Iterator[Naming]:
    """Nothing is called an encoder: what all share comes off; all may be an encoder's, or one of two parts is."""
    common = _common(solid)
    for level in range(len(common) + 1):
        prefix = "".join(f"{word}." for word in common[:level])
        taken = [_taken_off(prefix)] if prefix else []
        rest = [name.removeprefix(prefix) for name in solid]
        if prefix:
            yield Naming(_renamed(inner, _Rules(prefix, [])), taken[0], prefix)
        for called, _ in _CALLED:
            said = ", ".join([*taken, f"'{called}.' put before all names"])
            put_before = _Rules(prefix, [("", "", f"{called}.")])
            yield Naming(_renamed(inner, put_before), said, prefix, guessed=True)
        firsts = sorted({name.partition(".")[0] for name in rest})
        if len(firsts) == 2:
            for pair in (firsts, firsts[::-1]):
                rules = [(f"{old}.", "", f"{new}.") for old, new in zip(pair, _CALLED[0], strict=True)]
                said = ", ".join([*taken, *(f"'{old}' read as '{new}'" for old, _, new in rules)])
                yield Naming(_renamed(inner, _Rules(prefix, rules)), said, prefix, guessed=True)


@dataclass(frozen=True)
class _Rules:
    """Takes `prefix` off, then of the first part that fits (part, what comes off after it, what the part is called)."""

    prefix: str
    parts: list[tuple[str, str, str]]
    drop: str = ""

    def __call__(self, name: str) -> str:
        if not name.startswith(self.prefix):
            return name
        name = name.removeprefix(self.prefix)
        if self.drop:
            return _without(name, (self.drop,))
        for old, middle, new in self.parts:
            if name.startswith(old):
                return new + name.removeprefix(old).removeprefix(middle)
        return name


def _renamed(inner: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """By `rule`, but for names that would then be those of two arrays: these keep what the file calls them."""
    short = {name: rule(old) for name, old in inner.items()}
    counts, taken = Counter(short.values()), set(inner.values())
    return {
        name: printable(old if new != old and (counts[new] > 1 or new in taken) else new)
        for (name, old), new in zip(inner.items(), short.values(), strict=True)
    }


def _encoder_of(name: str) -> tuple[str, str] | None:
    """What stands before the first component that is called an encoder, and that component; None without one."""
    *path, _ = name.split(".")
    for at, word in enumerate(path):
        if ENCODER.search(word):
            return "".join(f"{one}." for one in path[:at]), word
    return None


def _common(names: Collection[str]) -> list[str]:
    """The first components that all names share, at most three, an array's own name not among them."""
    shared: list[str] = []
    for words in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(words)) > 1 or len(shared) == _MOST_LEVELS:
            break
        shared.append(words[0])
    return shared


def _taken_off(prefix: str) -> str:
    return f"'{printable(prefix)}' taken off"


def _without_wrappers(name: str) -> str:
    return _without(name, _ANYWHERE)


def _without(name: str, parts: Collection[str]) -> str:
    *path, last = name.split(".")
    return "".join([*(f"{word}." for word in path if f"{word}." not in parts), last])


def _core(name: str) -> str:
    while found := next((prefix for prefix in PREFIXES if name.startswith(prefix)), ""):
        name = name.removeprefix(found)
    return name
