"""SmallNORB read from official-format files that the test writes by the published layout, and every kind of damage."""

from __future__ import annotations

import gzip
import itertools
import os
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifp.datasets import smallnorb
from ifp.datasets.smallnorb import NorbDesign, SmallNorb
from ifp.errors import IfpError

DESIGN = NorbDesign(categories=5, instances=2, elevations=2, azimuths=3, lightings=2)
TRAINING, TESTING = "smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing"
ROWS = 60
BYTES, INTS = 0x1E3D4C55, 0x1E3D4C54
Bounded = Callable[[int], AbstractContextManager[None]]
CELLS = list(itertools.product(range(5), range(2), range(2), range(3), range(2)))


def matrix(magic: int, sizes: tuple[int, ...], values: bytes) -> bytes:
    """A file by the layout on the data set's page: magic, number of dimensions, at least three sizes, values."""
    padded = [*sizes, 1, 1, 1][: max(3, len(sizes))]
    return struct.pack("<ii", magic, len(sizes)) + struct.pack(f"<{len(padded)}i", *padded) + values


@cache
def pair_of(cell: tuple[int, ...]) -> np.ndarray:
    """Left: a texture of its own, bright enough that int8 would be negative; right: something else."""
    left = np.random.default_rng(CELLS.index(cell)).integers(100, 256, (96, 96), dtype=np.uint8)
    return np.stack([left, np.full((96, 96), 7, np.uint8)])


def contents(rng: np.random.Generator) -> dict[str, bytes]:
    """The six files, rows in random order; instance 1 in the training split, 0 in the testing split."""
    files = {}
    for split, instance in ((TRAINING, 1), (TESTING, 0)):
        cells = [cell for cell in CELLS if cell[1] == instance]
        cells = [cells[i] for i in rng.permutation(len(cells))]
        category = np.array([cell[0] for cell in cells], "<i4")
        info = np.array([(cell[1], cell[2], 2 * cell[3], cell[4]) for cell in cells], "<i4")
        images = np.stack([pair_of(cell) for cell in cells])
        files[f"{split}-dat.mat"] = matrix(BYTES, (ROWS, 2, 96, 96), images.tobytes())
        files[f"{split}-cat.mat"] = matrix(INTS, (ROWS,), category.tobytes())
        files[f"{split}-info.mat"] = matrix(INTS, (ROWS, 4), info.tobytes())
    return files


def write(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
    for name, data in files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(data, 1)) if packed else (folder / name).write_bytes(data)
    return folder


def load(folder: Path) -> SmallNorb:
    return SmallNorb(folder, design=DESIGN)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_official_design() -> None:
    described = SmallNorb(read=False).describe()
    assert described["images"] == 5 * 10 * 9 * 18 * 6 == 48_600 == 2 * smallnorb.OFFICIAL.rows
    assert described["factors"] == {"category": 5, "elevation": 9, "azimuth": 18, "lighting": 6}
    text = " ".join(f"{key} {value}" for key, value in described.items())
    for word in ("left", "Lanczos", "training and testing", "instance", "disentanglement_lib", "halved"):
        assert word in text


