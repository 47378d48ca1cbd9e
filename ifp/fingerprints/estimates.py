"""Estimates that know their standard error: Estimate in bits, Ratio without a unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TypeVar

import numpy as np

from ifp.errors import IfpError, bad_value


@dataclass(frozen=True)
class Ratio:
    """A number without a unit, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Estimate:
    """Information in bits, and its standard error."""

    bits: float
    error_bits: float

    def share(self, images: int) -> Ratio:
        """Of the entropy log2(images) of which image it is: I(X; U) / H(X).

        >>> Estimate(3.0, 0.1).share(64)
        Ratio(value=0.5, error=0.016666666666666666)
        """
        if images < 2:
            raise bad_value("images", images, "at least 2", "a single image has no entropy")
        entropy_bits = math.log2(images)
        return Ratio(self.bits / entropy_bits, self.error_bits / entropy_bits)


AnyEstimate = TypeVar("AnyEstimate", Estimate, Ratio)


def average(estimates: Sequence[AnyEstimate]) -> AnyEstimate:
    """The plain mean of estimates of different things (models, pairs) from the same draws.

    Its error is the mean of theirs: what it is at most, however correlated. Inverse variances would let a collapsed
    model, whose error is nothing, speak for all.

    Raises
    ------
    IfpError : no estimates, or one that is not finite.

    >>> average([Ratio(0.8, 0.1), Ratio(0.5, 0.2)])
    Ratio(value=0.65, error=0.15000000000000002)
    """
    if not estimates:
        raise IfpError("There are no estimates to average.")
    values, errors = np.array([astuple(estimate) for estimate in estimates], dtype=float).T
    if not (np.isfinite(values).all() and np.isfinite(errors).all()):
        raise IfpError("Only finite estimates can be averaged; leave out those of spaces without information.")
    return type(estimates[0])(float(values.mean()), float(errors.mean()))
