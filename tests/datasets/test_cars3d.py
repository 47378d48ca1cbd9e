"""Cars3D read from MATLAB files that SciPy writes, in a folder and in an archive, and every kind of damage."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from ifp.datasets import cars3d
from ifp.datasets.cars3d import ARCHIVE, Cars3D
from ifp.datasets.factors import FactorSpace
from ifp.errors import IfpError

SMALL = FactorSpace(cars3d.SPACE.names, (2, 3, 2))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def car(number: int) -> np.ndarray:
    """[rows, columns, channels, azimuth, elevation]"""
    return np.random.default_rng(number).integers(0, 256, (128, 128, 3, 3, 2), dtype=np.uint8)


def mat(number: int, packed: bool = True, **changed: np.ndarray) -> bytes:
    held = io.BytesIO()
    arrays = {"mask": np.ones((128, 128, 3, 2), np.uint8), "im": car(number)} | changed
    savemat(held, {name: array for name, array in arrays.items() if array is not None}, do_compression=packed)
    return held.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def names(*numbers: int) -> list[str]:
    return [f"car_{number:03}_mesh.mat" for number in numbers]


def check(data: Cars3D) -> None:
    every = SMALL.unravel(np.arange(len(SMALL)))
    for (elevation, azimuth, kind), image in zip(every, data.render(every, every[:, 0]), strict=True):
        large = Image.fromarray(np.ascontiguousarray(car(kind + 1)[..., azimuth, elevation]))
        expected = np.asarray(large.resize((64, 64), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["data/cars", ""])
def test_a_folder(tmp_path: Path, packed: bool, folder: str) -> None:
    write(tmp_path / folder, {name: mat(at + 1, packed) for at, name in enumerate(names(1, 2))})
    check(Cars3D(tmp_path, space=SMALL))


def test_the_archive_in_any_order_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / ARCHIVE, "w:gz") as archive:
        for name, data in (
            ("data/shapes48.mat", b"something else"),
            ("data/cars/list.txt", b"car_001_mesh"),
            ("data/cars/car_002_mesh.mat", mat(2)),
            ("data/cars/car_001_mesh.mat", mat(1, packed=False)),
        ):
            one = tarfile.TarInfo(name)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    first = Cars3D(tmp_path, space=SMALL)
    check(first)
    monkeypatch.setattr(cars3d, "read_blocks", None)
    assert Cars3D(tmp_path, space=SMALL).checksum() == first.checksum()


def with_flipped_byte(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


def bomb() -> bytes:
    """An element that would unpack to 200 MB."""
    packed = zlib.compress(struct.pack("<II", 14, 200_000_000) + bytes(200_000_000), 1)
    return mat(1)[:128] + struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (lambda: mat(2)[:100], "no MATLAB 5 file"),
        (lambda: mat(2)[:30_000], "ends inside an element"),
        (lambda: mat(2, packed=False)[:200_000], "bytes of numbers instead of|ends inside"),
        (lambda: with_flipped_byte(mat(2)), "cannot be unpacked|bytes of numbers"),
        (lambda: mat(2, im=car(2)[:64]), r"sizes \[64, 128, 3, 3, 2\]"),
        (lambda: mat(2, im=car(2).astype(float)), "class 6"),
        (lambda: mat(2, im=None), "no array 'im'"),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(1000), "7.3"),
        (bomb, "no array 'im'|ends inside|without type"),
    ],
    ids=["header", "cut", "cut-numbers", "flipped", "sizes", "class", "no-array", "hdf5", "bomb"],
)
def test_damage_is_one_sentence(tmp_path: Path, second: Callable[[], bytes], match: str) -> None:
    write(tmp_path / "cars", dict(zip(names(1, 2), (mat(1), second()), strict=True)))
    with pytest.raises(IfpError, match=match) as caught:
        Cars3D(tmp_path, space=SMALL)
    assert "car_002" in str(caught.value)
    assert "ifp data get cars3d" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_and_too_many_cars_and_an_archive_that_is_cut(tmp_path: Path) -> None:
    write(tmp_path / "cars", {names(1)[0]: mat(1)})
    with pytest.raises(IfpError, match="holds 1 cars instead of 2"):
        Cars3D(tmp_path, space=SMALL)
    write(tmp_path / "cars", {name: mat(1) for name in names(2, 3)})
    with pytest.raises(IfpError, match="more than 2 cars"):
        Cars3D(tmp_path, space=SMALL)
    other = tmp_path / "other"
    with tarfile.open(write(other, {}) / ARCHIVE, "w:gz") as archive:
        for name in names(1, 2):
            archive.add(tmp_path / "cars" / name, f"data/cars/{name}")
    (other / ARCHIVE).write_bytes((other / ARCHIVE).read_bytes()[:-100_000])
    with pytest.raises(IfpError, match=r"cannot be read to its end|ends inside"):
        Cars3D(other, space=SMALL)
