"""3D Shapes read from small files of the official layout, and every kind of damage."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifp.datasets import shapes3d, unpacked
from ifp.datasets.factors import FactorSpace
from ifp.datasets.shapes3d import Shapes3D
from ifp.errors import IfpError

h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
SMALL = FactorSpace(shapes3d.SPACE.names, (2, 1, 2, 1, 2, 3))
Bounded = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def images_of(space: FactorSpace) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (len(space), 64, 64, 3), dtype=np.uint8)


def labels_of(space: FactorSpace) -> np.ndarray:
    """Values as in the original: hues in [0, 1), scale, shape, orientation in degrees."""
    values = [np.linspace(-30, 30, size) if at == 5 else np.arange(size) / 10 for at, size in enumerate(space.sizes)]
    return np.array(list(itertools.product(*values)))


def write(folder: Path, **changed: Any) -> Path:
    arrays = {"images": images_of(SMALL), "labels": labels_of(SMALL)} | changed
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        for name, array in arrays.items():
            if array is not None:
                chunks = (7, 32, 64, 1) if name == "images" and array.ndim == 4 else None
                file.create_dataset(name, data=array, chunks=chunks, compression="gzip" if chunks else None)
    return folder


def test_every_image_by_its_factors(tmp_path: Path) -> None:
    data = Shapes3D(write(tmp_path), space=SMALL)
    at = SMALL.unravel(np.array([0, 5, 6, 23, 13]))
    expected = images_of(SMALL)[[0, 5, 6, 23, 13]].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(data.render(at, np.zeros(5, int)), expected)
    assert data.image_shape == (3, 64, 64)
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy.render(at, np.zeros(5, int)), expected)
    with pytest.raises(IndexError):
        data.stored.images(np.array([24]))


def test_the_second_opening_reads_the_copy(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Shapes3D(write(tmp_path), space=SMALL)
    assert sorted(path.suffix for path in own_cache.iterdir()) == [".json", ".npy"]
    np.testing.assert_array_equal(np.load(first.stored.path, mmap_mode="r"), images_of(SMALL))
    monkeypatch.setattr(shapes3d, "read_blocks", None)
    assert Shapes3D(tmp_path, space=SMALL).checksum() == first.checksum()


@pytest.mark.parametrize("damage", ["cut", "record"])
def test_a_copy_that_is_damaged_is_made_anew(tmp_path: Path, damage: str) -> None:
    first = Shapes3D(write(tmp_path), space=SMALL)
    path = first.stored.path if damage == "cut" else first.stored.path.with_suffix(".json")
    path.write_bytes(path.read_bytes()[:-10])
    again = Shapes3D(tmp_path, space=SMALL)
    assert again.checksum() == first.checksum()
    np.testing.assert_array_equal(again.render(SMALL.unravel(np.array([23])), np.zeros(1, int))[0].transpose(1, 2, 0),
                                  images_of(SMALL)[23])  # fmt: skip


def test_a_disk_without_room_and_a_copy_that_went_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Shapes3D(write(tmp_path), space=SMALL)
    fresh = pickle.loads(pickle.dumps(data))
    data.stored.path.unlink()
    with pytest.raises(IfpError, match="must stay where it is"):
        fresh.render(SMALL.unravel(np.array([0])), np.zeros(1, int))

    def full(*_: object) -> None:
        raise IfpError("no room")

    monkeypatch.setattr(unpacked, "check_room", full)
    with pytest.raises(IfpError, match="no room"):
        Shapes3D(tmp_path, space=SMALL)


def refused(tmp_path: Path, match: str) -> None:
    with pytest.raises(IfpError, match=match) as caught:
        Shapes3D(tmp_path, space=SMALL)
    assert "\n" not in str(caught.value)
    assert any(advice in str(caught.value) for advice in ("ifp data get shapes3d", "write", "copy", "get the file"))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"images": None}, "no array 'images'"),
        ({"labels": None}, "no array 'labels'"),
        ({"images": images_of(SMALL)[:20]}, r"\[20, 64, 64, 3\]"),
        ({"images": images_of(SMALL).astype(np.uint16)}, "uint16"),
        ({"labels": labels_of(SMALL)[::-1]}, "do not go through the values of 'floor_hue' in order"),
        ({"labels": labels_of(SMALL).round(-3)}, "do not go through"),
    ],
)
def test_other_contents_are_one_sentence(tmp_path: Path, changed: dict[str, Any], match: str) -> None:
    write(tmp_path, **changed)
    refused(tmp_path, match)


def test_a_file_that_is_cut_short_or_no_hdf5(tmp_path: Path) -> None:
    path = write(tmp_path) / "3dshapes.h5"
    path.write_bytes(path.read_bytes()[:-2000])
    refused(tmp_path, "damaged or no HDF5 file")
    path.write_bytes(b"nothing of the kind" * 100)
    refused(tmp_path, "damaged or no HDF5 file")


def test_data_that_lie_elsewhere_are_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other)
    path = tmp_path / "3dshapes.h5"
    with h5py.File(path, "w") as file:
        file["images"] = h5py.ExternalLink(str(other / "3dshapes.h5"), "images")
        file["labels"] = labels_of(SMALL)
    refused(tmp_path, "leads elsewhere")
    layout = h5py.VirtualLayout(shape=(len(SMALL), 64, 64, 3), dtype=np.uint8)
    layout[...] = h5py.VirtualSource(str(other / "3dshapes.h5"), "images", shape=layout.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("images", layout)
        file["labels"] = labels_of(SMALL)
    refused(tmp_path, "lies in other files")
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (len(SMALL), 64, 64, 3), np.uint8, external=[("/etc/hostname", 0, 10**7)])
        file["labels"] = labels_of(SMALL)
    refused(tmp_path, "lies in other files")


def test_a_claim_of_tebibytes_and_a_strange_filter(tmp_path: Path, memory_below: Bounded) -> None:
    with h5py.File(tmp_path / "3dshapes.h5", "w") as file:
        file.create_dataset("images", (2**30, 64, 64, 3), np.uint8, chunks=(1, 64, 64, 3))
        file["labels"] = labels_of(SMALL)
    with memory_below(2**24):
        refused(tmp_path, r"claims the shape .* GiB, but 0\.0 MiB")
    with h5py.File(tmp_path / "3dshapes.h5", "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((1, 64, 64, 3))
        plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple((len(SMALL), 64, 64, 3))
        h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_UINT8, space, plan)
        file["labels"] = labels_of(SMALL)
    refused(tmp_path, "filter 32015")


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(IfpError, match=r"pip install 'ifp\[hdf5\]'"):
        Shapes3D(tmp_path, space=SMALL)
