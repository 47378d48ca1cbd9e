"""Local parabolas through noisy records, as weights: the smooth, its derivatives, and what noise does to them.

Shapes: S seeds, T records, G points of the grid, B draws of noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAREST = 7
"""A window holds at least so many records."""
NOISE_WIDTHS = 3.0
"""Half-widths of the window around a record in which its noise is estimated."""
DRAWS = 200
_LEAST_NOISE, _ROUNDING = 1e-4, 1e-9
"""Noise floor of a record: a share of the range of all records plus a share of the largest, left by smoothing and
rounding."""


@dataclass(frozen=True, eq=False)
class LocalFit:
    """Weights of the records in the smooth, its first and its second derivative at each point of the grid.

    `value_TT` are those of the smooth at the records themselves.
    """

    value_GT: np.ndarray
    slope_GT: np.ndarray
    bend_GT: np.ndarray
    value_TT: np.ndarray


def local_parabolas(x_T: np.ndarray, x_G: np.ndarray, half_width: float) -> LocalFit:
    """Weighted least squares of a parabola around each point, weights (1 - |d|^3)^3 (Loader 1999, chapter 2).

    >>> x = np.linspace(0, 1, 21)
    >>> fit = local_parabolas(x, np.array([0.5]), 0.3)
    >>> [round(float((weights @ (x**2))[0]), 9) for weights in (fit.value_GT, fit.slope_GT, fit.bend_GT)]
    [0.25, 1.0, 2.0]
    """
    weights = [_weights(x_T, x, half_width) for x in x_G]
    value_GT, slope_GT, bend_GT = (np.stack([found[order] for found in weights]) for order in range(3))
    return LocalFit(value_GT, slope_GT, bend_GT, np.stack([_weights(x_T, x, half_width)[0] for x in x_T]))


def _weights(x_T: np.ndarray, x: float, half_width: float) -> np.ndarray:
    """[3, T]: of the value, the slope and the second derivative at x."""
    distance_T = np.abs(x_T - x)
    reach = max(half_width, 1.001 * float(np.partition(distance_T, NEAREST - 1)[NEAREST - 1]))
    kernel_T = tricube(distance_T / reach)
    design_T3 = ((x_T - x) / reach)[:, None] ** np.arange(3)
    solved_3T = np.linalg.solve(design_T3.T @ (kernel_T[:, None] * design_T3), design_T3.T * kernel_T)
    return np.asarray(solved_3T * np.array([1, 1 / reach, 2 / reach**2])[:, None])


def tricube(distance: np.ndarray) -> np.ndarray:
    """(1 - |d|^3)^3 within |d| < 1, 0 beyond."""
    return np.asarray(np.clip(1 - np.abs(distance) ** 3, 0, None) ** 3)


@dataclass(frozen=True, eq=False)
class Noise:
    """What is known of the records' noise.

    Attributes
    ----------
    sd_T : standard deviation of each record of the mean over seeds, `inflation` included.
    standard_BT, standard_sd_BT : draws of noise of standard deviation 1, and what would be estimated from each.
    level : of the quantiles taken of them.
    """

    sd_T: np.ndarray
    inflation: float
    standard_BT: np.ndarray
    standard_sd_BT: np.ndarray
    level: float


def noise_of(
    values_ST: np.ndarray,
    x_T: np.ndarray,
    fit: LocalFit,
    half_width: float,
    generator: np.random.Generator,
    level: float,
) -> Noise:
    """The noise of records around their smooth, from its residuals nearby and from how far the seeds' slopes differ."""
    seeds, records = values_ST.shape
    estimate = _estimator(x_T, fit, half_width)
    mean_T = values_ST.mean(axis=0)
    least = _LEAST_NOISE * float(np.ptp(mean_T)) + _ROUNDING * float(np.abs(mean_T).max())
    sd_T = np.maximum(np.sqrt((estimate(values_ST) ** 2).mean(axis=0) / seeds), least)
    inflation = 1.0
    if seeds > 1 and least:
        expected_G = (fit.slope_GT**2) @ sd_T**2
        found_G = (values_ST @ fit.slope_GT.T).var(axis=0, ddof=1) / seeds
        free = seeds - 1
        median = (1 - 2 / (9 * free)) ** 3  # of chi-squared over its degrees of freedom (Wilson and Hilferty 1931)
        inflation = max(1.0, float(np.sqrt(np.median(found_G / expected_G) / median)))
    standard_BT = generator.standard_normal((DRAWS, records))
    return Noise(sd_T * inflation, inflation, standard_BT, estimate(standard_BT), level)


def _estimator(x_T: np.ndarray, fit: LocalFit, half_width: float) -> Callable[[np.ndarray], np.ndarray]:
    """From rows of records, [n, T], to the standard deviation of their noise around each record, [n, T]."""
    hat_TT = fit.value_TT
    # the share of independent noise that the smooth leaves in a residual
    left_T = np.maximum(1 - 2 * hat_TT.diagonal() + (hat_TT**2).sum(axis=1), 1e-3)
    kernel_TT = tricube((x_T[:, None] - x_T) / np.maximum(NOISE_WIDTHS * half_width, _reach(x_T)[:, None]))
    kernel_TT /= kernel_TT.sum(axis=1, keepdims=True)

    def estimate(rows_nT: np.ndarray) -> np.ndarray:
        residual_nT = rows_nT - rows_nT @ hat_TT.T
        return np.asarray(np.sqrt((residual_nT**2 / left_T) @ kernel_TT.T))

    return estimate


