"""What the readers of several families share: values from a configuration, an optional decoder, leftovers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.source import Weights
from ifp.checkpoints.vae import Assumption

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
    weights: Weights, latents: int, image_shape: tuple[int, int, int], read: Callable[[ChainBuilder], object]
) -> Decoder:
    """The decoder that `read` adds to a chain from the latents; it must end at images of `image_shape`."""
    used: set[str] = set()
    chain = ChainBuilder(weights, (latents,), used)
    try:
        read(chain)
        if len(chain.shape) == 1:
            chain.reshape(*image_shape)
        if chain.shape != image_shape:
            raise ShapeMismatch(f"It gives images of {list(chain.shape)}, and the encoder takes {list(image_shape)}.")
    except ShapeMismatch as error:
        return Decoder(None, frozenset(), str(error))
    return Decoder(chain.module(), frozenset(used), "")


def leftovers(weights: Weights, used: Iterable[str], aside: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of arrays that nothing needed, sorted; those in `aside` are known to belong to something else."""
    return tuple(sorted(set(weights) - set(used) - set(aside)))


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


def plain_pixels() -> Assumption:
    """Images as they are, in [0, 1]."""
    return Assumption("input", "pixels in [0, 1]", "the code base")


def scaling_of_options(mean: float | None, std: float | None) -> tuple[float, float] | None:
    """(mean, std) where the user gave one or both."""
    if mean is None and std is None:
        return None
    return (0.0 if mean is None else mean), (1.0 if std is None else std)
