"""images:FOLDER: pictures with a table of factors, and every way in which they can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ifp
from ifp.datasets.folder import FolderDataset

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, size=(6, 7, 8), dtype=np.uint8)
FILES = [f"{name}/{number}.png" for name in ("round", "square") for number in range(3)]
TABLE = "file,shape,x\n" + "".join(f"{name},{name.split('/')[0]},{name[-5]}\n" for name in FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, image in zip(FILES, IMAGES, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "factors.csv").write_text(TABLE)
    return tmp_path


def test_pictures_and_their_factors(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    data = FolderDataset(folder, progress=lambda text, done, total: seen.append((done, total)))
    assert seen[-1] == (6, 6)
    assert (data.space.names, data.space.sizes, data.image_shape) == (("shape", "x"), (2, 3), (1, 7, 8))
    assert data.factor_values[0].tolist() == ["round", "square"]
    np.testing.assert_array_equal(data.render(np.array([[1, 2], [0, 1]]), np.zeros(2, int))[:, 0], IMAGES[[5, 1]])
    assert ifp.load_dataset(f"images:{folder}").checksum() == data.checksum()


def test_without_a_table_the_picture_is_the_factor(folder: Path) -> None:
    (folder / "factors.csv").unlink()
    data = FolderDataset(folder)
    assert not data.labelled
    assert data.space.sizes == (6,)


def test_grey_among_colours_and_transparency_become_one_kind(folder: Path) -> None:
    Image.fromarray(np.stack([IMAGES[0]] * 3 + [np.full_like(IMAGES[0], 255)], axis=2)).save(folder / FILES[0])
    Image.fromarray(np.stack([IMAGES[1]] * 3, axis=2)).save(folder / FILES[1])
    data = FolderDataset(folder)
    assert data.image_shape == (3, 7, 8)
    for channel in range(3):
        np.testing.assert_array_equal(
            data.render(np.array([[0, 0], [1, 0]]), np.zeros(2, int))[:, channel], IMAGES[[0, 3]]
        )


def test_pictures_without_a_row_are_left_out_and_counted(folder: Path) -> None:
    (folder / "factors.csv").write_text("".join(TABLE.splitlines(keepends=True)[:4]))
    data = FolderDataset(folder)
    assert data.space.sizes == (1, 3)
    assert data.done[0].startswith("3 of 6 pictures left out")


WRONG = {
    "no picture of a row": (TABLE + "round/9.png,round,9\n", "'round/9.png' among them"),
    "out of the folder": (TABLE + "../secret.png,round,9\n", "not in the folder"),
    "twice": (TABLE + f"{FILES[0]},round,9\n", "more than once"),
    "an empty value": (TABLE.replace("square,1", ",1"), "'shape' is empty in line 6"),
    "no factors": ("file\n" + "\n".join(FILES), "one column per factor"),
    "no rows": ("file,x\n", "one column per factor"),
    "no table at all": ("", "one column per factor"),
    "bytes": ("\x00\xff", "one column per factor"),
    "not closed": (TABLE + '"a', "cannot be read as a table"),
    "ragged": (TABLE + "a,b,c,d,e\n", "Line 8 of .* has 5 values and the header 3"),
    "continuous": ("file,x\n" + "".join(f"{f},{at / 7}\n" for at, f in enumerate(FILES)), "continuous"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_tables_are_one_sentence(folder: Path, case: str) -> None:
    table, message = WRONG[case]
    (folder / "factors.csv").write_text(table)
    with pytest.raises(ifp.IfpError, match=message) as caught:
        FolderDataset(folder)
    assert "\n" not in str(caught.value)


def test_wrong_folders_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place, message in ((tmp_path / "nowhere", "no folder"), (tmp_path / "empty", "holds no pictures")):
        with pytest.raises(ifp.IfpError, match=message):
            FolderDataset(place)
    Image.fromarray(IMAGES[0, :5]).save(folder / FILES[2])
    with pytest.raises(ifp.IfpError, match="different sizes"):
        FolderDataset(folder)
    (folder / FILES[1]).write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    with pytest.raises(ifp.IfpError, match="cannot be read as a picture"):
        FolderDataset(folder)
    (folder / "factors.csv").rename(folder / "a.csv")
    (folder / "b.csv").write_text(TABLE)
    with pytest.raises(ifp.IfpError, match="holds 2 tables"):
        FolderDataset(folder)


def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path) -> None:
    Image.new("L", (5000, 5)).save(folder / FILES[0])
    with pytest.raises(ifp.IfpError, match="5000 x 5 pixels"):
        FolderDataset(folder)


def test_a_picture_gets_no_more_memory_than_its_file_has(
    folder: Path, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = folder / FILES[0]
    data = path.read_bytes()
    length = data.index(b"IDAT") - 4
    path.write_bytes(data[:length] + (0x7F000000).to_bytes(4, "big") + data[length + 4 :])
    with memory_below(2**24), suppress(ifp.IfpError):
        FolderDataset(folder)


@pytest.fixture
def infinite(tmp_path: Path) -> Path:
    """A split of a task of Infinite dSprites: 2 shapes at 3 places in 2 sizes, in random order, one colour."""
    order = np.random.default_rng(5).permutation(list(np.ndindex(2, 3, 2)))
    factors = {
        "color": np.ones((12, 3)), "shape": np.array([None] * 12), "shape_id": order[:, 0] + 4,
        "scale": np.linspace(0.5, 1, 2)[order[:, 2]], "orientation": np.zeros(12),
        "position_x": np.linspace(0, 1, 3)[order[:, 1]], "position_y": np.full(12, 0.5),
    }  # fmt: skip
    for number, values in enumerate(order):
        picture = np.full((8, 8, 3), 10 * number, np.uint8)
        Image.fromarray(picture).save(tmp_path / f"sample_{number}_shape_{values[0] + 4}.png")
    np.savez(tmp_path / "factors.npz", **factors)  # type: ignore[arg-type]
    return tmp_path


def test_a_folder_of_infinite_dsprites(infinite: Path) -> None:
    """Samples are matched by their number: in the order of the names, 10 and 11 would come before 2."""
    data = ifp.load_dataset(f"images:{infinite}")
    order = np.random.default_rng(5).permutation(list(np.ndindex(2, 3, 2)))
    sizes = dict(zip(data.space.names, data.space.sizes, strict=True))
    assert {name: size for name, size in sizes.items() if size > 1} == {"shape_id": 2, "scale": 2, "position_x": 3}
    at = {"shape_id": order[:, 0], "position_x": order[:, 1], "scale": order[:, 2]}
    values = np.stack([at.get(name, np.zeros(12, int)) for name in data.space.names], axis=1)
    np.testing.assert_array_equal(data.render(values, np.zeros(12, int))[:, 0, 0, 0], 10 * np.arange(12))
    assert "factors read from factors.npz" in data.done
    assert "the array 'shape' left out, which holds no numbers or text" in data.done
    traversal = data.sample_traversals("position_x", contexts=1, seed=0)[0]
    assert len(data.traversal_images(traversal)) == 3


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: next(folder.glob("sample_7_*")).unlink(), "must be numbered from 0 to 10"),
        (lambda folder: next(folder.glob("sample_11_*")).unlink(), "for 11 images"),
        (lambda folder: np.savez(folder / "factors.npz", other=np.ones(12)), "has none of the arrays shape_id"),
        (lambda folder: (folder / "factors.npz").write_bytes(b"PK"), "factors.npz"),
    ],
)
def test_a_damaged_folder_of_infinite_dsprites(infinite: Path, damage: Callable[[Path], object], sentence: str) -> None:
    damage(infinite)
    with pytest.raises(ifp.IfpError, match=sentence):
        ifp.load_dataset(f"images:{infinite}")
    with pytest.raises(ifp.IfpError):
        ifp.load_dataset(f"images:{infinite}", grid="shape:2,x:6")
