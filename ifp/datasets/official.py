"""The official data sets, all through the same four questions: open, find, describe without files, count the images.

Each one's module is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.download import default_data_dir
from ifp.system.progress import Progress, silent


def open_official(
    name: str, data_dir: Path | None = None, *, read: bool = True, progress: Progress = silent
) -> FactorDataset:
    """The data set of `ifp.datasets.catalog.OFFICIAL` called `name`; with `read` off it only describes itself.

    Raises
    ------
    IfpError : files that are missing or damaged.
    """
    if name == "dsprites":
        from ifp.datasets.dsprites import DSprites

        return DSprites(data_dir, read=read, progress=progress)
    if name == "smallnorb":
        from ifp.datasets.smallnorb import SmallNorb

        return SmallNorb(data_dir, read=read, progress=progress)
    if name == "shapes3d":
        from ifp.datasets.shapes3d import Shapes3D

        return Shapes3D(data_dir, read=read, progress=progress)
    if name == "cars3d":
        from ifp.datasets.cars3d import Cars3D

        return Cars3D(data_dir, read=read, progress=progress)
    from ifp.datasets.mpi3d import Mpi3d

    return Mpi3d(name, data_dir, read=read, progress=progress)


def find_official(name: str, data_dir: Path | None = None) -> None:
    """Raise IfpError, which says how to get them, where the files of a data set are not there; reads no file."""
    folder = data_dir or default_data_dir()
    if name == "dsprites":
        from ifp.datasets import dsprites

        dsprites.find_official(folder)
    elif name == "smallnorb":
        from ifp.datasets import smallnorb

        smallnorb.find_files(folder)
    elif name == "shapes3d":
        from ifp.datasets import shapes3d

        shapes3d.find_official(folder)
    elif name == "cars3d":
        from ifp.datasets import cars3d

        cars3d.find_official(folder)
    else:
        from ifp.datasets import mpi3d

        mpi3d.find_official(name, folder)


def count_images(name: str, folder: Path, progress: Progress) -> str:
    """Read all images from the files and say in words what was counted; nothing is kept.

    Raises
    ------
    IfpError : files that are missing or damaged.
    """
    if name == "smallnorb":
        from ifp.datasets import smallnorb

        images = smallnorb.read_grid(smallnorb.find_files(folder), progress=progress)
        return f"{len(images):,}: every category, instance, elevation, azimuth and lighting once"
    blocks, factors = _blocks(name, folder)
    done, everything = 0, len(open_official(name, read=False).space)
    for block in blocks:
        done += len(block)
        progress(f"Checking {name}", done, everything)
    return f"{done:,}: one for each combination of {', '.join(factors)}"


def _blocks(name: str, folder: Path) -> tuple[Iterator[np.ndarray], tuple[str, ...]]:
    """All images of a data set in blocks, and the names of its factors."""
    if name == "dsprites":
        from ifp.datasets import dsprites

        return dsprites.read_blocks(dsprites.find_official(folder), dsprites.SPACE, 1024), dsprites.SPACE.names
    if name == "shapes3d":
        from ifp.datasets import shapes3d

        return shapes3d.read_blocks(shapes3d.find_official(folder), shapes3d.SPACE), shapes3d.SPACE.names
    if name == "cars3d":
        from ifp.datasets import cars3d

        return cars3d.read_blocks(cars3d.find_official(folder), cars3d.SPACE), cars3d.SPACE.names
    from ifp.datasets import mpi3d

    space = mpi3d.VARIANTS[name].space
    return mpi3d.read_blocks(name, mpi3d.find_official(name, folder), space), space.names
