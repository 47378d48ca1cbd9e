"""First-order transitions: found by exact curves where there are any, else by the edges."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from ifp.analysis.freezing.points import freezing_points
from ifp.analysis.freezing.summary import summarize, summary_texts
from ifp.analysis.freezing.transitions import first_order
from ifp.trace import AnnealTrace

FALLING = np.geomspace(200, 5, 200)[None, :]


def exact_points(  # type: ignore[no-untyped-def]
    synthetic: ModuleType, cool: float, heat: float, upper: float = 1.0, equilibrium: float | None = None
):
    """A traversal of lower edge 60 whose exact branches cross at these multiples of it; the equilibrium between."""
    equilibrium = equilibrium or np.sqrt(cool * heat)
    same = {"edges_C": np.array([60.0]), "upper_C": np.array([60.0 * upper])}
    parts = [
        synthetic.one_curve(FALLING, synthetic.curve_kl(FALLING, 60 * at * np.exp(0.2)), direction=direction, **same)
        for direction, at in (("cool", cool), ("heat", heat), ("equilibrium", equilibrium))
    ]
    return freezing_points(AnnealTrace.concatenate(parts))


@pytest.mark.parametrize(
    ("cool", "heat", "upper", "expected"),
    [
        (0.95, 0.95, 1.0, False),
        (0.93, 1.25, 1.2, True),  # a heart's orientation
        (1.008, 1.026, 1.1, True),  # a shape: branches 1.8 % apart, both above the edge
        (0.99, 0.99, 1.0135, False),  # an upper edge that the curve does not follow
        (0.953, 0.953, 1.10, False),  # exact curves outrank the edges
        (0.90, 0.95, 1.0, True),
        (1.001, 1.001, 1.1, False),  # within the interpolation between records
        (1.004, 1.004, 1.1, True),
    ],
)
def test_exact_curves_decide(synthetic: ModuleType, cool: float, heat: float, upper: float, expected: bool) -> None:
    assert first_order(exact_points(synthetic, cool, heat, upper)).tolist() == [expected] * 3


def test_a_jump_that_ends_below_the_threshold_does_not_count(synthetic: ModuleType) -> None:
    """Four different images, Gaussian: the equilibrium jumps to .06 nat, and crosses .1 on the heating branch."""
    points = exact_points(synthetic, 0.9995, 1.077, 1.21, equilibrium=1.077)
    assert first_order(points).tolist() == [False] * 3
    # within the jump the two records of the crossing have one beta
    jumps = points["direction"] == "equilibrium"
    points = points.assign(beta_bracket_high=points["beta_bracket_high"].where(~jumps, points["beta_bracket_low"]))
    assert first_order(points).tolist() == [True] * 3


@pytest.mark.parametrize(("upper", "expected"), [(1.0, False), (1.045, False), (1.055, True), (np.nan, False)])
@pytest.mark.parametrize("method", ["closed-form", "train"])
def test_without_exact_curves_the_edges_decide(
    synthetic: ModuleType, method: str, upper: float, expected: bool
) -> None:
    trace = synthetic.one_curve(
        FALLING, synthetic.curve_kl(FALLING, 50.0), method=method, edges_C=np.array([60.0]),
        upper_C=np.array([60 * upper]),
    )  # fmt: skip
    assert first_order(freezing_points(trace)).tolist() == [expected]


def test_a_traversal_of_equal_images_is_not_first_order(synthetic: ModuleType) -> None:
    zero = np.zeros(1)
    trace = synthetic.one_curve(FALLING, 0 * FALLING, method="closed-form", edges_C=zero, upper_C=zero)
    assert first_order(freezing_points(trace)).tolist() == [False]


def test_the_table_counts_them(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=7, methods=("closed-form", "exact")))
    table = summarize(points)
    assert table.groupby("factor")["n_first_order"].unique().map(list).to_dict() == {
        "shape": [7], "scale": [0], "orientation": [0], "posX": [0], "posY": [0],
    }  # fmt: skip
    assert summary_texts(table).set_index("factor")["first-order"].to_dict()["shape"] == "7 of 7"
