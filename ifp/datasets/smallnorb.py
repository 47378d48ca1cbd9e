"""SmallNORB from its six official files: photographs of toys under controlled pose and lighting.

Source: Y. LeCun, F. J. Huang, L. Bottou, Learning methods for generic object recognition with invariance to pose and
lighting, CVPR 2004; files and format: cs.nyu.edu/~ylclab/data/norb-v1.0-small.
The reading (left camera, both splits, 96 to 64 by Lanczos, instance not a factor) is that of disentanglement_lib.

Shapes: N images, G grid cells (category, instance, elevation, azimuth, lighting), H W rows and columns.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import cache_folder
from ifp.datasets.download import default_data_dir, find_file
from ifp.datasets.factors import FactorSpace
from ifp.datasets.norb_format import read_matrix_rows
from ifp.datasets.npy_header import read_npy_header
from ifp.errors import IfpError
from ifp.system.files import replacing
from ifp.system.progress import Progress, silent

SPLITS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")
"""The beginnings of the official files' names: the training split and the testing split."""
PARTS = ("dat", "cat", "info")
"""The ends of their names: images, categories, and the other factors."""
CAMERAS, NATIVE_SIZE, SIZE = 2, 96, 64
"""Images per row of the files, and their side in pixels as stored and as read."""
BLOCK_ROWS = 128
"""Rows that are read and resized at a time."""


@dataclass(frozen=True)
class NorbDesign:
    """How many of each there are; anything but the default serves to test the reader on small files."""

    categories: int = 5
    instances: int = 10
    elevations: int = 9
    azimuths: int = 18
    lightings: int = 6

    @property
    def grid(self) -> FactorSpace:
        """Every image of both splits, in the order in which we keep them."""
        return FactorSpace(
            ("category", "instance", "elevation", "azimuth", "lighting"),
            (self.categories, self.instances, self.elevations, self.azimuths, self.lightings),
        )

    @property
    def rows(self) -> int:
        """Image pairs in one split; the official files hold equally many in both."""
        return len(self.grid) // len(SPLITS)


OFFICIAL = NorbDesign()


