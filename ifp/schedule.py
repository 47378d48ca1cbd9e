"""The laws by which beta moves: functions of progress u, from 0 at the first annealing step to 1 at the last.

Each works on floats, NumPy arrays and torch tensors alike, and has one value per member.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ifp.errors import unknown_name

# The constants of the DEFT author's examples/IFP.py: beta(t) = 70 exp(-15 t / S) + 1.
AUTHOR_BETA, AUTHOR_RATE, AUTHOR_FLOOR = 70.0, 15.0, 1.0


def geometric(u: Any, start: Any, end: Any) -> Any:
    """Equal ratios in equal times.

    >>> geometric(0.5, 100.0, 1.0)
    10.0
    """
    return start * (end / start) ** u


def linear(u: Any, start: Any, end: Any) -> Any:
    """Equal differences in equal times.

    >>> linear(0.5, 80.0, 1.0)
    40.5
    """
    return start + (end - start) * u


def author(u: Any, start: Any = None, end: Any = None) -> Any:
    """70 exp(-15 u) + 1, the published annealing test; the range of the run is ignored.

    >>> author(0.0), round(author(1.0), 6)
    (71.0, 1.000021)
    """
    return AUTHOR_BETA * math.exp(-AUTHOR_RATE) ** u + AUTHOR_FLOOR


Law = Callable[[Any, Any, Any], Any]
LAWS: dict[str, Law] = {"geometric": geometric, "linear": linear, "author": author}


def get_law(name: str) -> Law:
    """The law called `name`; raises IfpError with the legal names."""
    if name not in LAWS:
        raise unknown_name("law", name, LAWS)
    return LAWS[name]
