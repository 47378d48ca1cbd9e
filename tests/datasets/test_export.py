"""Export: the file holds the images, loads as npz:PATH, and is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset
from ifp.datasets.export import export_npz
from ifp.datasets.factors import FactorSpace
from ifp.errors import IfpError


class Cards(FactorDataset):
    """Each image shows its factors and its nuisance in single pixels."""

    name = "cards"
    nuisance_name = "number"

    def __init__(self, sizes: tuple[int, ...] = (3, 4, 5), channels: int = 1, side: int = 32, numbers: int = 0) -> None:
        self.nuisance_values = numbers
        self.space = FactorSpace(("suit", "rank", "tilt"), sizes)
        self.image_shape = (channels, side, side)

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        images = np.zeros((len(positions_NF), *self.image_shape), np.uint8)
        images[:, :, 0, :3] = positions_NF[:, None, :]
        images[:, :, 1, 0] = (nuisance_N % (self.nuisance_values or 251))[:, None]
        images[:, 0, 2, 0] = 9
        return images

    def checksum(self) -> str:
        return self._sample_checksum()


@pytest.mark.parametrize("channels", [1, 3])
def test_npz_path_gives_the_same_images(tmp_path: Path, channels: int) -> None:
    cards = Cards(channels=channels)
    export_npz(cards, tmp_path / "cards.npz", nuisance=7)
    again = load_dataset(f"npz:{tmp_path / 'cards.npz'}")
    assert again.space == cards.space
    assert again.image_shape == cards.image_shape
    positions = cards.space.unravel(np.arange(len(cards.space)))
    nuisance = np.full(len(positions), 7)
    np.testing.assert_array_equal(again.render(positions, nuisance), cards.render(positions, nuisance))


def test_layout(tmp_path: Path) -> None:
    export_npz(Cards(channels=3), tmp_path / "cards.npz")
    with np.load(tmp_path / "cards.npz", allow_pickle=False) as stored:
        assert stored["images"].shape == (60, 32, 32, 3)
        assert stored["images"].dtype == np.uint8
        assert stored["factors"].tolist() == [[s, r, t] for s in range(3) for r in range(4) for t in range(5)]
        assert stored["factor_names"].tolist() == ["suit", "rank", "tilt"]
        assert stored["images"][23, 0, :3, 1].tolist() == [1, 0, 3]
    export_npz(Cards(), tmp_path / "grey.npz")
    with np.load(tmp_path / "grey.npz") as stored:
        assert stored["images"].shape == (60, 32, 32)


def test_npz_path_finds_every_nuisance_again(tmp_path: Path) -> None:
    cards = Cards(numbers=7)
    export_npz(cards, tmp_path / "cards.npz")
    again = load_dataset(f"npz:{tmp_path / 'cards.npz'}")
    assert again.describe()["images"] == 420
    positions = cards.space.unravel(np.repeat(np.arange(60), 9))
    nuisance = np.tile(np.arange(9), 60)
    np.testing.assert_array_equal(again.render(positions, nuisance), cards.render(positions, nuisance))
    export_npz(cards, tmp_path / "one.npz", nuisance=8)
    assert load_dataset(f"npz:{tmp_path / 'one.npz'}").describe()["images"] == 60


def test_nuisance_one_for_all_or_each_its_own(tmp_path: Path) -> None:
    def numbers(name: str, **options: int | None) -> list[int]:
        export_npz(Cards(), tmp_path / name, **options)  # type: ignore[arg-type]
        with np.load(tmp_path / name) as stored:
            return [int(n) for n in stored["images"][:, 1, 0]]

    assert numbers("a", nuisance=5) == [5] * 60
    drawn = numbers("b", nuisance=None)
    assert len(set(drawn)) > 30
    assert numbers("c", nuisance=None) == drawn
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert numbers("d", nuisance=None, seed=1) != drawn


def test_no_overwriting_without_force(tmp_path: Path) -> None:
    out = tmp_path / "cards.npz"
    out.write_text("precious")
    with pytest.raises(IfpError, match=r"exists.*`force=True`"):
        export_npz(Cards(), out)
    assert out.read_text() == "precious"
    export_npz(Cards(), out, force=True)
    assert out.stat().st_size > 100
    with pytest.raises(IfpError, match="no folder"):
        export_npz(Cards(), tmp_path / "nowhere" / "cards.npz")


def test_an_interrupted_export_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    out = tmp_path / "cards.npz"
    out.write_text("precious")

    def interrupt(text: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_npz(Cards(), out, force=True, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["cards.npz"]
    assert out.read_text() == "precious"


def test_memory_holds_a_block_not_the_data(
    tmp_path: Path, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    cards = Cards(sizes=(10, 10, 200), side=64)  # 82 MB of images
    with memory_below(25_000_000):
        export_npz(cards, tmp_path / "cards.npz")
