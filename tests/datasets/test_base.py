"""Factor spaces, traversals and how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.datasets.base import FactorDataset
from ifp.datasets.factors import MOVING, FactorSpace, FactorTraversal
from ifp.errors import IfpError


class Codes(FactorDataset):
    """Images that spell their own factor values and nuisance; the factor "same" changes nothing."""

    name = "codes"
    space = FactorSpace(("a", "b", "same"), (3, 5, 2))
    image_shape = (1, 1, 4)
    nuisance_name = "number"

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        a_N, b_N, _ = positions_NF.T
        return np.stack([a_N, b_N, nuisance_N % 256, 0 * a_N], axis=1).astype(np.uint8)[:, None, None]

    def checksum(self) -> str:
        return self._sample_checksum()


def test_space_numbers_the_grid_with_the_last_factor_fastest() -> None:
    space = FactorSpace(("a", "b", "c"), (2, 3, 4))
    index = np.arange(len(space))
    positions = space.unravel(index)
    np.testing.assert_array_equal(positions[:5, 2], [0, 1, 2, 3, 0])
    np.testing.assert_array_equal(positions @ [12, 4, 1], index)
    np.testing.assert_array_equal(space.ravel(positions), index)
    assert space.size_of("b") == 3


def test_unknown_factor_gets_a_hint() -> None:
    with pytest.raises(IfpError, match="Unknown factor 'posx': allowed are posX, posY; did you mean 'posX'"):
        FactorSpace(("posX", "posY"), (2, 2)).index_of("posx")


def test_positions_of_a_traversal() -> None:
    traversal = FactorTraversal("b", (2, MOVING, 1), (0, 3, 4), (9, 9, 9))
    np.testing.assert_array_equal(traversal.positions_NF(), [[2, 0, 1], [2, 3, 1], [2, 4, 1]])


def test_all_contexts_can_be_drawn_once_each() -> None:
    data = Codes()
    assert data.num_contexts("b") == 6
    traversals = data.sample_traversals("b", 6, seed=0)
    assert {traversal.context for traversal in traversals} == {(a, MOVING, c) for a in range(3) for c in range(2)}
    assert {traversal.values for traversal in traversals} == {(0, 1, 2, 3, 4)}


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    data = Codes()
    for nuisance in ("fixed", "random"):
        assert data.sample_traversals("a", 10, 7, nuisance)[:4] == data.sample_traversals("a", 4, 7, nuisance)


def test_seeds_factors_and_data_sets_draw_differently() -> None:
    class Others(Codes):
        name = "others"

    def contexts(data: FactorDataset, seed: int) -> list[tuple[int, ...]]:
        return [traversal.context for traversal in data.sample_traversals("a", 8, seed)]

    assert contexts(Codes(), 0) != contexts(Codes(), 1)
    assert contexts(Codes(), 0) != contexts(Others(), 0)


def test_contexts_are_drawn_evenly() -> None:
    """The first context of 3,000 seeds: chi-squared with 5 degrees of freedom, below its 99.9 % point."""
    data = Codes()
    drawn = [data.sample_traversals("b", 1, seed)[0].context for seed in range(3000)]
    counts = np.unique(np.array(drawn), axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert ((counts - 500) ** 2 / 500).sum() < 20.5


def test_nuisance_modes() -> None:
    data = Codes()
    fixed = data.sample_traversals("b", 6, seed=0)
    assert all(len(set(traversal.nuisance)) == 1 for traversal in fixed)
    assert len({traversal.nuisance for traversal in fixed}) == 6
    random = data.sample_traversals("b", 6, seed=0, nuisance="random")
    assert all(len(set(traversal.nuisance)) == 5 for traversal in random)
    with pytest.raises(IfpError, match="nuisance must be fixed or random, got 'none'"):
        data.sample_traversals("b", 1, seed=0, nuisance="none")


@pytest.mark.parametrize("contexts", [0, -1, 7])
def test_impossible_numbers_of_contexts(contexts: int) -> None:
    with pytest.raises(IfpError, match="between 1 and 6"):
        Codes().sample_traversals("b", contexts, seed=0)


def test_traversal_in_which_nothing_changes() -> None:
    data = Codes()
    (traversal,) = data.sample_traversals("same", 1, seed=0)
    assert (data.traversal_images(traversal) == data.traversal_images(traversal)[0]).all()
    (changing,) = data.sample_traversals("b", 1, seed=0)
    np.testing.assert_array_equal(data.traversal_images(changing)[:, 0, 0, 1], range(5))


def test_sample_checksum_sees_a_changed_pixel() -> None:
    class Brighter(Codes):
        def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
            images = super().render(positions_NF, nuisance_N)
            images[..., 3] = positions_NF[:, 0, None, None] == 2
            return images

    assert Codes().checksum() == Codes().checksum()
    assert Codes().checksum() != Brighter().checksum()


def test_description_of_any_data_set() -> None:
    data = Codes()
    lines = data.describe()
    assert (lines["images"], lines["nuisance"], data.num_pixels) == (30, "number", 4)
    assert lines["factors"] == {"a": 3, "b": 5, "same": 2}


def test_a_sample_holds_different_images_and_depends_on_the_seed_alone() -> None:
    data = Codes()
    positions_NF, nuisance_N = data.sample_images(12, seed=3)
    assert len(set(data.space.ravel(positions_NF).tolist())) == len(nuisance_N) == 12
    again_NF, again_N = data.sample_images(12, seed=3)
    np.testing.assert_array_equal(positions_NF, again_NF)
    np.testing.assert_array_equal(nuisance_N, again_N)
    assert (positions_NF != data.sample_images(12, seed=4)[0]).any()


def test_a_sample_larger_than_the_data_is_all_of_it() -> None:
    class Repeated(Codes):
        nuisance_values = 4

    data = Repeated()
    positions_NF, nuisance_N = data.sample_images(1000, seed=0)
    found = set(zip(data.space.ravel(positions_NF).tolist(), nuisance_N.tolist(), strict=True))
    assert len(found) == len(nuisance_N) == 30 * 4
    with pytest.raises(IfpError, match="images must be a whole number"):
        data.sample_images(0, seed=0)
