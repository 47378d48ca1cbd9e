"""What the user says of a model, else what its code base does: activation, head and scaling of the pixels."""

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
    """The encoder sees (x - mean) / std of x in [0, 1], and where that is from."""

    mean: float
    std: float
    said: Assumption


def hidden_activations(options: ReadingOptions, *habits: str) -> list[Assumption]:
    """The activation to rebuild with: the user's, else the code base's; of several habits each is a guess.

    Raises
    ------
    IfpError : the user's is unknown.
    """
    if options.activation is not None:
        if options.activation not in ACTIVATIONS:
            raise unknown_name("activation", options.activation, ACTIVATIONS)
        return [Assumption("activation", options.activation, "an option")]
    return [Assumption("activation", name, "a guess" if len(habits) > 1 else "the code base") for name in habits]


def chosen_head(options: ReadingOptions, habit: str) -> tuple[str, str]:
    """How mean and variance lie in the last layer, and where that is from; IfpError for an unknown way."""
    if options.head is None:
        return habit, "the code base"
    if options.head not in HEADS:
        raise unknown_name("head", options.head, HEADS)
    return options.head, "an option"


def chosen_variance(options: ReadingOptions, habit: str) -> tuple[str, str]:
    """What the last layer gives beside the mean, and where that is from; IfpError for something unknown."""
    if options.variance is None:
        return habit, "the code base"
    if options.variance not in VARIANCES:
        raise unknown_name("variance", options.variance, VARIANCES)
    return options.variance, "an option"


def chosen_pixels(options: ReadingOptions) -> Pixels:
    """What the user says, else images as they are; IfpError for numbers that cannot be."""
    if options.pixel_mean is None and options.pixel_std is None:
        return Pixels(0.0, 1.0, Assumption("input", "pixels in [0, 1]", "the code base"))
    mean = 0.0 if options.pixel_mean is None else options.pixel_mean
    std = 1.0 if options.pixel_std is None else options.pixel_std
    if not (std > 0 and math.isfinite(std) and math.isfinite(mean)):
        raise IfpError(f"Pixels are scaled by a mean and a positive standard deviation, got {mean!r} and {std!r}.")
    return Pixels(mean, std, scaled_input([mean], [std], "an option"))


def scaled_input(mean: Sequence[float], std: Sequence[float], source: str, note: str = "") -> Assumption:
    """(pixel - mean) / std in words, by channel where the channels differ.

    >>> scaled_input([0.5, 0.5], [0.25, 2.0], "the file").value
    '(pixel - 0.5) / (0.25, 2)'
    """
    return Assumption("input", f"(pixel - {_by_channel(mean)}) / {_by_channel(std)}{note}", source)


def _by_channel(values: Sequence[float]) -> str:
    words = [f"{value:g}" for value in values]
    return words[0] if len(set(words)) == 1 else f"({', '.join(words)})"
