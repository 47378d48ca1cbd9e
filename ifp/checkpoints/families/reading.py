"""What the readers of several families share: values from a configuration, an optional decoder, leftovers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Weights
from ifp.checkpoints.vae import Assumption
from ifp.errors import IfpError

_MAX_REFERENCES = 8
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def lookup(config: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, nested or under the dotted name itself; None where there is none.

    A value "${other.path}", as OmegaConf writes them, is followed.

    >>> lookup({"a": {"b": "${c.d}"}, "c.d": 3}, "a.b")
    3
    """
    for _ in range(_MAX_REFERENCES):
        value = _at(config, path)
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference is None:
            return value
        path = reference[1]
    return None


def _at(config: Mapping[str, Any], path: str) -> Any:
    if path in config:
        return config[path]
    first, _, rest = path.partition(".")
    inner = config.get(first)
    return _at(inner, rest) if rest and isinstance(inner, Mapping) else None


def number_at(config: Mapping[str, Any], *paths: str) -> float | None:
    """The first finite number at one of `paths`."""
    for path in paths:
        value = lookup(config, path)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def word_at(config: Mapping[str, Any], *paths: str) -> str | None:
    """The first text at one of `paths`."""
    return next((value for value in (lookup(config, path) for path in paths) if isinstance(value, str)), None)


@dataclass(frozen=True, eq=False)
class Decoder:
    """A decoder that could be read, or None and the reason why not; the names of the arrays that it needed."""

    module: nn.Module | None
    used: frozenset[str]
    reason: str

    def assumption(self, output: str) -> Assumption:
        """What the user should know of it; `output` is what it gives."""
        if self.module is None:
            return Assumption("decoder", f"not read, so no reconstructions and traversals: {self.reason}", "the shapes")
        return Assumption("decoder", f"gives {output}", "the code base")


def read_decoder(
    weights: Weights,
    latents: int,
    image_shape: tuple[int, int, int],
    read: Callable[[ChainBuilder], object],
    named: str | tuple[str, ...],
) -> Decoder:
    """The decoder that `read` adds to a chain from the latents.

    It must end at images of `image_shape` and need every array whose name starts with `named`.
    """
    used: set[str] = set()
    chain = ChainBuilder(weights, (latents,), used)
    try:
        read(chain)
        if len(chain.shape) == 1:
            chain.reshape(*image_shape)
        if chain.shape != image_shape:
            raise ShapeMismatch(f"It gives images of {list(chain.shape)}, and the encoder takes {list(image_shape)}.")
        _nothing_left("decoder", weights, used, named)
    except ShapeMismatch as error:
        return Decoder(None, frozenset(), str(error))
    return Decoder(chain.module(), frozenset(used), "")


def leftovers(
    weights: Weights, used: Collection[str], named: str | tuple[str, ...], aside: Collection[str] = ()
) -> tuple[str, ...]:
    """Names of arrays that nothing needed, sorted; those in `aside` are known to belong to something else.

    Raises
    ------
    ShapeMismatch : an array of the encoder's (its name starts with `named`) is among them: without it every number
        would be wrong.
    """
    _nothing_left("encoder", weights, {*used, *aside}, named)
    return tuple(sorted(set(weights) - set(used) - set(aside)))


def _nothing_left(what: str, weights: Weights, used: Collection[str], named: str | tuple[str, ...]) -> None:
    left = sorted(name for name in weights if name.startswith(named) and name not in used)
    if left:
        raise ShapeMismatch(f"The {what} has arrays that this reader has no place for: {', '.join(left)}.")


def latents_of_halves(rows: int, name: str) -> int:
    """How many latents a head of `rows` outputs has; `name` is the head's."""
    if rows < 2 or rows % 2:
        raise ShapeMismatch(f"{name!r} has {rows} rows, which cannot be as many means as log variances.")
    return rows // 2


def usual_assumptions(image_shape: tuple[int, int, int], latents: int, head: str) -> tuple[Assumption, ...]:
    """What every family assumes; `head` says how means and log variances lie."""
    channels, rows, columns = image_shape
    return (
        Assumption("image shape", f"{channels} x {rows} x {columns}", "the shapes"),
        Assumption("latents", str(latents), "the shapes"),
        Assumption("head", head, "the code base"),
        Assumption("variance", "log variance", "the code base"),
    )


@dataclass(frozen=True)
class Pixels:
    """The encoder sees (x - mean) / std of x in [0, 1], and where that is from."""

    mean: float
    std: float
    said: Assumption


def pixels_of(options: ReadingOptions) -> Pixels:
    """What the user says, else images as they are."""
    if options.pixel_mean is None and options.pixel_std is None:
        return Pixels(0.0, 1.0, Assumption("input", "pixels in [0, 1]", "the code base"))
    mean = 0.0 if options.pixel_mean is None else options.pixel_mean
    std = 1.0 if options.pixel_std is None else options.pixel_std
    if not (std > 0 and math.isfinite(std) and math.isfinite(mean)):
        raise IfpError(f"Pixels are scaled by a mean and a positive standard deviation, got {mean!r} and {std!r}.")
    return Pixels(mean, std, Assumption("input", f"(x - mean) / std: mean {mean:.4g}, std {std:.4g}", "an option"))
