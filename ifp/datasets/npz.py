"""npz:PATH: a user's own images, with or without factors, from one .npz file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ifp.datasets.accepted import accept_factors, accept_images
from ifp.datasets.arrays import ArrayDataset
from ifp.datasets.npz_file import names_in, read_arrays
from ifp.errors import IfpError

IMAGES = ("images", "imgs", "x")
FACTORS = ("factors", "latents_classes", "latents_values", "labels", "y")
NAMES = ("factor_names", "latents_names", "names")
"""Names under which each array is looked for, the first that is there counts; ours, those of the dSprites file, and
common ones."""


class NpzDataset(ArrayDataset):
    """Images from an .npz file with the arrays `images`, `factors` (optional) and `factor_names` (optional).

    What they may look like: `ifp.datasets.arrays.dataset`, docs/own_data.md. The names that other programs use are
    understood too (`IMAGES`, `FACTORS`, `NAMES`).

    Raises
    ------
    IfpError : the file or an array in it is missing, damaged or cannot be taken.
    """

    def __init__(self, path: Path) -> None:
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
        columns = accept_factors(
            arrays[factors] if factors else None,
            arrays[names] if names else None,
            len(accepted.images_NHWC),
            str(path),
        )
        super().__init__(f"npz:{path}", accepted, columns, labelled=factors is not None)
        ours = (IMAGES[0], FACTORS[0], NAMES[0])
        read = [
            f"{name!r} read as {own!r}"
            for name, own in zip((images, factors, names), ours, strict=True)
            if name not in (own, None)
        ]
        self.done = (*read, *self.done)

    def _digest(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
