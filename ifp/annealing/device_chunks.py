"""How members are divided into batches on devices: evenly, as few as memory allows, at least one for each device."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ifp.annealing.config import AnnealConfig
from ifp.annealing.members import MemberData, chunk_members

DIVISIONS = (1, 2, 4)
"""The fewest chunks that are possible, and how many times as many are measured too."""


def device_chunk_sizes(largest: int, fits: int, devices: int) -> list[int]:
    """Sizes of chunks to be measured, for a largest group of so many members of one shape.

    Parameters
    ----------
    fits : members for which one device has memory.

    >>> device_chunk_sizes(200, 512, 1), device_chunk_sizes(200, 512, 8)
    ([50, 100, 200], [7, 13, 25])
    """
    fewest = max(devices, math.ceil(largest / fits))
    return sorted({max(1, math.ceil(largest / (fewest * times))) for times in DIVISIONS})


def device_chunks(data: Sequence[MemberData], config: AnnealConfig, most: int, devices: int) -> list[list[int]]:
    """Members of one shape in even chunks of at most `most`; no device is left without one for want of chunks."""
    most = min(most, math.ceil(len(data) / devices))
    return chunk_members(data, config, most)
