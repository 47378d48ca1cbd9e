"""The data sets by name; each one's module is imported when it is asked for, and nothing is read before."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.binning import Bins
from ifp.datasets.layout import PLAIN, Grid, named_with, split_name
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.progress import Progress, Say, silent, unsaid

NPZ_PREFIX, FOLDER_PREFIX = "npz:", "images:"

DATASETS: dict[str, str] = {
    "sprites": "dSprites re-rendered to the pixel: 737,280 binary 64 x 64 images; no download",
    "sprites-noshape": "sprites with the shape drawn at random (a nuisance, not a factor)",
    "sprites-color": "sprites in random colours, RGB",
    "sprites-noisy": "sprites on uniform noise, RGB",
    "sprites-scream": "sprites that invert patches of a picture, RGB; `background` names the picture's file",
    "toys": "stand-in for SmallNORB with its design: 48,600 grey 64 x 64 images of shaded solids; no download",
    "arrow": "DEFT's correlative set, drawn anew: 32,768 binary 64 x 64 images of an arrow, its place and angle; "
    "no download",
    "xysquares": "three squares on a grid, one per colour channel: 262,144 RGB 64 x 64 images; no download",
    "dsprites": "the official dSprites file",
    "smallnorb": "the official SmallNORB files",
    "shapes3d": "the official 3D Shapes file: 480,000 RGB 64 x 64 images of a room (needs ifp[hdf5])",
    "mpi3d-toy": "the official MPI3D file, simply rendered: 1,036,800 RGB 64 x 64 images of a robot arm",
    "mpi3d-realistic": "the official MPI3D file, realistically rendered",
    "mpi3d-real": "the official MPI3D file of photographs",
    "mpi3d-complex": "the official MPI3D file of photographs of everyday things, 460,800 images",
    "cars3d": "the official Cars3D archive or folder: 17,568 RGB images at 64 x 64",
    "npz:PATH": "your own images: arrays images, factors, factor_names in an .npz file (docs/own_data.md)",
    "images:FOLDER": "your own images: pictures in a folder, factors.csv beside them (docs/own_data.md)",
}
"""What `--dataset` takes, and one line on each."""

OFFICIAL = (
    "dsprites", "smallnorb", "shapes3d", "mpi3d-toy", "mpi3d-realistic", "mpi3d-real", "mpi3d-complex", "cars3d",
)  # fmt: skip
"""The data sets that are read from files which their authors published."""


def load_dataset(
    name: str,
    *,
    grid: str | Grid | None = None,
    bins: str | Bins = None,
    data_dir: Path | None = None,
    background: Path | None = None,
    progress: Progress = silent,
) -> FactorDataset:
    """The data set called `name`.

    Parameters
    ----------
    name : a key of `DATASETS`, "npz:" and the path of a file, or "images:" and the path of a folder.
    grid : of images of your own without factors: names and sizes of the factors in whose order they lie, the last
        varying fastest, {"shape": 4, "scale": 8} or "shape:4,scale:8".
    bins : of your own images: into how many bins of equally many images continuous factors are put, {"age": 5},
        "age:5", or a number for all.
    data_dir : where the official files lie; None means their usual folder.
    background : the picture of `sprites-scream`; None means the built-in texture.
    progress : called with the images read and all, where reading takes time.

    Raises
    ------
    IfpError : unknown name, files that are missing or damaged, a background for data that have none.
    """
    if not isinstance(name, str):
        raise bad_value("the name of a data set", name, "a text such as 'sprites'", "`ifp data list` shows the names")
    if background is not None and name != "sprites-scream":
        raise IfpError(f"Only sprites-scream has a background picture, got one for {name!r}; leave `background` out.")
    if not is_own(name) and (grid is not None or bins is not None):
        raise IfpError(f"{name} has factors of its own; `grid` and `bins` are for npz:PATH and images:FOLDER.")
    name = named_with(name, grid, bins)
    own, layout = split_name(name) if is_own(name) else (name, PLAIN)
    if name.startswith(NPZ_PREFIX):
        from ifp.datasets.npz import NpzDataset

        return NpzDataset(Path(own.removeprefix(NPZ_PREFIX)), layout, name=name)
    if name.startswith(FOLDER_PREFIX):
        from ifp.datasets.folder import FolderDataset

        return FolderDataset(Path(own.removeprefix(FOLDER_PREFIX)), layout, name=name, progress=progress)
    if name == "sprites":
        from ifp.datasets.sprites import Sprites

        return Sprites()
    if name.startswith("sprites-") and name in DATASETS:
        from ifp.datasets.variants import make_variant

        return make_variant(name, background=background)
    if name == "toys":
        from ifp.datasets.toys import Toys

        return Toys()
    if name == "arrow":
        from ifp.datasets.arrow import Arrow

        return Arrow()
    if name == "xysquares":
        from ifp.datasets.xysquares import XYSquares

        return XYSquares()
    if name in OFFICIAL:
        from ifp.datasets.official import open_official

        return open_official(name, data_dir, progress=progress)
    raise _unknown(name)


def as_dataset(
    dataset: str | FactorDataset | np.ndarray,
    *,
    data_dir: Path | None = None,
    background: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
) -> FactorDataset:
    """What a library call's `dataset` stands for: a name as in `load_dataset`, a data set itself, or images alone.

    Images without factors are one factor "image"; with factors they come from `ifp.dataset(images, factors, names)`.
    Raises IfpError, as `load_dataset` and `ifp.dataset` do.

    Parameters
    ----------
    say : called with what was done to the arrays of a user's own, where anything was.
    """
    if isinstance(dataset, FactorDataset):
        return dataset
    if isinstance(dataset, str):
        found = load_dataset(dataset, data_dir=data_dir, background=background, progress=progress)
    else:
        from ifp.datasets.arrays import dataset as of_arrays

        found = of_arrays(dataset)
    if found.done:
        say(f"{dataset if isinstance(dataset, str) else found.name}: {'; '.join(found.done)}.")
    return found


def check_available(name: str, *, data_dir: Path | None = None, background: Path | None = None) -> None:
    """Raise IfpError, as `load_dataset` does, for an unknown name or a file that is not there; reads no file."""
    if background is not None and name != "sprites-scream":
        raise IfpError(f"Only sprites-scream has a background picture, got one for {name!r}; leave `background` out.")
    own = split_name(name)[0] if is_own(name) else name
    if own.startswith(NPZ_PREFIX):
        from ifp.datasets.npz_file import check_there

        check_there(Path(own.removeprefix(NPZ_PREFIX)).expanduser())
    elif own.startswith(FOLDER_PREFIX):
        check_folder(Path(own.removeprefix(FOLDER_PREFIX)))
    elif name in OFFICIAL:
        from ifp.datasets.official import find_official

        find_official(name, data_dir)
    elif name not in DATASETS:
        raise _unknown(name)


def check_folder(folder: Path) -> Path:
    """The folder after "images:"; raises IfpError where there is none."""
    path = folder.expanduser()
    if not path.is_dir():
        raise IfpError(f"There is no folder {folder}; give the path of a folder with pictures after 'images:'.")
    return path


def is_own(name: str) -> bool:
    """Whether a data set is the user's own, whose place its name holds."""
    return name.startswith((NPZ_PREFIX, FOLDER_PREFIX))


def short_name(name: str) -> str:
    """A data set's name as a part of a file's name: of the user's own the file or folder.

    >>> short_name("sprites"), short_name("npz:some/where/mine.npz"), short_name("images:pictures/")
    ('sprites', 'mine', 'pictures')
    """
    prefix, colon, path = (split_name(name)[0] if is_own(name) else name).partition(":")
    return Path(path).stem if colon else prefix


def _unknown(name: str) -> IfpError:
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix == ".npz" or path.is_file():
        prefix = FOLDER_PREFIX if path.is_dir() else NPZ_PREFIX
        return IfpError(f"{name!r} is the path of a {'folder' if path.is_dir() else 'file'}; write {prefix}{name}.")
    return unknown_name("dataset", name, DATASETS)
