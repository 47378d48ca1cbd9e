"""Where and why exact curves end at their deep end, in words; without torch, because runs are drawn without it."""

from __future__ import annotations

from collections.abc import Sequence

ENDS = {
    "settled": "where they hold as much as was asked for, well below the lower edge",
    "floor": "at the floor of beta",
    "grid": "where a posterior is too narrow for the quadrature grid",
    "targets": "at the largest KL that any curve is followed to",
}
"""Reasons for the deep end of an exact curve, by the values of `AnnealTrace.ended_M`."""


def ends_in_words(ended_M: Sequence[str]) -> str:
    """How many exact curves ended for which reason, "" where there are none (`AnnealTrace.ended_M`).

    >>> ends_in_words(["floor", "floor", "grid", ""])
    'Of 3 exact curves 2 end at the floor of beta; 1 where a posterior is too narrow for the quadrature grid.'
    """
    counts = [(sum(end == name for end in ended_M), words) for name, words in ENDS.items()]
    total = sum(count for count, _ in counts)
    if not total:
        return ""
    reasons = "; ".join(f"{count} {words}" for count, words in counts if count)
    return f"Of {total} exact curves {reasons.replace(' ', ' end ', 1)}."