@pytest.mark.parametrize("packed", [False, True])
def test_every_image_is_the_left_one_of_its_cell(tmp_path: Path, rng: np.random.Generator, packed: bool) -> None:
    data = load(write(tmp_path, contents(rng), packed))
    assert data.space.sizes == (5, 2, 3, 2)
    cells = np.array(CELLS)
    images = data.render(cells[:, [0, 2, 3, 4]], cells[:, 1])
    assert images.shape == (len(CELLS), 1, 64, 64)
    assert images.dtype == np.uint8
    for cell, image in zip(CELLS, images, strict=True):
        expected = Image.fromarray(pair_of(cell)[0]).resize((64, 64), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(image[0], np.asarray(expected))


def test_the_nuisance_picks_the_instance(tmp_path: Path, rng: np.random.Generator) -> None:
    data = load(write(tmp_path, contents(rng)))
    position = np.array([[3, 1, 2, 0]])
    by_number = [data.render(position, np.array([n])) for n in range(4)]
    assert (by_number[0] == by_number[2]).all()
    assert (by_number[1] == by_number[3]).all()
    assert (by_number[0] != by_number[1]).any()


def test_plain_and_gzip_have_one_checksum(tmp_path: Path, rng: np.random.Generator) -> None:
    files = contents(rng)
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    plain, packed = load(write(tmp_path / "a", files)), load(write(tmp_path / "b", files, packed=True))
    assert plain.checksum() == packed.checksum()
    changed = dict(files)
    changed[f"{TRAINING}-dat.mat"] = changed[f"{TRAINING}-dat.mat"][: -96 * 96 * 2] + bytes(96 * 96 * 2)
    (tmp_path / "c").mkdir()
    assert load(write(tmp_path / "c", changed)).checksum() != plain.checksum()


def test_gzip_is_known_by_its_content(tmp_path: Path, rng: np.random.Generator) -> None:
    files = contents(rng)
    name = f"{TRAINING}-dat.mat"
    (tmp_path / f"{name}.gz").write_bytes(files.pop(name))  # a browser unpacked it and kept the name
    name = f"{TESTING}-cat.mat"
    (tmp_path / name).write_bytes(gzip.compress(files.pop(name)))
    assert len(load(write(tmp_path, files)).images_GHW) == len(CELLS)


def test_the_second_load_reads_the_cache_alone(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(write(tmp_path, contents(rng)))
    with monkeypatch.context() as patch:
        patch.setattr(smallnorb, "read_grid", None)
        second = load(tmp_path)
    assert isinstance(second.images_GHW.base, np.memmap)  # opened, not copied
    assert type(second.render(np.zeros((1, 4), int), np.zeros(1, int))) is np.ndarray
    assert second.checksum() == first.checksum()
    # another file in the same place is read again
    path = tmp_path / f"{TRAINING}-cat.mat"
    os.utime(path, ns=(1, 1))
    monkeypatch.setattr(smallnorb, "read_grid", lambda *_: np.zeros_like(first.images_GHW))
    assert load(tmp_path).checksum() != first.checksum()


def test_a_cache_that_is_cut_short_or_cannot_be_written(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(write(tmp_path, contents(rng)))
    (cached,) = Path(os.environ["IFP_CACHE"]).iterdir()
    cached.write_bytes(cached.read_bytes()[:-5])
    assert load(tmp_path).checksum() == first.checksum()
    (cached,) = Path(os.environ["IFP_CACHE"]).iterdir()
    cached.write_bytes(cached.read_bytes().replace(b"'shape': (", b"'shape' ((("))
    assert load(tmp_path).checksum() == first.checksum()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("IFP_CACHE", str(in_the_way / "cache"))
    assert load(tmp_path).checksum() == first.checksum()


Files = dict[str, bytes]
DAT, CAT, INFO = f"{TRAINING}-dat.mat", f"{TRAINING}-cat.mat", f"{TRAINING}-info.mat"
HEADER = struct.calcsize("<6i")


def short(files: Files) -> None:
    files[DAT] = files[DAT][:-1]


def long(files: Files) -> None:
    files[DAT] += b"\0"


def empty(files: Files) -> None:
    files[CAT] = b""


def headless(files: Files) -> None:
    files[INFO] = files[INFO][:11]


def other_type(files: Files) -> None:
    files[DAT] = struct.pack("<i", INTS) + files[DAT][4:]


def big_endian(files: Files) -> None:
    files[CAT] = struct.pack(">i", INTS) + files[CAT][4:]


def absurd_sizes(files: Files) -> None:
    files[DAT] = struct.pack("<6i", BYTES, 4, 2**31 - 1, 2**31 - 1, 96, 96) + files[DAT][HEADER:]


def negative_sizes(files: Files) -> None:
    files[DAT] = struct.pack("<6i", BYTES, 4, -ROWS, -2, 96, 96) + files[DAT][HEADER:]


def absurd_dimensions(files: Files) -> None:
    files[DAT] = struct.pack("<2i", BYTES, 2**31 - 1) + files[DAT][8:]


def transposed(files: Files) -> None:
    files[INFO] = struct.pack("<4i", INTS, 2, 4, ROWS) + files[INFO][16:]


def other_split_twice(files: Files) -> None:
    files[CAT], files[INFO] = files[f"{TESTING}-cat.mat"], files[f"{TESTING}-info.mat"]


def odd_azimuth(files: Files) -> None:
    files[INFO] = files[INFO][:20] + struct.pack("<4i", 1, 0, 1, 0) + files[INFO][36:]


def negative_category(files: Files) -> None:
    files[CAT] = files[CAT][:20] + struct.pack("<i", -1) + files[CAT][24:]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (short, r"training-dat.* (1,105,943 bytes .* 1,105,944|ends after 59 of its 60 rows)"),
        (long, r"training-dat.* (1,105,945 bytes .* 1,105,944|goes on after its 60 rows)"),
        (empty, "training-cat.* ends after 0 bytes"),
        (headless, "training-info.* ends after 11 bytes"),
        (other_type, r"training-dat.* 0x1E3D4C54 \(int32 matrix\) instead of 0x1E3D4C55"),
        (big_endian, r"training-cat.* 0x544C3D1E \(no NORB matrix\)"),
        (absurd_sizes, "training-dat.* sizes 2147483647 x 2147483647 x 96 x 96 instead of 60 x 2 x 96 x 96"),
        (negative_sizes, "training-dat.* sizes -60 x -2"),
        (absurd_dimensions, "training-dat.* 2147483647 dimensions instead of 4"),
        (transposed, "training-info.* sizes 4 x 60 instead of 60 x 4"),
        (other_split_twice, r"\(category 0, instance 0, elevation 0, azimuth 0, lighting 0\) 2 times"),
        (odd_azimuth, "training-info.* azimuth 1 in row 0"),
        (negative_category, "training-cat.* category -1 in row 0"),
    ],
)
def test_damage_is_one_sentence_and_nothing_is_allocated(
    tmp_path: Path,
    rng: np.random.Generator,
    damage: Callable[[Files], None],
    said: str,
    packed: bool,
    memory_below: Bounded,
) -> None:
    files = contents(rng)
    damage(files)
    write(tmp_path, files, packed)
    del files
    assert_refused(tmp_path, said, memory_below)


def assert_refused(folder: Path, said: str, memory_below: Bounded) -> None:
    # a block of 60 pairs, the 120 small images and what gzip holds
    with memory_below(6_000_000), pytest.raises(IfpError, match=said) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert "ifp data get smallnorb" in str(caught.value)
    assert not list(Path(os.environ["IFP_CACHE"]).iterdir())


def test_a_row_that_is_there_twice_is_named(tmp_path: Path, rng: np.random.Generator, memory_below: Bounded) -> None:
    files = contents(rng)
    category = struct.unpack_from("<2i", files[CAT], 20)
    first, second = files[INFO][20:36], files[INFO][36:52]
    files[CAT] = files[CAT][:24] + struct.pack("<i", category[0]) + files[CAT][28:]
    files[INFO] = files[INFO][:36] + first + files[INFO][52:]
    assert first != second or category[0] != category[1]
    instance, elevation, azimuth, lighting = struct.unpack("<4i", first)
    assert_refused(
        write(tmp_path, files),
        rf"\(category {category[0]}, instance {instance}, elevation {elevation}, azimuth {azimuth // 2}, "
        rf"lighting {lighting}\) 2 times instead of once \(2 such faults\)",
        memory_below,
    )


def test_gzip_cut_short_flipped_or_without_end(tmp_path: Path, rng: np.random.Generator, memory_below: Bounded) -> None:
    files = contents(rng)
    packed = gzip.compress(files[DAT], 1)
    path = write(tmp_path, files) / DAT
    path.write_bytes(packed[: len(packed) // 2])
    assert_refused(tmp_path, "training-dat.* broken gzip", memory_below)
    path.write_bytes(packed[:-8] + bytes(8))  # the checksum at the end
    assert_refused(tmp_path, "training-dat.* broken gzip", memory_below)
    path.write_bytes(packed + gzip.compress(bytes(60_000_000), 1))  # a bomb behind the right content
    assert_refused(tmp_path, "training-dat.* goes on after its 60 rows", memory_below)


def test_missing_parts_are_named_with_the_way_out(
    tmp_path: Path, rng: np.random.Generator, memory_below: Bounded
) -> None:
    files = contents(rng)
    del files[INFO]
    assert_refused(
        write(tmp_path, files), rf"{tmp_path}: missing {INFO}; run .*dataset='toys'`, of the same design", memory_below
    )
