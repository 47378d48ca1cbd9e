"""Where to measure: the joint information of a factor is dear, so that it is measured around its crossing.

Shapes: T records.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STRIDE = 5
"""Records from one coarse measurement to the next."""
MARGIN = 4
"""Records measured beyond the two coarse ones between which the threshold is crossed, to either side."""


def measure_crossing(measure: Callable[[int], float], ceiling_T: np.ndarray, threshold: float) -> np.ndarray:
    """Values [T] where they decide the last crossing of `threshold`, NaN elsewhere.

    Measured are every fifth record and both ends, then all records around the last change of side between two of them,
    until no record next to what is measured lies on another side than its coarse neighbours say.

    Parameters
    ----------
    measure : a lower bound of the value at a record. ceiling_T : what the value cannot exceed; where that lies below
        the threshold, 0 stands for a coarse measurement.
    """
    count = len(ceiling_T)
    value_T = np.full(count, np.nan)
    for place in {*range(0, count, STRIDE), count - 1}:
        value_T[place] = measure(place) if ceiling_T[place] >= threshold else 0.0
    measured_T = ~np.isnan(value_T) & (ceiling_T >= threshold)
    while True:
        known = np.flatnonzero(~np.isnan(value_T))
        above = value_T[known] >= threshold
        changes = np.flatnonzero(above[1:] != above[:-1])
        if not len(changes):
            return value_T
        first, last = known[changes[-1]], known[changes[-1] + 1]
        block = np.arange(max(0, first - MARGIN), min(count, last + MARGIN + 1))
        missing = block[~measured_T[block]]
        if not len(missing):
            return value_T
        value_T[missing] = [measure(place) for place in missing]
        measured_T[missing] = True
