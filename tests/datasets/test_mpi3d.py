"""MPI3D read from small files of the official layout, in place and unpacked, and every kind of damage."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets import mpi3d
from ifp.datasets.factors import FactorSpace
from ifp.datasets.mpi3d import VARIANTS, Mpi3d
from ifp.errors import IfpError

SMALL = FactorSpace(mpi3d.SPACE.names, (2, 2, 2, 1, 1, 3, 4))
IMAGES = np.random.default_rng(4).integers(0, 256, (len(SMALL), 64, 64, 3), dtype=np.uint8)
Bounded = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(folder: Path) -> Mpi3d:
    return Mpi3d("mpi3d-toy", folder, space=SMALL)


def test_the_official_grids() -> None:
    assert len(mpi3d.SPACE) == 1_036_800
    assert len(mpi3d.COMPLEX_SPACE) == 460_800
    for name in VARIANTS:
        assert Mpi3d(name, read=False).describe()["images"] in (1_036_800, 460_800)


@pytest.mark.parametrize("packed", [False, True])
def test_every_image_by_its_factors(tmp_path: Path, own_cache: Path, packed: bool) -> None:
    (np.savez_compressed if packed else np.savez)(tmp_path / "mpi3d_toy.npz", images=IMAGES)
    data = load(tmp_path)
    every = np.arange(len(SMALL))[::-1]
    np.testing.assert_array_equal(data.render(SMALL.unravel(every), every), IMAGES[every].transpose(0, 3, 1, 2))
    # a file without compression is read where it lies
    assert (data.stored.path.parent == tmp_path) != packed
    assert [path.suffix for path in sorted(own_cache.iterdir())] == ([".json", ".npy"] if packed else [".json"])


def test_both_kinds_of_file_have_one_checksum_and_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = []
    for packed in (False, True):
        (np.savez_compressed if packed else np.savez)(tmp_path / "mpi3d_toy.npz", images=IMAGES)
        sums.append(load(tmp_path).checksum())
        with monkeypatch.context() as patch:
            patch.setattr(mpi3d, "read_blocks", None)
            sums.append(load(tmp_path).checksum())
    assert len(set(sums)) == 1


def test_axes_of_factors_and_the_other_published_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", images=IMAGES.reshape(*SMALL.sizes, 64, 64, 3))
    data = Mpi3d("mpi3d-real", tmp_path, space=SMALL)
    np.testing.assert_array_equal(data.stored.images(np.array([7]))[0].transpose(1, 2, 0), IMAGES[7])


def refused(folder: Path, match: str, memory_below: Bounded) -> None:
    with memory_below(2**25), pytest.raises(IfpError, match=match) as caught:
        load(folder)
    assert str(caught.value).count("\n") == 0
    assert "ifp data get mpi3d-toy" in str(caught.value)


def test_other_contents_are_one_sentence(tmp_path: Path, memory_below: Bounded) -> None:
    path = tmp_path / "mpi3d_toy.npz"
    for arrays, match in (
        ({"images": IMAGES[:50]}, r"\(50, 64, 64, 3\)"),
        ({"images": IMAGES.astype(np.int16)}, "int16"),
        ({"imgs": IMAGES}, "no array 'images'"),
        ({"images": np.asfortranarray(IMAGES)}, "instead of uint8"),
        ({"images": np.array([object()])}, "object"),
    ):
        np.savez(path, **arrays)
        refused(tmp_path, match, memory_below)
    path.write_bytes(b"not a zip file")
    refused(tmp_path, "not a whole zip file", memory_below)


@pytest.mark.parametrize("packed", [False, True])
def test_a_changed_byte_and_a_cut_end(tmp_path: Path, own_cache: Path, packed: bool, memory_below: Bounded) -> None:
    path = tmp_path / "mpi3d_toy.npz"
    (np.savez_compressed if packed else np.savez)(path, images=IMAGES)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    refused(tmp_path, "not a whole zip file", memory_below)
    path.write_bytes(whole[:middle])
    refused(tmp_path, "not a whole zip file", memory_below)
    assert not [one for one in own_cache.rglob("*") if one.is_file()]


def test_a_header_that_cannot_be_parsed(tmp_path: Path, memory_below: Bounded) -> None:
    for text in (b"{'descr': '|u1', 'fortran_order': (", b"{'descr': ", b"no header"):
        header = text.ljust(117) + b"\n"
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(1000)
        with zipfile.ZipFile(tmp_path / "mpi3d_toy.npz", "w") as archive:
            archive.writestr("images.npy", data)
        refused(tmp_path, "no readable array header", memory_below)


def test_a_header_that_claims_gigabytes(tmp_path: Path, memory_below: Bounded) -> None:
    with zipfile.ZipFile(tmp_path / "mpi3d_toy.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x02\x00" + b"\xf0\xff\xff\xff" + bytes(1000))
    refused(tmp_path, "no readable array header", memory_below)


def test_a_name_that_is_no_text(tmp_path: Path, memory_below: Bounded) -> None:
    np.savez(tmp_path / "mpi3d_toy.npz", images=IMAGES)
    path = tmp_path / "mpi3d_toy.npz"
    whole = path.read_bytes()
    directory = whole.rindex(b"PK\1\2")
    for entry, flags, name in ((0, 6, 30), (directory, 8, 46)):
        raw = bytearray(whole)
        raw[entry + flags + 1] |= 0x08  # the flag that the name is UTF-8
        raw[entry + name] = 0xE9
        path.write_bytes(raw)
        refused(tmp_path, "not a whole zip file", memory_below)


def test_a_header_that_promises_more_than_there_is(tmp_path: Path, memory_below: Bounded) -> None:
    with zipfile.ZipFile(tmp_path / "mpi3d_toy.npz", "w") as archive, archive.open("images.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|u1", "fortran_order": False, "shape": (len(SMALL), 64, 64, 3)}
        )
        stream.write(bytes(1000))
    refused(tmp_path, "are promised", memory_below)
