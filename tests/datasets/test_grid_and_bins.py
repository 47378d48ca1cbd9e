"""Images in the order of a grid, continuous factors in bins, factors in arrays of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ifp
from ifp.datasets.catalog import as_dataset, check_available, load_dataset, short_name
from ifp.datasets.layout import named_with, split_name
from ifp.errors import IfpError

IMAGES = np.random.default_rng(5).integers(0, 256, (24, 6, 5), dtype=np.uint8)
GRID = "shape:4,scale:2,x:3"
AGE = np.random.default_rng(6).permutation(24) / 7


@pytest.fixture
def plain(tmp_path: Path) -> str:
    np.savez(tmp_path / "plain.npz", images=IMAGES)
    return f"npz:{tmp_path / 'plain.npz'}"


def save(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "own.npz", images=IMAGES, **arrays)
    return f"npz:{folder / 'own.npz'}"


@pytest.mark.parametrize("grid", [GRID, {"shape": 4, "scale": 2, "x": 3}])
def test_images_in_the_order_of_a_grid_have_its_factors(plain: str, grid: Any) -> None:
    data = load_dataset(plain, grid=grid)
    assert data.labelled
    assert (data.space.names, data.space.sizes) == (("shape", "scale", "x"), (4, 2, 3))
    positions = np.stack(np.unravel_index(np.arange(24), (4, 2, 3)), axis=1)
    np.testing.assert_array_equal(data.render(positions, np.zeros(24, int))[:, 0], IMAGES)
    # the name holds the grid, so that a run's record does
    assert data.name == f"{plain}#grid={GRID}"
    again = load_dataset(data.name)
    assert again.identity() == data.identity()
    assert data.checksum() != load_dataset(plain).checksum()
    assert short_name(data.name) == "plain"
    check_available(data.name)
    from_arrays = ifp.dataset(IMAGES, grid=grid)
    assert from_arrays.space == data.space


def test_pictures_of_a_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for at in range(24):
        Image.fromarray(IMAGES[at]).save(tmp_path / f"{at:02}.png")
    data = load_dataset(f"images:{tmp_path}", grid=GRID)
    np.testing.assert_array_equal(data.render(np.array([[1, 0, 2]]), np.zeros(1, int))[0, 0], IMAGES[8])
    assert data.labelled


@pytest.mark.parametrize(
    ("grid", "match"),
    [
        ("shape:4,scale:2", r"holds 24 images and the grid shape:4,scale:2 has 4 x 2 = 8"),
        ("shape:4", r"the grid shape:4 has 4; the sizes"),
        ("shape:4,shape:6", "names 'shape' twice"),
        ("shape:0,x:3", "sizes of at least 1"),
        ("shape", "NAME:NUMBER"),
        ("shape:4,scale:two", "NAME:NUMBER"),
        ("\u202eshape:24", "control characters"),
    ],
)
def test_other_grids_are_one_sentence(plain: str, grid: str, match: str) -> None:
    with pytest.raises(IfpError, match=match):
        load_dataset(plain, grid=grid)


@pytest.mark.parametrize("name", ["npz:", "images:"])
def test_a_prefix_without_a_path_names_nothing(name: str) -> None:
    for take in (load_dataset, check_available):
        with pytest.raises(IfpError, match=f"'{name}' names nothing; give the path"):
            take(name)


def test_a_grid_is_refused_where_there_are_factors(tmp_path: Path) -> None:
    own = save(tmp_path, factors=np.arange(24)[:, None] % 4)
    with pytest.raises(IfpError, match="has factors of its own"):
        load_dataset(own, grid=GRID)
    with pytest.raises(IfpError, match="has factors of its own"):
        ifp.dataset(IMAGES, np.arange(24) % 4, grid=GRID)
    with pytest.raises(IfpError, match="sprites has factors of its own"):
        load_dataset("sprites", grid=GRID)
    with pytest.raises(IfpError, match="has a grid or bins in it"):
        load_dataset(f"{own}#grid={GRID}", grid=GRID)


def test_continuous_factors_are_put_into_bins_on_request(tmp_path: Path) -> None:
    factors = np.stack([np.arange(24) % 3, AGE], axis=1)
    own = save(tmp_path, factors=factors, factor_names=["kind", "age"])
    few = load_dataset(own, bins="age:100")
    assert "age put into 24 bins of equally many images, not the 100 asked for, since 24 images have 24 different" in (
        " ".join(few.done)
    )
    with pytest.raises(IfpError, match=r"The factor 'age' of .* continuous .*`bins=5`"):
        load_dataset(own)
    for bins in ("age:4", {"age": 4}, 4, "4"):
        data = load_dataset(own, bins=bins)
        assert data.space.sizes == (3, 4)
        assert "age put into 4 bins of equally many images" in data.done
        rank = np.argsort(np.argsort(AGE)) // 6
        at = np.flatnonzero((np.arange(24) % 3 == 1) & (rank == 2))
        drawn = data.render(np.tile([1, 2], (len(at), 1)), np.arange(len(at)))
        np.testing.assert_array_equal(drawn[:, 0], IMAGES[at])
    # whole numbers are binned where they are named, and left as they are by a number for all
    assert load_dataset(own, bins={"age": 2, "kind": 2}).space.sizes == (2, 2)
    with pytest.raises(IfpError, match=r"Unknown factor for bins 'ages': .*did you mean 'age'"):
        load_dataset(own, bins="ages:4")
    with pytest.raises(IfpError, match="no factors to put into bins"):
        ifp.dataset(IMAGES, bins=4)
    assert ifp.dataset(IMAGES, factors, ["kind", "age"], bins={"age": 3}).space.sizes == (3, 3)


def test_bins_in_the_table_of_a_folder(tmp_path: Path) -> None:
    rows = ["file,kind,age"]
    for at in range(24):
        Image.fromarray(IMAGES[at]).save(tmp_path / f"{at:02}.png")
        rows.append(f"{at:02}.png,{'ab'[at % 2]},{AGE[at]}")
    (tmp_path / "factors.csv").write_text("\n".join(rows))
    data = load_dataset(f"images:{tmp_path}", bins="age:3")
    assert data.space.sizes == (2, 3)
    with pytest.raises(IfpError, match=r"'kind' .* is not put into bins"):
        load_dataset(f"images:{tmp_path}", bins="kind:3")


def test_factors_in_arrays_of_their_own_as_infinite_dsprites_writes_them(tmp_path: Path) -> None:
    shapes = np.empty(24, dtype=object)
    shapes[:] = [np.zeros(3)] * 24
    own = save(
        tmp_path, shape_id=np.arange(24) // 6, orientation=np.tile(np.linspace(0, 3, 6), 4), shape=shapes,
        color=np.tile([[1.0, 1, 1]], (24, 1)), weights=AGE,
    )  # fmt: skip
    said: list[str] = []
    data = as_dataset(own, say=said.append)
    assert data.space.names == ("shape_id", "orientation", "color")
    assert data.space.sizes == (4, 6, 1)
    assert "'shape' left out" in said[0]
    np.testing.assert_array_equal(data.render(np.array([[3, 2, 0]]), np.zeros(1, int))[0, 0], IMAGES[20])


def test_names_are_taken_apart_as_they_were_put_together() -> None:
    for grid, bins in ((None, None), ({"a b": 2}, None), (None, 3), ({"a": 2, "b": 3}, {"b": 5})):
        name, layout = split_name(named_with("npz:some/where #1.npz", grid, bins))
        assert (name, layout.grid, layout.bins) == ("npz:some/where #1.npz", grid, bins)
