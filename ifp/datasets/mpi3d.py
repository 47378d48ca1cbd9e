"""MPI3D from its official .npz files: a robot arm that holds objects, rendered and photographed.

Source: M. W. Gondal et al., On the transfer of inductive bias from simulation to the real world: a new disentanglement
dataset, NeurIPS 2019 (rr-learning/disentanglement_dataset). Each file holds one array `images`, uint8 [N, 64, 64, 3],
in the order of its factors, which the file does not name.

Shapes: N images, B images of a block, H W C rows, columns, channels.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ifp.datasets.download import default_data_dir, find_file
from ifp.datasets.factors import FactorSpace
from ifp.datasets.image_file import ImageFile
from ifp.datasets.npy_header import read_npy_header
from ifp.datasets.npz_file import BROKEN_ZIP
from ifp.datasets.stored_grid import StoredGrid
from ifp.datasets.unpacked import in_place, unpack_once
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

SIDE = 64
"""Rows and columns of an image."""
_NAMES = (
    "object_color", "object_shape", "object_size", "camera_height", "background_color", "horizontal_axis",
    "vertical_axis",
)  # fmt: skip
SPACE = FactorSpace(_NAMES, (6, 6, 2, 3, 3, 40, 40))
COMPLEX_SPACE = FactorSpace(_NAMES, (4, 4, 2, 3, 3, 40, 40))
MEMBER = "images.npy"
"""The member of each file that holds the images."""
_BLOCK_IMAGES = 4096
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


@dataclass(frozen=True)
class Mpi3dVariant:
    """One of the data sets: the names under which its file was published, its grid, and what it shows."""

    files: tuple[str, ...]
    space: FactorSpace
    shows: str


VARIANTS = {
    "mpi3d-toy": Mpi3dVariant(("mpi3d_toy.npz",), SPACE, "simply rendered"),
    "mpi3d-realistic": Mpi3dVariant(("mpi3d_realistic.npz",), SPACE, "realistically rendered"),
    "mpi3d-real": Mpi3dVariant(("mpi3d_real.npz", "real.npz"), SPACE, "photographs"),
    "mpi3d-complex": Mpi3dVariant(
        ("mpi3d_real_complex.npz", "real3d_complicated_shapes_ordered.npz"),
        COMPLEX_SPACE,
        "photographs of everyday things",
    ),
}


class Mpi3d(StoredGrid):
    """An official MPI3D set: 1,036,800 images (of the complex one 460,800), uint8, 64 x 64, RGB.

    A file without compression, as it is published, is read where it lies, after one first reading that checks it. One
    with compression is unpacked once into the user's cache folder.

    Parameters
    ----------
    name : a key of `VARIANTS`.
    data_dir : the folder with the official .npz; None means `default_data_dir()`.
    space : anything but None serves to test the reader on small files.
    read : False only describes: no file is looked for.

    Raises
    ------
    IfpError : a file that is missing or damaged, too little room in the cache folder.
    """

    image_shape = (3, SIDE, SIDE)

    def __init__(
        self,
        name: str,
        data_dir: Path | None = None,
        *,
        space: FactorSpace | None = None,
        read: bool = True,
        progress: Progress = silent,
    ) -> None:
        self.name = name
        self.space = space or VARIANTS[name].space
        if read:
            self.stored = _open(name, find_official(name, data_dir or default_data_dir()), self.space, progress)

    def describe(self) -> dict[str, object]:
        """The common lines and what to know of these data."""
        return {
            **super().describe(),
            "shows": f"{VARIANTS[self.name].shows}; the grid is implied by the order of the images",
            "first use": "reads all images once (12.7 GB, of the complex set 5.7 GB); a file with compression is "
            "unpacked into the cache folder",
            "terms": "CC BY 4.0; cite Gondal et al., NeurIPS 2019",
        }


def find_official(name: str, data_dir: Path) -> Path:
    """The official file; raises IfpError saying how to get it."""
    files = VARIANTS[name].files
    path = next((found for file in files if (found := find_file(data_dir, file)) is not None), None)
    if path is None:
        raise IfpError(
            f"{name} is not in {data_dir}: missing {' or '.join(files)}; run `ifp data get {name}`, or put that file "
            "there."
        )
    return path


def read_blocks(name: str, path: Path, space: FactorSpace) -> Iterator[np.ndarray]:
    """The images, uint8 [B, 64, 64, 3], block by block; memory holds one block.

    Neither the zip's nor the array's own header decides how much is read: both are compared with the grid first.

    Raises
    ------
    IfpError : no zip file, no `images`, another size or type, a checksum that does not fit.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as stream:
            _check_header(name, path, archive.getinfo(MEMBER).file_size, stream, space)
            image_bytes = SIDE * SIDE * 3
            for start in range(0, len(space), _BLOCK_IMAGES):
                count = min(_BLOCK_IMAGES, len(space) - start)
                # with the last byte zipfile compares the checksum of the whole
                data = stream.read(count * image_bytes)
                if len(data) < count * image_bytes:
                    raise _damaged(name, path, f"ends before the last of its {len(space):,} images")
                yield np.frombuffer(data, dtype=np.uint8).reshape(count, SIDE, SIDE, 3)
    except KeyError as error:
        raise _damaged(name, path, "holds no array 'images'") from error
    except BROKEN_ZIP as error:
        raise _damaged(name, path, f"is not a whole zip file ({error})") from error


def _open(name: str, path: Path, space: FactorSpace, progress: Progress) -> ImageFile:
    shape = (len(space), SIDE, SIDE, 3)

    def blocks() -> Iterator[np.ndarray]:
        return read_blocks(name, path, space)

    offset = _stored_at(name, path, space)
    if offset is None:
        return unpack_once(name, [path], shape, blocks, progress)
    return in_place(name, path, offset, shape, blocks, progress)


def _stored_at(name: str, path: Path, space: FactorSpace) -> int | None:
    """The byte at which the first image lies, where the file holds its images without compression."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(MEMBER)
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                return None
            with archive.open(MEMBER) as stream:
                _check_header(name, path, info.file_size, stream, space)
                header = stream.tell()
        with path.open("rb") as file:
            file.seek(info.header_offset)
            *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    except KeyError as error:
        raise _damaged(name, path, "holds no array 'images'") from error
    except BROKEN_ZIP as error:
        raise _damaged(name, path, f"is not a whole zip file ({error})") from error
    offset = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes + header
    if offset + len(space) * SIDE * SIDE * 3 > path.stat().st_size:
        raise _damaged(name, path, f"ends before the last of its {len(space):,} images")
    return int(offset)


def _check_header(name: str, path: Path, member_bytes: int, stream: IO[bytes], space: FactorSpace) -> None:
    shape = (len(space), SIDE, SIDE, 3)
    try:
        found, by_columns, dtype = read_npy_header(stream)
    except ValueError as error:
        raise _damaged(name, path, f"has no readable array header ({error})") from error
    # the grid may also be given as axes of its own, [6, 6, 2, 3, 3, 40, 40, 64, 64, 3]
    if dtype != np.uint8 or by_columns or found not in (shape, (*space.sizes, *shape[1:])):
        raise _damaged(name, path, f"holds {dtype} images of shape {found} instead of uint8 {shape}")
    expected = stream.tell() + len(space) * SIDE * SIDE * 3
    if member_bytes != expected:
        raise _damaged(name, path, f"has {member_bytes:,} bytes of images where {expected:,} are promised")


def _damaged(name: str, path: Path, what: str) -> IfpError:
    return IfpError(f"{path} {what}; delete it and run `ifp data get {name}`, or put the official file there.")
