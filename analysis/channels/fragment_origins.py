"""Where a fragment of information comes from as beta falls, and what becomes of it, told by its links."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class FragmentOrigin(StrEnum):
    """Where a fragment comes from, seen from the next higher beta."""

    AT_FIRST = "at_first"
    """It is there at the highest beta already."""
    APPEARS = "appears"
    """It is linked to nothing at any higher beta."""
    RETURNS = "returns"
    """It is linked only past the next higher level, whose models have no such hotspot."""
    CONTINUES = "continues"
    """It is linked to one fragment, which has no other child."""
    SPLIT = "split"
    """It is linked to one fragment, which has other children too."""
    MERGED = "merged"
    """It is linked to several fragments."""


class FragmentFate(StrEnum):
    """What becomes of a fragment at the next lower beta."""

    AT_LAST = "at_last"
    """It is there at the lowest beta."""
    ENDS = "ends"
    """It is linked to nothing below."""
    CONTINUES = "continues"
    """It is linked to one fragment, which has no other parent."""
    SPLITS = "splits"
    """It is linked to several fragments."""
    MERGES = "merges"
    """It is linked to one fragment, which has other parents too."""


def origin_of(level: int, parents: Sequence[int], children: dict[int, list[int]], *, returns: bool) -> FragmentOrigin:
    """The origin of a fragment at a level, from the numbers of its parents and of all fragments' children."""
    if level == 0:
        return FragmentOrigin.AT_FIRST
    if not parents:
        return FragmentOrigin.APPEARS
    if len(parents) > 1:
        return FragmentOrigin.MERGED
    if len(children[parents[0]]) > 1:
        return FragmentOrigin.SPLIT
    return FragmentOrigin.RETURNS if returns else FragmentOrigin.CONTINUES


def fate_of(last: bool, children: Sequence[int], parents: dict[int, list[int]]) -> FragmentFate:
    """The fate of a fragment, from the numbers of its children and of their parents; `last`: at the lowest beta."""
    if last:
        return FragmentFate.AT_LAST
    if not children:
        return FragmentFate.ENDS
    if len(children) > 1:
        return FragmentFate.SPLITS
    return FragmentFate.MERGES if len(parents[children[0]]) > 1 else FragmentFate.CONTINUES
