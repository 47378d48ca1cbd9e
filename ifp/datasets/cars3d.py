"""Cars3D from its official files: cars of 183 kinds from 24 sides and 4 heights.

Source: S. Reed, Y. Zhang, Y. Zhang, H. Lee, Deep visual analogy-making, NIPS 2015: nips2015-analogy-data.tar.gz, whose
folder data/cars holds a MATLAB file per car, car_NNN_mesh.mat, with `im` uint8 [128, 128, 3, 24, 4] (rows, columns,
channels, azimuth, elevation). The reading (128 to 64 by Lanczos, every car a value of a factor) is that of
disentanglement_lib; cars are numbered in the order of their files' names.

Shapes: N images, K cars, H W C rows, columns, channels.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image

from ifp.datasets.download import default_data_dir
from ifp.datasets.factors import FactorSpace
from ifp.datasets.mat_file import BrokenMat, read_bytes_array
from ifp.datasets.stored_grid import StoredGrid
from ifp.datasets.unpacked import unpack_once
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

ARCHIVE = "nips2015-analogy-data.tar.gz"
"""The name of the official archive, as it is published."""
FOLDERS = ("data/cars", "cars", "cars3d", "")
"""Where the unpacked files may lie in the data folder."""
NATIVE_SIZE, SIZE = 128, 64
"""Sides of an image in pixels as stored and as read."""
SPACE = FactorSpace(("elevation", "azimuth", "object_type"), (4, 24, 183))
_CAR = re.compile(r"car_\d+_mesh\.mat")
_MOST_MEMBERS = 20_000
"""Maximum number of files in the archive that are looked at."""
_ADVICE = "run `ifp data get cars3d`, or put the official archive or its folder data/cars there"


@dataclass(frozen=True)
class CarFiles:
    """The archive, or the files of a folder in the order of their names."""

    archive: Path | None
    files: tuple[Path, ...]

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that are read."""
        return self.files if self.archive is None else (self.archive,)

    @property
    def place(self) -> Path:
        """The archive or the folder."""
        return self.files[0].parent if self.archive is None else self.archive


class Cars3D(StoredGrid):
    """The official Cars3D: 17,568 images, uint8, 64 x 64, RGB.

    The first use reads the archive or the folder (a minute) and keeps the small images in the user's cache folder,
    0.2 GB.

    Parameters
    ----------
    data_dir : the folder with the archive or the unpacked files; None means `default_data_dir()`.
    space : anything but the default serves to test the reader on small files.
    read : False only describes: no file is looked for.

    Raises
    ------
    IfpError : files that are missing or damaged.
    """

    name = "cars3d"
    image_shape = (3, SIZE, SIZE)

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        space: FactorSpace = SPACE,
        read: bool = True,
        progress: Progress = silent,
    ) -> None:
        self.space = space
        if read:
            found = find_official(data_dir or default_data_dir())
            self.stored = unpack_once(
                self.name,
                found.sources,
                (len(space), SIZE, SIZE, 3),
                lambda: read_blocks(found, space, progress),
                progress,
                version=f"Pillow {PIL.__version__}",
            )

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {
            **super().describe(),
            "resize": "128 x 128 to 64 x 64, Pillow's Lanczos filter, uint8",
            "follows": "disentanglement_lib; cars are numbered in the order of their files' names",
            "terms": "for research; cite Reed et al., NIPS 2015",
        }


def find_official(data_dir: Path) -> CarFiles:
    """The unpacked files, else the archive; raises IfpError saying how to get them."""
    for folder in FOLDERS:
        place = data_dir / folder
        files = sorted(path for path in place.glob("car_*_mesh.mat") if _CAR.fullmatch(path.name))
        if files:
            return CarFiles(None, tuple(files))
    if (data_dir / ARCHIVE).is_file():
        return CarFiles(data_dir / ARCHIVE, ())
    raise IfpError(f"Cars3D is not in {data_dir}: missing {ARCHIVE} and data/cars/car_*_mesh.mat; {_ADVICE}.")


def read_blocks(found: CarFiles, space: FactorSpace, progress: Progress = silent) -> Iterator[np.ndarray]:
    """The images at 64 x 64, uint8 [K, H, W, C], for each elevation and azimuth in the order of the grid.

    All files are read before the first block is given. `progress` counts images.

    Raises
    ------
    IfpError : damaged files, another number of cars.
    """
    elevations, azimuths, cars = space.sizes
    images = np.empty((cars, elevations, azimuths, SIZE, SIZE, 3), dtype=np.uint8)
    names: list[str] = []
    try:
        with closing(_cars(found)) as cars_in_files:
            for name, file in cars_in_files:
                if len(names) == cars or name in names:
                    raise IfpError(f"{found.place} holds more than {cars} cars, {name} among them; {_ADVICE}.")
                try:
                    large = read_bytes_array(file, "im", (NATIVE_SIZE, NATIVE_SIZE, 3, azimuths, elevations))
                except BrokenMat as error:
                    raise IfpError(f"{name} of {found.place} {error}; {_ADVICE}.") from error
                images[len(names)] = _small(large)
                names.append(name)
                progress("Reading cars3d", len(names) * elevations * azimuths, len(space))
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise IfpError(f"{found.place} cannot be read to its end ({error}); {_ADVICE}.") from error
    if len(names) != cars:
        raise IfpError(f"{found.place} holds {len(names)} cars instead of {cars}; {_ADVICE}.")
    order_K = np.argsort(names)
    for elevation, azimuth in np.ndindex(elevations, azimuths):
        yield images[order_K, elevation, azimuth]


def _cars(found: CarFiles) -> Generator[tuple[str, BinaryIO], None, None]:
    """The name of each car's file and the file, open."""
    if found.archive is None:
        for path in found.files:
            with path.open("rb") as file:
                yield path.name, file
        return
    with tarfile.open(found.archive, "r:gz") as archive:
        for number, one in enumerate(archive):
            if number >= _MOST_MEMBERS:
                raise IfpError(f"{found.archive} holds over {_MOST_MEMBERS:,} files; {_ADVICE}.")
            name = one.name.rpartition("/")[2]
            if one.isreg() and "cars" in one.name.split("/") and _CAR.fullmatch(name):
                member = archive.extractfile(one)
                assert member is not None
                yield name, member  # type: ignore[misc]


def _small(images: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C, azimuth, elevation] at 128 x 128 as [elevation, azimuth, H, W, C] at 64 x 64."""
    large = images.transpose(4, 3, 0, 1, 2)
    small = np.empty((*large.shape[:2], SIZE, SIZE, 3), dtype=np.uint8)
    for place in np.ndindex(large.shape[:2]):
        picture = Image.fromarray(np.ascontiguousarray(large[place]))
        small[place] = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    return small