def _reach(x_T: np.ndarray) -> np.ndarray:
    """How far the records lie that a record's noise is estimated from, at least."""
    count = min(2 * NEAREST, len(x_T)) - 1
    return np.asarray(1.001 * np.partition(np.abs(x_T[:, None] - x_T), count, axis=1)[:, count])


@dataclass(frozen=True, eq=False)
class Smooth:
    """A curve that is a weighted sum of records, with its noise.

    Parameters
    ----------
    weights_GT : of the records at each point. values_T : the records. noise : theirs.
    """

    weights_GT: np.ndarray
    values_T: np.ndarray
    noise: Noise

    @cached_property
    def curve_G(self) -> np.ndarray:
        """The curve."""
        return np.asarray(self.weights_GT @ self.values_T)

    def band_G(self) -> np.ndarray:
        """What noise alone passes, anywhere on the curve and to either side, with probability 1 - level."""
        drawn_BG = self.noise.standard_BT @ self.weights_GT.T
        spread_BG = np.sqrt(self.noise.standard_sd_BT**2 @ (self.weights_GT**2).T)
        times = float(np.quantile(np.max(np.abs(drawn_BG) / spread_BG, axis=1), self.noise.level))
        return np.asarray(times * np.sqrt((self.weights_GT**2) @ self.noise.sd_T**2))

    @cached_property
    def least_difference_GG(self) -> np.ndarray:
        """What noise alone passes in the difference of any two points with probability 1 - level."""
        largest = []
        for standard_T, sd_T in zip(self.noise.standard_BT, self.noise.standard_sd_BT, strict=True):
            drawn_G = self.weights_GT @ standard_T
            ratio_GG = np.abs(drawn_G[:, None] - drawn_G) / self._spread_GG(sd_T)
            largest.append(ratio_GG.max())
        return np.asarray(np.quantile(largest, self.noise.level) * self._spread_GG(self.noise.sd_T))

    def _spread_GG(self, sd_T: np.ndarray) -> np.ndarray:
        """Standard deviation of the difference of two points; infinite for a point and itself."""
        scaled_GT = self.weights_GT * sd_T
        product_GG = scaled_GT @ scaled_GT.T
        square_G = product_GG.diagonal()
        both_GG = square_G[:, None] + square_G
        spread_GG = both_GG - 2 * product_GG
        # below rounding of the two squares a difference of points is no longer known
        return np.asarray(np.where(spread_GG > 1e-9 * both_GG, np.sqrt(np.maximum(spread_GG, 1e-300)), np.inf))

    def maxima(self) -> list[int]:
        """Local maxima from which the curve falls by more than noise to both sides, in order.

        A walk along the curve: a maximum counts once the curve has risen to it from the last dip, and fallen from it
        since, by more than `least_difference_GG`; dips alike.
        """
        curve_G, least_GG = self.curve_G, self.least_difference_GG
        found: list[int] = []
        top = dip = 0
        rising = False
        for at in range(1, len(curve_G)):
            if rising:
                if curve_G[at] > curve_G[top]:
                    top = at
                elif curve_G[top] - curve_G[at] > least_GG[top, at]:
                    found.append(top)
                    rising, dip = False, at
            elif curve_G[at] < curve_G[dip]:
                dip = at
            elif curve_G[at] - curve_G[dip] > least_GG[at, dip]:
                rising, top = True, at
        return found

    def dip(self, first: int, last: int) -> int:
        """The lowest point from `first` to `last`."""
        return first + int(np.argmin(self.curve_G[first : last + 1]))

    def basin(self, at: int, first: int, last: int) -> tuple[int, int]:
        """The dips on both sides of the maximum `at`, before the curve rises above it.

        Beyond a dip it may rise to the range's end, higher than the maximum, without a maximum there: that flank
        belongs to nothing that was found.
        """
        higher = np.flatnonzero(self.curve_G[first : last + 1] > self.curve_G[at]) + first
        begin = int(max(higher[higher < at], default=first - 1)) + 1
        end = int(min(higher[higher > at], default=last + 1)) - 1
        return self.dip(begin, at), self.dip(at, end)

    def place_interval(self, at: int, first: int, last: int, generator: np.random.Generator) -> tuple[int, int]:
        """Between which points the maximum `at`, of `first` to `last`, lies when the noise is drawn again.

        It holds `at`, also where the redrawn maxima pile up on one side of it.
        """
        first, last = self.basin(at, first, last)
        drawn_BT = generator.standard_normal((DRAWS, len(self.values_T))) * self.noise.sd_T
        drawn_BG = self.curve_G[first : last + 1] + drawn_BT @ self.weights_GT[first : last + 1].T
        tail = (1 - self.noise.level) / 2
        low, high = np.quantile(first + drawn_BG.argmax(axis=1), [tail, 1 - tail])
        return min(int(np.floor(low)), at), max(int(np.ceil(high)), at)
