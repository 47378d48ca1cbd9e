"""The data sets by name; each one's module is imported when it is asked for, and nothing is read before."""

from __future__ import annotations

from pathlib import Path

from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, unknown_name

NPZ_PREFIX = "npz:"

DATASETS: dict[str, str] = {
    "sprites": "dSprites re-rendered to the pixel: 737,280 binary 64 x 64 images; no download",
    "sprites-noshape": "sprites with the shape drawn at random (a nuisance, not a factor)",
    "sprites-color": "sprites in random colours, RGB",
    "sprites-noisy": "sprites on uniform noise, RGB",
    "sprites-scream": "sprites that invert patches of a picture, RGB; --background FILE names the picture",
    "toys": "stand-in for SmallNORB with its design: 48,600 grey 64 x 64 images of shaded solids; no download",
    "arrow": "DEFT's correlative set, drawn anew: 32,768 binary 64 x 64 images of an arrow, its place and angle; "
    "no download",
    "dsprites": "the official dSprites file",
    "smallnorb": "the official SmallNORB files",
    "npz:PATH": "your own images: arrays images, factors, factor_names in an .npz file",
}
"""What `--dataset` takes, and one line on each."""


def load_dataset(name: str, *, data_dir: Path | None = None, background: Path | None = None) -> FactorDataset:
    """The data set called `name`.

    Parameters
    ----------
    name : a key of `DATASETS`, or "npz:" and the path of a file.
    data_dir : where the files of `dsprites` and `smallnorb` lie; None means their usual folder.
    background : the picture of `sprites-scream`; None means the built-in texture.

    Raises
    ------
    IfpError : unknown name, files that are missing or damaged, a background for data that have none.
    """
    if background is not None and name != "sprites-scream":
        raise IfpError(f"Only sprites-scream has a background picture, got one for {name!r}; leave --background out.")
    if name.startswith(NPZ_PREFIX):
        from ifp.datasets.npz import NpzDataset

        return NpzDataset(Path(name.removeprefix(NPZ_PREFIX)))
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
    if name == "dsprites":
        from ifp.datasets.dsprites import DSprites

        return DSprites(data_dir)
    if name == "smallnorb":
        from ifp.datasets.smallnorb import SmallNorb

        return SmallNorb(data_dir)
    raise unknown_name("dataset", name, DATASETS)


def check_available(name: str, *, data_dir: Path | None = None, background: Path | None = None) -> None:
    """Raise IfpError, as `load_dataset` does, for an unknown name or a file that is not there; reads no file."""
    if background is not None and name != "sprites-scream":
        raise IfpError(f"Only sprites-scream has a background picture, got one for {name!r}; leave --background out.")
    if name.startswith(NPZ_PREFIX):
        from ifp.datasets.npz_file import check_there

        check_there(Path(name.removeprefix(NPZ_PREFIX)))
    elif name == "dsprites":
        from ifp.datasets import download, dsprites

        dsprites.find_official(data_dir or download.default_data_dir())
    elif name == "smallnorb":
        from ifp.datasets import download, smallnorb

        smallnorb.find_files(data_dir or download.default_data_dir())
    elif name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS)
