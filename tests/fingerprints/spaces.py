"""Nine synthetic spaces of 64 points whose information, NMI and VI are known (Murphy et al., arXiv:2405.21042).

The spaces follow the paper's text; the numbers were computed apart from ifp's code, from the formulas alone.
The Monte Carlo values are good to 0.007 bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ifp.codes import Codes

NAMES = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
POINTS = 64

INFORMATION_BITS = (2.8876, 0.9954, 2.1735, 3.1940, 0.6942, 4.4420, 0.9992, 1.9910, 1.1878)
TWO_LOOKS_BITS = (3.4626, 1.5967, 2.9414, 4.0497, 1.1917, 4.9335, 1.0000, 2.0000, 1.3556)
TRUE_INFORMATION_BITS = (3.228, 1.419, 2.681, 3.717, 1.099, 4.717, 1.000, 1.997, 1.320)

# row by row above the diagonal: i with ii ... ix, then ii with iii ... ix, and so on
NMI = (
    .9238, .8654, .8367, .6893, .9261, .5782, .7960, .6712,
    .7077, .5807, .3523, .7877, .5409, .8094, .6320,
    .5646, .1458, .8546, .4469, .6886, .5347,
    .8790, .9294, .4371, .5845, .5005,
    .7424, .0955, .3184, .1519,
    .4912, .6863, .5748,
    .7071, .9857,
    .8314,
)  # fmt: skip
VI_BITS = (
    .9430, .5975, .7595, 1.5793, .6644, 1.5538, .8861, 1.2709,
    .7463, 1.6176, .3946, 2.3789, .7140, .9456, .6128,
    1.6968, 1.4491, 1.3286, 1.3452, 1.0889, 1.1453,
    1.3426, .6395, 2.0009, 1.8037, 1.8124,
    2.8381, 1.1106, 1.7811, 1.0807,
    2.9977, 2.0919, 2.6628,
    .9910, .0291,
    .6376,
)  # fmt: skip
TRUE_NMI = {
    ("i", "ii"): 0.905,
    ("i", "iii"): 0.897,
    ("i", "vi"): 0.930,
    ("iv", "vi"): 0.948,
    ("v", "vii"): 0.210,
    ("vii", "viii"): 0.707,
    ("vii", "ix"): 0.942,
    ("viii", "ix"): 0.888,
}
"""By Monte Carlo, good to 0.01."""


@cache
def nine_spaces() -> dict[str, Codes]:
    """Each space's name and posteriors, in order."""
    x = np.arange(POINTS, dtype=float)
    r = np.sqrt(x)
    coil = r[:, None] * np.stack([np.cos(0.4 * np.pi * r), np.sin(0.4 * np.pi * r)], axis=1)
    halves = np.where(x < 32, -6.4, 6.4)[:, None] * [1.0, 0.0]
    square = square_spiral()
    spaces = {
        "i": (coil, 0.1),
        "ii": (coil, 2.1),
        "iii": (coil, (0.1 + r - 4.5)[:, None]),
        "iv": (square, 0.0),
        "v": (square, 2.5),
        "vi": (np.linspace(-32, 32, POINTS)[:, None], -1.0),
        "vii": (halves, 1.0),
        "viii": (corners("-+ ++ +- --"), 1.0),
        "ix": (corners("-+ -- +- ++"), np.array([1.0, 4.0])),
    }
    nothing = np.empty((POINTS, 0), dtype=int)
    return {name: Codes(mean, logvar + np.zeros_like(mean), nothing) for name, (mean, logvar) in spaces.items()}


def square_spiral() -> np.ndarray:
    """64 points on a spiral with corners, from the origin north, with steps from 0.5 that grow by 0.1 a turn."""
    place, step, side, heading, walked = np.zeros(2), 0.5, 1, 0, 0
    points = []
    for _ in range(POINTS):
        points.append(place)
        place = place + step * np.array([(0, 1), (1, 0), (0, -1), (-1, 0)][heading])
        walked += 1
        if walked == side:
            walked, heading, step = 0, (heading + 1) % 4, step + 0.1
            side += heading % 2 == 0
    return np.array(points)


def corners(signs: str) -> np.ndarray:
    """16 points at each of four corners of a square of side 11.2, in the order of their signs."""
    each = [[5.6 if sign == "+" else -5.6 for sign in corner] for corner in signs.split()]
    return np.repeat(each, POINTS // 4, axis=0)
