"""npz:PATH: any images and labels a user may have, and every way in which the file can be wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets.npz import NpzDataset
from ifp.errors import IfpError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, size=(30, 5, 6, 3), dtype=np.uint8)
# 3 x 4 x 4 combinations, not all there, some more than once, values that do not start at 0
FACTORS = np.stack([RNG.integers(0, 3, 30) * 10, RNG.integers(-2, 2, 30), RNG.integers(0, 4, 30)], axis=1)
NAMES = np.array(["kind", "tilt", "light"])


def save(tmp_path: Path, **arrays: object) -> Path:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "data.npz"


@pytest.fixture
def data(tmp_path: Path) -> NpzDataset:
    return NpzDataset(save(tmp_path, images=IMAGES, factors=FACTORS, factor_names=NAMES))


def test_values_are_numbered_in_their_order(data: NpzDataset) -> None:
    assert data.space.names == ("kind", "tilt", "light")
    assert data.space.sizes == (3, 4, 4)
    assert data.image_shape == (3, 5, 6)
    assert data.nuisance_name == "repeat"
    assert data.describe()["factor values"] == {"kind": "0, 10, 20", "tilt": "-2, -1, 0, 1", "light": "0, 1, 2, 3"}
    assert data.describe()["images"] == 30


@pytest.mark.parametrize("factor", NAMES)
def test_every_traversal_holds_what_exists_and_nothing_else(data: NpzDataset, factor: str) -> None:
    at = list(NAMES).index(factor)
    held = [index for index in range(3) if index != at]
    expected = {}
    for row in FACTORS:
        same = FACTORS[(FACTORS[:, held] == row[held]).all(axis=1)]
        if len(values := np.unique(same[:, at])) >= 2:
            expected[tuple(row[held])] = list(values)
    traversals = data.sample_traversals(factor, data.num_contexts(factor), seed=0, nuisance="random")
    found = {}
    for traversal in traversals:
        values = [
            [data.factor_values[index][value] for index, value in enumerate(position)]
            for position in traversal.positions_NF()
        ]
        found[tuple(np.array(values)[0, held])] = [value[at] for value in values]
        for image, value in zip(data.traversal_images(traversal), values, strict=True):
            candidates = IMAGES[(value == FACTORS).all(axis=1)].transpose(0, 3, 1, 2)
            assert (candidates == image).all(axis=(1, 2, 3)).any()
    assert found == expected


def test_the_nuisance_chooses_among_repeats(tmp_path: Path) -> None:
    factors = np.array([[0], [1], [0], [0]])
    data = NpzDataset(save(tmp_path, images=IMAGES[:4], factors=factors))
    assert data.space.names == ("factor_0",)
    images = data.render(np.zeros((5, 1), dtype=int), np.array([0, 1, 2, 3, 2**31 - 1]))
    which = [0, 2, 3, 0, [0, 2, 3][(2**31 - 1) % 3]]
    np.testing.assert_array_equal(images, IMAGES[which].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data.render(np.array([[1]]), np.array([99]))[0], IMAGES[1].transpose(2, 0, 1))


def test_images_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    data = NpzDataset(save(tmp_path, images=IMAGES[:3], factors=np.array([[0, 0], [0, 1], [1, 1]])))
    for position in ([1, 0], [2, 0], [-1, 1]):
        with pytest.raises(IfpError, match="No image of"):
            data.render(np.array([position]), np.array([0]))


def test_without_factors_the_image_is_the_factor(tmp_path: Path) -> None:
    data = NpzDataset(save(tmp_path, images=IMAGES[..., 0]))
    assert (data.space.names, data.space.sizes, data.image_shape) == (("image",), (30,), (1, 5, 6))
    assert "need" in str(data.describe()["labels"])
    (traversal,) = data.sample_traversals("image", 1, seed=0)
    np.testing.assert_array_equal(data.traversal_images(traversal)[:, 0], IMAGES[..., 0])


def test_many_continuous_looking_factors_do_not_overflow(tmp_path: Path) -> None:
    """20 columns of 30 values each: the full grid would have 30^20 images."""
    factors = np.stack([RNG.permutation(30) for _ in range(20)], axis=1)
    data = NpzDataset(save(tmp_path, images=IMAGES, factors=factors))
    positions = np.stack([np.argsort(np.argsort(column)) for column in factors.T], axis=1)
    np.testing.assert_array_equal(data.render(positions, np.zeros(30, dtype=int)), IMAGES.transpose(0, 3, 1, 2))
    assert data.num_contexts("factor_3") == 0
    with pytest.raises(IfpError, match="never changes while the others are held"):
        data.sample_traversals("factor_3", 1, seed=0)


def test_draws_depend_on_the_content_not_on_the_path(tmp_path: Path, data: NpzDataset) -> None:
    (tmp_path / "moved.npz").write_bytes(data.path.read_bytes())
    moved = NpzDataset(tmp_path / "moved.npz")
    assert moved.checksum() == data.checksum()
    assert moved.sample_traversals("light", 5, seed=1) == data.sample_traversals("light", 5, seed=1)


def test_compressed_and_fortran_ordered_files(tmp_path: Path, data: NpzDataset) -> None:
    np.savez_compressed(tmp_path / "f.npz", images=np.asfortranarray(IMAGES), factors=FACTORS.astype(">i2"))
    same = NpzDataset(tmp_path / "f.npz")
    nuisance = np.arange(4)
    (traversal,) = data.sample_traversals("tilt", 1, seed=0)
    positions = traversal.positions_NF()
    np.testing.assert_array_equal(
        same.render(positions, nuisance[: len(positions)]), data.render(positions, nuisance[: len(positions)])
    )


GOOD = {"images": IMAGES, "factors": FACTORS, "factor_names": NAMES}
WRONG: dict[str, tuple[dict[str, object], str]] = {
    "no images": ({"images": None}, "no array 'images'"),
    "images beyond 1": ({"images": IMAGES / 200}, r"images = images / 1\.275"),
    "NaN images": ({"images": np.full((30, 4, 4), np.nan)}, "NaN"),
    "negative images": ({"images": IMAGES / 127.5 - 1}, "from -1 to 1; images = \\(images - images.min"),
    "16-bit images": ({"images": IMAGES.astype(np.uint16) * 257}, "uint16 from 0 to 65535"),
    "text images": ({"images": IMAGES.astype(str)}, "must be numbers"),
    "flat images": ({"images": IMAGES.reshape(30, -1)}, "images.reshape"),
    "two channels": ({"images": IMAGES[..., :2]}, "must have the shape"),
    "no pixels": ({"images": IMAGES[:, :0]}, "must have the shape"),
    "one image": ({"images": IMAGES[:1]}, "at least 2"),
    "object images": ({"images": np.array([None, 1], dtype=object)}, "never unpickled"),
    "object names": ({"factor_names": NAMES.astype(object)}, "never unpickled"),
    "continuous factors": ({"factors": FACTORS + RNG.random(FACTORS.shape)}, "continuous .*bins=5"),
    "NaN factors": ({"factors": np.where(FACTORS == 0, np.nan, FACTORS)}, "without a label"),
    "complex factors": ({"factors": FACTORS * 1j}, "must be integers"),
    "deep factors": ({"factors": FACTORS[..., None]}, "shape \\[N, F\\]"),
    "no factor": ({"factors": FACTORS[:, :0]}, "shape \\[N, F\\]"),
    "too few factors": ({"factors": FACTORS[:-1]}, "30 images but 29 rows"),
    "too few names": ({"factor_names": NAMES[:2]}, "3 factors but 2 factor_names"),
    "names twice": ({"factor_names": NAMES[[0, 1, 0]]}, "must be different"),
    "empty name": ({"factor_names": np.array(["a", "b", ""])}, "not empty"),
    "numbers for names": ({"factor_names": np.arange(3)}, "list of strings"),
    "names without factors": ({"factors": None}, "no factors"),
    "structured": ({"factors": np.zeros(30, dtype=[("a", "i4")])}, "plain type"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arrays_are_one_sentence(tmp_path: Path, case: str) -> None:
    change, message = WRONG[case]
    arrays = {name: array for name, array in {**GOOD, **change}.items() if array is not None}
    with pytest.raises(IfpError, match=message) as caught:
        NpzDataset(save(tmp_path, **arrays))
    assert "\n" not in str(caught.value)


def npy(shape: str, body: bytes, descr: str = "'|u1'") -> bytes:
    """An .npy file that claims `shape` and holds `body`."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy("(1000000, 1000, 1000)", bytes(100)), "claims the shape"),
        (npy("(99999999999999999999, 64, 64)", bytes(100)), "claims the shape"),
        (npy("(2, 5, 5)", bytes(49)), "claims the shape"),
        (npy("(2, 5, 5)", bytes(51)), "claims the shape"),
        (npy("(-2, -5, 5)", bytes(50)), "plain type"),
        (npy("(2, 5, 5)", b"", "'|V0'"), "plain type"),
        (npy("(2, 5, 5)", bytes(50), "'|O'"), "never unpickled"),
        (npy("(2, 5", bytes(50)), "no valid .npy header"),
        (b"", "no valid .npy header"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "no valid .npy header"),
        (b"\x93NUMPY\x09\x00\x10\x00{", "no valid .npy header"),
        (b"PK\x03\x04 not an array at all", "no valid .npy header"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, member: bytes, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
        archive.writestr("images.npy", member)
    with pytest.raises(IfpError, match=message):
        NpzDataset(tmp_path / "lie.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """The archive's directory says that 10 MB are 65 GiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        archive.writestr("images.npy", npy("(65, 32768, 32768)", bytes(1000)))
        archive.infolist()[0].file_size = 65 * 2**30
    (tmp_path / "bomb.npz").write_bytes(buffer.getvalue())
    with pytest.raises(IfpError, match=r"65\.0 GiB and at most 64 GiB"):
        NpzDataset(tmp_path / "bomb.npz")


def test_a_member_shorter_than_it_says_is_refused(tmp_path: Path) -> None:
    """Directory and header agree on 16 MB, the packed data are a hundred bytes."""
    whole = npy("(16, 1024, 1024)", b"")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", whole + bytes(100))
        archive.infolist()[0].file_size = len(whole) + 2**24
    (tmp_path / "short.npz").write_bytes(buffer.getvalue())
    with pytest.raises(IfpError, match="damaged"):
        NpzDataset(tmp_path / "short.npz")


@pytest.mark.parametrize("keep", [0, 10, 100, 0.5, 0.999])
def test_cut_files_are_refused(tmp_path: Path, keep: float) -> None:
    path = save(tmp_path, **GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(IfpError, match=r"not an \.npz file or is damaged"):
        NpzDataset(path)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_flipped_bit_is_noticed(tmp_path: Path, write: object) -> None:
    write(tmp_path / "a.npz", images=IMAGES)  # type: ignore[operator]
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 2] ^= 16
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(IfpError, match="damaged"):
        NpzDataset(tmp_path / "a.npz")


def test_files_that_are_not_there_or_not_npz(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match="There is no file"):
        NpzDataset(tmp_path / "nothing.npz")
    with pytest.raises(IfpError, match="There is no file"):
        NpzDataset(tmp_path)
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(IfpError, match=r"not an \.npz file"):
        NpzDataset(tmp_path / "a.npy")


def test_a_sample_of_a_partial_grid_names_images_that_exist(tmp_path: Path) -> None:
    factors = np.array([[0, 0], [0, 1], [0, 1], [2, 0]])
    images = np.arange(10, 14, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), dtype=np.uint8)
    data = NpzDataset(save(tmp_path, images=images, factors=factors))
    positions_NF, nuisance_N = data.sample_images(100, seed=0)
    assert sorted(data.render(positions_NF, nuisance_N)[:, 0, 0, 0].tolist()) == [10, 11, 12, 13]
    few_NF, few_N = data.sample_images(2, seed=0)
    assert len(set(data.render(few_NF, few_N)[:, 0, 0, 0].tolist())) == 2


def test_an_entry_without_the_ending_of_an_array_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", codes=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as archive:
        archive.writestr("images", b"no array")
    with pytest.raises(IfpError, match=r"has no array 'images' \(it holds: codes\)"):
        NpzDataset(tmp_path / "data.npz")
