"""What a user says of images whose file does not: a grid in whose order they lie, and bins of continuous factors.

Both are parts of a data set's name, "npz:PATH#grid=shape:4,scale:8#bins=age:5", so that a run's record holds them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ifp.datasets.accepted import AcceptedFactors
from ifp.datasets.binning import Bins, parse_bins, parse_counts
from ifp.datasets.factors import check_factor_names
from ifp.errors import IfpError, bad_value, counted

_NAME = re.compile(r"(?P<name>.*?)(?:#grid=(?P<grid>[^#]*))?(?:#bins=(?P<bins>[^#]*))?", re.DOTALL)
Grid = Mapping[str, int]
"""Names of factors and their numbers of values; the last varies fastest."""


@dataclass(frozen=True)
class DataLayout:
    """What was said of a user's images: see `ifp.load_dataset`."""

    grid: Grid | None = None
    bins: Bins = None


PLAIN = DataLayout()
"""Nothing was said."""


def named_with(name: str, grid: str | Grid | None, bins: str | Bins) -> str:
    """The name of a data set with a grid and bins in it.

    Raises
    ------
    IfpError : a grid or bins in another form, or a name that has such already.

    >>> named_with("npz:a.npz", "shape:4,scale:8", None), named_with("npz:a.npz", None, {"age": 5})
    ('npz:a.npz#grid=shape:4,scale:8', 'npz:a.npz#bins=age:5')
    """
    if grid is None and bins is None:
        return name
    if split_name(name)[1] != PLAIN:
        raise IfpError(f"The name {name!r} has a grid or bins in it; leave them out there, or give none beside it.")
    if grid is not None:
        text = grid if isinstance(grid, str) else _counted(grid)
        name += f"#grid={_counted(_grid(text))}"
    if bins is not None:
        text = bins if isinstance(bins, str) else _counted(bins) if isinstance(bins, Mapping) else str(bins)
        given = parse_bins(text)
        name += f"#bins={given if isinstance(given, int) else _counted(given)}"
    return name


def split_name(name: str) -> tuple[str, DataLayout]:
    """A data set's name without grid and bins, and these.

    >>> split_name("npz:a.npz#grid=shape:4,scale:8#bins=5")
    ('npz:a.npz', DataLayout(grid={'shape': 4, 'scale': 8}, bins=5))
    """
    found = _NAME.fullmatch(name)
    assert found is not None
    if found["name"] in ("npz:", "images:"):
        what = "the path of an .npz file" if found["name"] == "npz:" else "the path of a folder with pictures"
        raise IfpError(f"{found['name']!r} names nothing; give {what} after it.")
    grid, bins = found["grid"], found["bins"]
    return found["name"], DataLayout(None if grid is None else _grid(grid), None if bins is None else parse_bins(bins))


def factors_of_grid(grid: Grid, count: int, of: str) -> AcceptedFactors:
    """The factors of `count` images that lie in the order of a grid.

    Raises
    ------
    IfpError : the grid has another number of images.
    """
    sizes = tuple(grid.values())
    if math.prod(sizes) != count:
        product = "" if len(sizes) == 1 else f"{' x '.join(map(str, sizes))} = "
        raise IfpError(
            f"{of} holds {counted(count, 'image')} and the grid {_counted(grid)} has "
            f"{product}{math.prod(sizes):,}; the "
            "sizes of a grid multiply to the number of images."
        )
    columns = tuple(np.unravel_index(np.arange(count), sizes))
    return AcceptedFactors(columns, tuple(grid), ("factors from the order of the images, as `grid` says",))


def _grid(text: str) -> dict[str, int]:
    grid = parse_counts(text, "grid")
    check_factor_names(list(grid), len(grid), "grid")
    small = next((name for name, size in grid.items() if size < 1), None)
    if small is not None:
        raise bad_value("grid", text, "sizes of at least 1", f"mend {small!r}")
    return grid


def _counted(counts: Mapping[str, int]) -> str:
    return ",".join(f"{name}:{count}" for name, count in counts.items())
