"""npz:PATH: a user's own images, with or without factors, from one .npz file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ifp.datasets.accepted import AcceptedFactors, accept_factors, accept_images, factors_in_columns
from ifp.datasets.arrays import ArrayDataset
from ifp.datasets.binning import Bins
from ifp.datasets.layout import PLAIN, DataLayout, factors_of_grid
from ifp.datasets.npz_file import names_in, read_arrays
from ifp.errors import IfpError, counted

IMAGES = ("images", "imgs", "x")
FACTORS = ("factors", "latents_classes", "latents_values", "labels", "y")
NAMES = ("factor_names", "latents_names", "names")
"""Names under which each array is looked for, the first that is there counts; ours, those of the dSprites file, and
common ones."""
ALONE = ("shape_id", "shape", "scale", "orientation", "position_x", "position_y", "color")
"""Names of factors that lie in arrays of their own, as idsprites (Infinite dSprites) writes them; two of them make a
file of that layout."""


class NpzDataset(ArrayDataset):
    """Images from an .npz file with the arrays `images`, `factors` (optional) and `factor_names` (optional).

    What they may look like: `ifp.datasets.arrays.dataset`, docs/own_data.md. The names that other programs use are
    understood too (`IMAGES`, `FACTORS`, `NAMES`).

    Factors may also lie in arrays of their own (`ALONE`), as Infinite dSprites writes them. `layout` gives a grid in
    whose order the images are, or bins.

    Raises
    ------
    IfpError : the file or an array in it is missing, damaged or cannot be taken.
    """

    def __init__(self, path: Path, layout: DataLayout = PLAIN, *, name: str = "") -> None:
        self.path = path.expanduser()
        there = names_in(self.path)
        images = next((name for name in IMAGES if name in there), None)
        if images is None:
            raise IfpError(
                f"{path} has no array 'images' (it holds: {', '.join(there) or 'nothing'}); "
                "save it with numpy.savez(path, images=..., factors=..., factor_names=...), see docs/own_data.md."
            )
        factors = next((name for name in FACTORS if name in there), None)
        names = next((name for name in NAMES if name in there), None)
        wanted = [name for name in (images, factors, names) if name is not None]
        arrays = read_arrays(self.path, wanted)
        accepted = accept_images(arrays[images], str(path))
        count, labels, said = len(accepted.images_NHWC), arrays.get(factors or ""), arrays.get(names or "")
        alone = [] if factors else [one for one in ALONE if one in there]
        if layout.grid is not None:
            if factors or len(alone) > 1:
                raise IfpError(f"{path} has factors of its own ({factors or ', '.join(alone)}); leave `grid` out.")
            columns = factors_of_grid(layout.grid, count, str(path))
        elif len(alone) > 1:
            columns = factors_alone(self.path, alone, count, layout.bins)
        else:
            columns = accept_factors(labels, said, count, str(path), layout.bins)
        labelled = factors is not None or layout.grid is not None or len(alone) > 1
        super().__init__(name or f"npz:{path}", accepted, columns, labelled=labelled)
        ours = (IMAGES[0], FACTORS[0], NAMES[0])
        read = [
            f"{name!r} read as {own!r}"
            for name, own in zip((images, factors, names), ours, strict=True)
            if name not in (own, None)
        ]
        self.done = (*read, *self.done)

        self._layout = layout

    def _digest(self) -> str:
        """SHA-256 of the file, and of the grid and bins where such were given."""
        with self.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        if self._layout == PLAIN:
            return content
        return hashlib.sha256(f"{content}{self._layout}".encode()).hexdigest()


def factors_alone(path: Path, names: list[str], count: int, bins: Bins) -> AcceptedFactors:
    """Factors that lie in arrays of their own, [N] or [N, K] of which each row is a value; objects are left out."""
    columns: list[np.ndarray] = []
    kept: list[str] = []
    done: list[str] = []
    for name in names:
        try:
            values = read_arrays(path, [name])[name]
        except IfpError:
            done.append(f"the array {name!r} left out, which holds no numbers or text")
            continue
        if values.ndim not in (1, 2) or len(values) != count:
            raise IfpError(
                f"The array {name!r} of {path} has the shape {list(values.shape)} for {counted(count, 'image')}."
            )
        if values.ndim == 2:  # a colour: every different row is a value
            values = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
        columns.append(values)
        kept.append(name)
    found = factors_in_columns(columns, np.array(kept), count, str(path), bins)
    return AcceptedFactors(found.columns, found.names, (*done, *found.done))
