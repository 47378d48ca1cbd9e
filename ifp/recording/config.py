"""RecordConfig: what decides the numbers of a recording, so that a folder goes on with the same and refuses another."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from ifp.checkpoints.vae import HEADS, OUTPUTS, VARIANCES
from ifp.codes import FEWEST_IMAGES
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.likelihood import as_likelihood
from ifp.seeds import check_seed
from ifp.system.settings import floats_as_declared, is_number, settings_digest
from ifp.theory.conventions import find_convention

LAYOUTS = ("NCHW", "NHWC", "flat")
"""How images are laid out for the model; "flat" is [N, C * H * W], channels first."""
SCALES = {"unit": (0.0, 1.0), "symmetric": (0.5, 0.5), "bytes": (0.0, 1 / 255)}
"""Scales of the pixels that have a name, as (mean, std): the model sees (x - mean) / std of x in [0, 1]."""
SPREADS = (*VARIANCES, "sigma", "variance")
"""What the second of two tensors that a model returns may be."""
NATS = "nats"
"""The units of beta of this project: see `ifp.formats.BETA_CONVENTION`."""


@dataclass(frozen=True, kw_only=True)
class RecordConfig:
    """How a model of the user's is asked, and on what.

    Attributes
    ----------
    dataset : its name. images, seed : how many images are encoded at each record, and by which seed they are drawn.
    layout : see LAYOUTS. pixel_mean, pixel_std : one number, or one per channel.
    head : how one tensor [N, 2D] holds mean and spread; "" where the model returns two. variance : see SPREADS.
    units : of the betas that are given: "nats", or a convention of `ifp beta convert`.
    likelihood, sigma : of the reconstruction. output : what `decode` gives.
    """

    dataset: str
    images: int = 1000
    seed: int = 0
    layout: str = "NCHW"
    pixel_mean: tuple[float, ...] = (0.0,)
    pixel_std: tuple[float, ...] = (1.0,)
    head: str = ""
    variance: str = "log variance"
    units: str = NATS
    likelihood: str = "bernoulli"
    sigma: float = 1.0
    output: str = "probabilities"

    def __post_init__(self) -> None:
        floats_as_declared(self)
        for name in ("pixel_mean", "pixel_std"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if not is_number(self.images) or not isinstance(self.images, int) or self.images < FEWEST_IMAGES:
            raise bad_value("images", self.images, f"a whole number of at least {FEWEST_IMAGES}")
        check_seed(self.seed)
        for name, allowed in (("layout", LAYOUTS), ("variance", SPREADS), ("output", OUTPUTS)):
            if getattr(self, name) not in allowed:
                raise unknown_name(name, getattr(self, name), allowed)
        if self.head and self.head not in HEADS:
            raise unknown_name("head", self.head, HEADS)
        if self.units != NATS:
            find_convention(self.units, f"units (the code base whose beta is given, or {NATS!r})")
        as_likelihood(self.likelihood, self.sigma)
        if self.output == "values" and self.likelihood == "bernoulli":
            raise IfpError(
                "output='values' are pixels without a probability, which the Bernoulli likelihood needs; give "
                "likelihood='gaussian' with its sigma, or say output='probabilities' or 'logits'."
            )

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        stored = dataclasses.asdict(self)
        return stored | {name: list(stored[name]) for name in ("pixel_mean", "pixel_std")}

    def digest(self) -> str:
        """Equal for equal settings."""
        return settings_digest(self.to_json())


def as_scale(scale: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that a user's `scale` stands for: a name of SCALES, or (mean, std).

    >>> as_scale("symmetric", 1), as_scale((0.5, [0.2, 0.2, 0.3]), 3)
    (((0.5,), (0.5,)), ((0.5,), (0.2, 0.2, 0.3)))
    """
    if isinstance(scale, str):
        if scale not in SCALES:
            raise unknown_name("scale", scale, SCALES)
        mean, std = SCALES[scale]
        return (mean,), (std,)
    if not isinstance(scale, tuple | list) or len(scale) != 2:
        raise _bad_scale(scale)
    found = []
    for part in scale:
        numbers = [part] if is_number(part) else part
        if not isinstance(numbers, tuple | list) or len(numbers) not in (1, channels):
            raise _bad_scale(scale)
        if not all(is_number(number) and math.isfinite(number) for number in numbers):
            raise _bad_scale(scale)
        found.append(tuple(float(number) for number in numbers))
    if min(found[1]) <= 0:
        raise _bad_scale(scale)
    return found[0], found[1]


def _bad_scale(scale: Any) -> IfpError:
    return bad_value(
        "scale", scale, f"{', '.join(SCALES)} or (mean, std) of pixels in [0, 1], each a number or one per channel"
    )
