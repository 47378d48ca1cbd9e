"""dSprites read from small files of the official layout: the right images, no pickle opened, every kind of damage."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets import dsprites
from ifp.datasets.dsprites import FILE_NAME, SPACE, DSprites
from ifp.datasets.factors import FactorSpace
from ifp.errors import IfpError

SMALL = FactorSpace(SPACE.names, (3, 2, 3, 4, 4))
COUNT = 288
Bounded = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Noise of squares 8 pixels wide, which is quick to compress."""
    return rng.integers(0, 2, (COUNT, 8, 8), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)


class Trap:
    """What a hostile file could hold: unpickling it leaves a folder in the cache."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (sprung(),)


def sprung() -> str:
    return os.path.join(os.environ["IFP_CACHE"], "sprung")


def write(folder: Path, images: np.ndarray, compressed: bool = True) -> Path:
    """The arrays of the official file, in its order, metadata (a pickle) included."""
    trap = np.empty((), dtype=object)
    trap[()] = Trap()
    save = np.savez_compressed if compressed else np.savez
    save(
        folder / FILE_NAME,
        metadata=trap,
        imgs=images,
        latents_classes=np.zeros((len(images), 6), int),
        latents_values=np.zeros((len(images), 6)),
    )
    return folder / FILE_NAME


def load(folder: Path) -> DSprites:
    return DSprites(folder, space=SMALL)


def test_members_before_the_start_of_the_file_are_damage(tmp_path: Path, images: np.ndarray) -> None:
    path = write(tmp_path, images)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\5\6") + 16
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "little") + 10**6).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(IfpError, match="is not a whole zip file"):
        load(tmp_path)


def test_official_design() -> None:
    described = DSprites(read=False).describe()
    assert described["images"] == 737_280
    assert described["factors"] == {"shape": 3, "scale": 6, "orientation": 40, "posX": 32, "posY": 32}
    assert "0 and 39 coincide" in str(described["orientation"])


@pytest.mark.parametrize("compressed", [False, True])
def test_images_come_back_as_0_and_255_in_file_order(tmp_path: Path, images: np.ndarray, compressed: bool) -> None:
    path = write(tmp_path, images, compressed)
    data = load(tmp_path)
    assert not Path(sprung()).exists()
    with np.load(path, allow_pickle=True) as stored:  # the trap works
        stored["metadata"]
    assert Path(sprung()).exists()
    positions = SMALL.unravel(np.arange(COUNT))
    rendered = data.render(positions, np.zeros(COUNT, int))
    assert rendered.dtype == np.uint8
    np.testing.assert_array_equal(rendered[:, 0], images * 255)
    # the official order: posY fastest, shape slowest
    assert positions[1].tolist() == [0, 0, 0, 0, 1]
    assert positions[COUNT // 3].tolist() == [1, 0, 0, 0, 0]


def test_the_cache_is_opened_again_and_follows_the_file(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, images)
    first = load(tmp_path).checksum()
    with monkeypatch.context() as patch:
        patch.setattr(dsprites, "read_blocks", None)
        assert load(tmp_path).checksum() == first
    write(tmp_path, 1 - images)
    os.utime(path, ns=(1, 1))
    assert load(tmp_path).checksum() != first


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        IfpError, match=f"{tmp_path}: missing {FILE_NAME}; run `ifp data get dsprites`.*dataset='sprites'"
    ):
        load(tmp_path)


def member(array: np.ndarray, header: dict[str, object] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header or np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue() + array.tobytes()


def zipped(folder: Path, data: bytes, name: str = "imgs.npy", kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(folder / FILE_NAME, "w", kind, compresslevel=1) as archive:
        archive.writestr(name, data)
    return folder / FILE_NAME


def no_zip(folder: Path, images: np.ndarray) -> None:
    (folder / FILE_NAME).write_bytes(b"<html>403 Forbidden</html>")


def cut_short(folder: Path, images: np.ndarray) -> None:
    path = write(folder, images)
    path.write_bytes(path.read_bytes()[:-200])


def no_images(folder: Path, images: np.ndarray) -> None:
    zipped(folder, member(images), "pictures.npy")


def too_few(folder: Path, images: np.ndarray) -> None:
    write(folder, images[:-1])


def wide_type(folder: Path, images: np.ndarray) -> None:
    write(folder, images.astype(np.int64))


def objects(folder: Path, images: np.ndarray) -> None:
    write(folder, np.full((COUNT, 64, 64), Trap(), dtype=object))


def by_columns(folder: Path, images: np.ndarray) -> None:
    write(folder, np.asfortranarray(images))


def grey(folder: Path, images: np.ndarray) -> None:
    write(folder, images * 255)


def no_header(folder: Path, images: np.ndarray) -> None:
    zipped(folder, images.tobytes())


def absurd_header(folder: Path, images: np.ndarray) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**60, 64, 64)}
    zipped(folder, member(images, header))


def header_of_code(folder: Path, images: np.ndarray) -> None:
    text = f"__import__('os').mkdir({sprung()!r})\n".encode()
    zipped(folder, b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + images.tobytes())


def bomb(folder: Path, images: np.ndarray) -> None:
    zipped(folder, member(images) + bytes(50_000_000))


def short_member(folder: Path, images: np.ndarray) -> None:
    zipped(folder, member(images)[:-1])


def flipped_pixel(folder: Path, images: np.ndarray) -> None:
    path = zipped(folder, member(images), kind=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (no_zip, "not a whole zip file"),
        (cut_short, "not a whole zip file"),
        (no_images, "holds no array 'imgs.npy'"),
        (too_few, r"shape \(287, 64, 64\) instead of uint8 \(288, 64, 64\)"),
        (wide_type, "holds int64 images"),
        (objects, "holds object images"),
        (by_columns, "column by column"),
        (grey, "pixel value 255, where only 0 and 1"),
        (no_header, "no readable array header"),
        (absurd_header, r"shape \(1152921504606846976, 64, 64\)"),
        (header_of_code, "no readable array header"),
        (bomb, "has 51,179,776 bytes of images where 1,179,776 are promised"),
        (short_member, "has 1,179,775 bytes of images where 1,179,776 are promised"),
        (flipped_pixel, "not a whole zip file .*CRC"),
    ],
)
def test_damage_is_one_sentence_and_nothing_is_allocated(
    tmp_path: Path, images: np.ndarray, damage: Callable[[Path, np.ndarray], None], said: str, memory_below: Bounded
) -> None:
    damage(tmp_path, images)
    # less than the images and the cache's buffers; never what a header promises
    with memory_below(8_000_000), pytest.raises(IfpError, match=said) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert FILE_NAME in str(caught.value)
    assert "ifp data get dsprites" in str(caught.value)
    assert not list(Path(os.environ["IFP_CACHE"]).iterdir())