class SmallNorb(FactorDataset):
    """The official SmallNORB: 48,600 grey images, uint8, 64 x 64; the toy (instance) is a nuisance.

    The first use reads the files (some seconds) and keeps the small images in the user's cache folder; later ones open
    them without copying. `nuisance % 10` picks the instance.

    Parameters
    ----------
    data_dir : the folder with the six files, each plain or gzipped; None means `default_data_dir()`.
    read : False only describes: no file is looked for.
    progress : called with the images read and all, where they are read for the first time.

    Raises
    ------
    IfpError : files that are missing or damaged.
    """

    name = "smallnorb"
    image_shape = (1, SIZE, SIZE)
    nuisance_name = "instance"

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        design: NorbDesign = OFFICIAL,
        read: bool = True,
        progress: Progress = silent,
    ) -> None:
        self.design = design
        self.nuisance_values = design.instances
        names, sizes = design.grid.names, design.grid.sizes
        self.space = FactorSpace(names[:1] + names[2:], sizes[:1] + sizes[2:])
        if read:
            self.images_GHW = _cached_grid(find_files(data_dir or default_data_dir()), design, progress)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, 1, 64, 64]; the instance is `nuisance % instances`."""
        instance_N1 = (np.asarray(nuisance_N) % self.design.instances)[:, None]
        cells_N5 = np.concatenate([positions_NF[:, :1], instance_N1, positions_NF[:, 1:]], axis=1)
        return self.images_GHW[self.design.grid.ravel(cells_N5)][:, None]

    def checksum(self) -> str:
        """SHA-256 of all images in grid order: the same for plain and gzipped files."""
        return hashlib.sha256(self.images_GHW.data).hexdigest()

    def describe(self) -> dict[str, object]:
        """How this reading of SmallNORB is made; other libraries make other ones."""
        return {
            **super().describe(),
            **READING,
        }


READING: dict[str, object] = {
    "splits": "training and testing merged (instances 4, 6-9 and 0-3, 5)",
    "camera": "left (the first of each pair)",
    "resize": "96 x 96 to 64 x 64, Pillow's Lanczos filter, uint8",
    "azimuth": "18 values, the file's 0, 2 .. 34 halved, 20 degrees apart",
    "follows": "disentanglement_lib (and DEFT's own code): category, elevation, azimuth, lighting are the factors",
    "terms": "for research; cite LeCun, Huang and Bottou, CVPR 2004",
}


def find_files(data_dir: Path) -> dict[str, Path]:
    """The six files, by split and part; raises IfpError naming those that are missing."""
    names = {f"{split}-{part}": f"{split}-{part}.mat" for split in SPLITS for part in PARTS}
    found = {key: find_file(data_dir, name) for key, name in names.items()}
    missing = [names[key] for key, path in found.items() if path is None]
    if missing:
        raise IfpError(
            f"SmallNORB is not complete in {data_dir}: missing {', '.join(missing)}; run `ifp data get smallnorb`, or "
            "put these files there (plain or .gz), or use `dataset='toys'`, of the same design, which needs no files."
        )
    return {key: path for key, path in found.items() if path is not None}


def read_grid(files: dict[str, Path], design: NorbDesign = OFFICIAL, progress: Progress = silent) -> np.ndarray:
    """Read and check all files: the left images at 64 x 64, uint8 [G, H, W], in grid order.

    At the official size this holds 200 MB and a few blocks. `progress` counts images.

    Raises
    ------
    IfpError : damaged files, values out of range, images that are missing or there twice.
    """
    cells = [_grid_cells(files, split, design) for split in SPLITS]
    _check_complete(np.concatenate(cells), design)
    images_GHW = np.empty((len(design.grid), SIZE, SIZE), dtype=np.uint8)
    done = 0
    for split, cells_N in zip(SPLITS, cells, strict=True):
        shape = (design.rows, CAMERAS, NATIVE_SIZE, NATIVE_SIZE)
        start = 0
        for block in read_matrix_rows(files[f"{split}-dat"], "uint8", shape, BLOCK_ROWS):
            for cell, pair in zip(cells_N[start : start + len(block)], block, strict=True):
                small = Image.fromarray(pair[0]).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
                images_GHW[cell] = np.asarray(small)
            start += len(block)
            done += len(block)
            progress("Reading smallnorb", done, len(images_GHW))
    return images_GHW


def _grid_cells(files: dict[str, Path], split: str, design: NorbDesign) -> np.ndarray:
    """The grid cell of each row of a split, from its category and info files."""
    category_path, info_path = files[f"{split}-cat"], files[f"{split}-info"]
    (category_N,) = read_matrix_rows(category_path, "int32", (design.rows,), design.rows)
    (info_N4,) = read_matrix_rows(info_path, "int32", (design.rows, 4), design.rows)
    instance_N, elevation_N, azimuth_N, lighting_N = info_N4.T
    for path, name, value_N, allowed in [
        (category_path, "category", category_N, range(design.categories)),
        (info_path, "instance", instance_N, range(design.instances)),
        (info_path, "elevation", elevation_N, range(design.elevations)),
        (info_path, "azimuth", azimuth_N, range(0, 2 * design.azimuths, 2)),
        (info_path, "lighting", lighting_N, range(design.lightings)),
    ]:
        wrong = np.flatnonzero(~np.isin(value_N, list(allowed)))
        if len(wrong):
            raise IfpError(
                f"{path} gives {name} {value_N[wrong[0]]} in row {wrong[0]}, where "
                f"{', '.join(map(str, allowed[:2]))} .. {allowed[-1]} are possible; delete it and run `ifp data get "
                "smallnorb`."
            )
    return design.grid.ravel(np.stack([category_N, instance_N, elevation_N, azimuth_N // 2, lighting_N], axis=1))


def _check_complete(cells_G: np.ndarray, design: NorbDesign) -> None:
    times_G = np.bincount(cells_G, minlength=len(design.grid))
    wrong = np.flatnonzero(times_G != 1)
    if len(wrong):
        # one doubled row leaves a hole elsewhere: the doubled one is the cause, so name that
        worst = wrong[np.argmax(times_G[wrong])]
        cell = ", ".join(f"{n} {v}" for n, v in zip(design.grid.names, design.grid.unravel(worst), strict=True))
        raise IfpError(
            f"The SmallNORB files hold the image ({cell}) {times_G[worst]} times instead of once ({len(wrong)} such "
            "faults); delete the -cat and -info files and run `ifp data get smallnorb`."
        )


def _cached_grid(files: dict[str, Path], design: NorbDesign, progress: Progress = silent) -> np.ndarray:
    """The images from the cache, or read anew and then cached; a cache that cannot be written is done without."""
    stats = {key: path.stat() for key, path in files.items()}
    identity = repr((design, PIL.__version__, {k: (str(files[k]), s.st_size, s.st_mtime_ns) for k, s in stats.items()}))
    cached = cache_folder() / f"smallnorb-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npy"
    shape = (len(design.grid), SIZE, SIZE)
    try:
        with cached.open("rb") as file:
            read_npy_header(file)  # NumPy itself lets through more than a ValueError from a damaged one
        images_GHW: np.ndarray = np.asarray(np.load(cached, mmap_mode="r", allow_pickle=False))
        if images_GHW.shape == shape and images_GHW.dtype == np.uint8:
            return images_GHW
    except (OSError, ValueError, EOFError):
        pass  # not there, or cut short: read the files
    images_GHW = read_grid(files, design, progress)
    with contextlib.suppress(OSError), replacing(cached) as file:
        np.save(file, images_GHW)
    return images_GHW
