"""Factors look alike in figures of separate calls: by their names, and where these are the user's own by --order."""

from __future__ import annotations

import pytest

from ifp.analysis.figures.style import KNOWN_PLACES, factor_looks, first_looks
from ifp.datasets import arrow, cars3d, mpi3d, shapes3d, sprites, xysquares
from ifp.datasets.toys import Toys

SPACES = [
    sprites.SPACE.names, arrow.SPACE.names, xysquares.SPACE.names, shapes3d.SPACE.names, cars3d.SPACE.names,
    mpi3d.SPACE.names, Toys.space.names, ("category", "instance", "elevation", "azimuth", "lighting"),
]  # fmt: skip


@pytest.mark.parametrize("names", SPACES)
def test_factors_of_a_data_set_differ_and_look_the_same_alone(names: tuple[str, ...]) -> None:
    looks = factor_looks(names)
    assert set(names) <= set(KNOWN_PLACES)
    for part in ("color", "marker", "linestyle", "hatch"):
        assert len({getattr(look, part) for look in looks.values()}) == len(names)
    for name in names:
        assert factor_looks([name])[name] == looks[name]
        assert factor_looks(["mine", name])[name] == looks[name]


def test_factors_of_the_user_take_what_is_left_in_the_order_that_is_given() -> None:
    own = ["b", "a", "posX", "c"]
    looks = factor_looks(own)
    assert [look.color for look in factor_looks(["x", "y"]).values()] == [looks["b"].color, looks["a"].color]
    assert len({look.color for look in looks.values()}) == 4
    with first_looks(["c,a"]):
        first = factor_looks(own)
        assert (first["c"], first["a"], first["b"]) == (looks["b"], looks["a"], looks["c"])
        assert first["posX"] == looks["posX"]
        assert factor_looks(["a", "c"])["c"] == first["c"]
    assert factor_looks(own) == looks


def test_over_eight_factors_look_alike_in_turn() -> None:
    looks = list(factor_looks(map(str, range(17))).values())
    assert looks[:8] == looks[8:16]
    assert looks[16] == looks[0]
    assert len(set(looks[:8])) == 8
