"""Activation, head, variance and scaling of the pixels: what the user states, else what the code base does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ifp.checkpoints.rebuild.chain import ACTIVATIONS
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import HEADS, VARIANCES, Assumption
from ifp.errors import IfpError, unknown_name


@dataclass(frozen=True)
class Pixels:
    """The scaling of pixels x in [0, 1], of which the encoder sees (x - mean) / std, and the assumption in words."""

    mean: float
    std: float
    assumption: Assumption


def hidden_activations(options: ReadingOptions, *habits: str) -> list[Assumption]:
    """The activations to try: the user's, else those that the code base uses, each a guess if there are several.

    Raises
    ------
    IfpError : if the user states an unknown activation.
    """
    if options.activation is not None:
        if options.activation not in ACTIVATIONS:
            raise unknown_name("activation", options.activation, ACTIVATIONS)
        return [Assumption("activation", options.activation, "an option")]
    return [Assumption("activation", name, "a guess" if len(habits) > 1 else "the code base") for name in habits]


def chosen_head(options: ReadingOptions, habit: str) -> tuple[str, str]:
    """The order of means and variances in the last layer, and where it is from; raises IfpError if it is unknown."""
    if options.head is None:
        return habit, "the code base"
    if options.head not in HEADS:
        raise unknown_name("head", options.head, HEADS)
    return options.head, "an option"


def chosen_variance(options: ReadingOptions, habit: str) -> tuple[str, str]:
    """What the last layer gives in addition to the mean, and where that is from; raises IfpError if it is unknown."""
    if options.variance is None:
        return habit, "the code base"
    if options.variance not in VARIANCES:
        raise unknown_name("variance", options.variance, VARIANCES)
    return options.variance, "an option"


def chosen_pixels(options: ReadingOptions) -> Pixels:
    """The scaling that the user states, else none; raises IfpError for impossible numbers."""
    if options.pixel_mean is None and options.pixel_std is None:
        return Pixels(0.0, 1.0, Assumption("input", "pixels in [0, 1]", "the code base"))
    mean = 0.0 if options.pixel_mean is None else options.pixel_mean
    std = 1.0 if options.pixel_std is None else options.pixel_std
    if not (std > 0 and math.isfinite(std) and math.isfinite(mean)):
        raise IfpError(f"Pixels are scaled by a mean and a positive standard deviation, got {mean!r} and {std!r}.")
    return Pixels(mean, std, scaled_input([mean], [std], "an option"))


def scaled_input(mean: Sequence[float], std: Sequence[float], source: str, note: str = "") -> Assumption:
    """The scaling (pixel - mean) / std as an assumption, with one number per channel if the channels differ.

    >>> scaled_input([0.5, 0.5], [0.25, 2.0], "the file").value
    '(pixel - 0.5) / (0.25, 2)'
    """
    return Assumption("input", f"(pixel - {_by_channel(mean)}) / {_by_channel(std)}{note}", source)


def _by_channel(values: Sequence[float]) -> str:
    words = [f"{value:g}" for value in values]
    return words[0] if len(set(words)) == 1 else f"({', '.join(words)})"
