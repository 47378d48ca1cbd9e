"""Where a member's beta starts and ends."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member
from ifp.annealing.train import anneal_chunk, beta_range

IMAGES = np.array([[[[0, 255, 0]]], [[[255, 0, 0]]]], dtype=np.uint8)


def member(direction: str) -> Member:
    return Member("place", (-1,), 0, direction, IMAGES, 100.0, 110.0)


def limits(direction: str, **given: float) -> tuple[float, float]:
    return beta_range(member(direction), preset_config("standard", dataset="made", **given))


def test_automatic_range_comes_from_the_edges() -> None:
    assert limits("cool") == pytest.approx((132.0, 15.0))
    assert limits("heat") == pytest.approx((40.0, 330.0))


@pytest.mark.parametrize("direction", ["cool", "heat"])
@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ({"beta_max": 500.0, "beta_min": 2.0}, 2.0, 500.0),
        ({"beta_max": 5.0}, 0.5, 5.0),  # below every automatic lower end
        ({"beta_min": 1000.0}, 1000.0, 10000.0),  # above every automatic upper end
    ],
)
def test_given_ends_hold_and_the_range_is_never_upside_down(
    direction: str, given: dict[str, float], low: float, high: float
) -> None:
    expected = (high, low) if direction == "cool" else (low, high)
    assert limits(direction, **given) == pytest.approx(expected)


def test_author_law_ignores_the_range_and_is_followed_step_by_step() -> None:
    config = preset_config(
        "author", dataset="made", architecture="mlp", hidden=8, steps=80, records=80, stop_recon_nats=0.0
    )
    trace = anneal_chunk([member("cool")], config)
    beta = trace.beta_MT[0][np.isfinite(trace.beta_MT[0])]
    assert beta == pytest.approx(70 * np.exp(-15 * np.arange(len(beta)) / 80) + 1)


def test_stop_rule_on_the_reconstruction_ends_a_member() -> None:
    config = preset_config("author", dataset="made", architecture="mlp", hidden=8, steps=80, records=80)
    # three pixels, two images: the collapsed reconstruction, 2 ln 2 = 1.39 nats, is above 1, and 1000 above all
    first = anneal_chunk([member("cool")], preset_config(**{**config.to_json(), "stop_recon_nats": 1000.0}))
    assert np.isfinite(first.beta_MT[0]).sum() == 1
