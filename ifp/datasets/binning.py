"""Continuous factors as levels: bins of equally many values, on request.

Shapes: N values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ifp.errors import IfpError, bad_value

Bins = int | Mapping[str, int] | None
"""How many bins: one number for every continuous factor, or one for each that is named; None for none."""
MOST_BINS = 1000


def parse_bins(text: str) -> int | dict[str, int]:
    """The bins of a text such as "5" or "age:5,size:10".

    Raises
    ------
    IfpError : another form, or a number outside 2 .. 1000.

    >>> parse_bins("5"), parse_bins("age:5, size:10")
    (5, {'age': 5, 'size': 10})
    """
    if text.strip().isdecimal():
        return _checked(int(text), text)
    return {name: _checked(count, text) for name, count in parse_counts(text, "bins").items()}


def parse_counts(text: str, option: str) -> dict[str, int]:
    """Names and whole numbers of a text such as "shape:4,scale:8", in its order.

    Raises
    ------
    IfpError : another form, or a name that stands twice.

    >>> parse_counts("shape:4,scale:8", "grid")
    {'shape': 4, 'scale': 8}
    """
    counts: dict[str, int] = {}
    for part in text.split(","):
        name, colon, number = part.strip().rpartition(":")
        if not colon or not name.strip() or set(name) & set(";#") or not number.strip().isdecimal() or len(number) > 9:
            raise bad_value(option, text, "NAME:NUMBER,NAME:NUMBER,... such as shape:4,scale:8")
        if name.strip() in counts:
            raise IfpError(f"{option} names {name.strip()!r} twice, got {text!r}; give each factor once.")
        counts[name.strip()] = int(number)
    return counts


def bins_for(bins: Bins, name: str) -> int | None:
    """How many bins the factor `name` is put into, None for none."""
    if bins is None:
        return None
    return bins.get(name) if isinstance(bins, Mapping) else bins


def by_quantiles(values_N: np.ndarray, count: int) -> np.ndarray:
    """The bin of each value, int64 [N], 0 for the lowest: `count` bins that hold equally many values.

    Equal values lie in one bin, so that fewer bins than `count` may be left, numbered on without a gap.

    >>> by_quantiles(np.array([0.1, 5.0, 0.2, 7.5, 0.2, 6.0]), 2)
    array([0, 1, 0, 1, 0, 1])
    """
    edges = np.quantile(values_N, np.arange(1, count) / count)
    highest = values_N.max()
    if values_N.min() < highest:  # an edge at the highest value would part nothing, however often that value stands
        edges = np.minimum(edges, values_N[values_N < highest].max())
    return np.unique(np.searchsorted(np.unique(edges), values_N), return_inverse=True)[1].astype(np.int64)


def _checked(count: int, text: str) -> int:
    if not 2 <= count <= MOST_BINS:
        raise bad_value("bins", text, f"numbers between 2 and {MOST_BINS}")
    return count
