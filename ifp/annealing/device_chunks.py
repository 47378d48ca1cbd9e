"""Into how large batches members are divided on devices: as few as memory allows, at least one for each device."""

from __future__ import annotations

import math

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
