"""Folders of pictures with their factors in `factors.npz`, as the generator of Infinite dSprites writes them.

Source: S. Dziadzio et al., Infinite dSprites for Disentangled Continual Learning, 2023 (sbdzdz/idsprites,
scripts/generate_dataset.py): `task_1/train/sample_0_shape_4.png` ..., and `factors.npz` with an array per factor in the
order of the samples' numbers.
"""

from __future__ import annotations

import re
from pathlib import Path

from ifp.datasets.accepted import AcceptedFactors
from ifp.datasets.binning import Bins
from ifp.datasets.npz import ALONE, factors_alone
from ifp.datasets.npz_file import names_in
from ifp.errors import IfpError

NUMBERED = "factors.npz"
"""The file in the folder that holds the factors, an array each, in the order of the numbers in the pictures' names."""


def numbered_factors(folder: Path, there: list[str], bins: Bins) -> tuple[list[str], AcceptedFactors] | None:
    """The pictures in the order of their numbers, and their factors; None for a folder without `factors.npz`.

    Raises
    ------
    IfpError : pictures that are not numbered from 0 on, arrays that are missing, damaged or of another length.
    """
    path = folder / NUMBERED
    if not path.is_file():
        return None
    named = [name for name in ALONE if name in names_in(path)]
    if not named:
        raise IfpError(
            f"{path} has none of the arrays {', '.join(ALONE)} of Infinite dSprites; give the factors as factors.csv, "
            "one row per picture."
        )
    numbers = {name: re.search(r"\d+", Path(name).stem) for name in there}
    of_number = {int(found[0]): name for name, found in numbers.items() if found is not None}
    if sorted(of_number) != list(range(len(there))):
        raise IfpError(
            f"The pictures in {folder} must be numbered from 0 to {len(there) - 1}, as {there[0]!r} should be, to be "
            f"matched with {path.name}; name them so, or give the factors as factors.csv."
        )
    files = [of_number[number] for number in range(len(there))]
    factors = factors_alone(path, named, len(files), bins)
    return files, AcceptedFactors(factors.columns, factors.names, (f"factors read from {path.name}", *factors.done))
