"""A strong transition, a heart that turns: its crossings, and no state below its equilibrium."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.freezing.points import freezing_points
from ifp.exact.annealing import exact_annealing
from ifp.trace import AnnealTrace

from .curves import assert_no_random_start_ends_below, equilibrium
from .written_out import sprites_traversal

HEART = (2, 4, 0, 10, 7)
"""The context of a heart that turns: 40 images, and a strong transition."""


@pytest.fixture(scope="module")
def heart() -> AnnealTrace:
    return exact_annealing(sprites_traversal("orientation", HEART))


def test_the_heart_freezes_above_its_lower_edge(heart: AnnealTrace) -> None:
    # gains over the collapsed state of another implementation: 1.44, 3.4, 6.40, 8.96 nats at these betas
    points = freezing_points(heart).set_index("direction")
    edge = heart.beta_closed_form_M[0]
    assert set(points["status"]) == {"frozen"}
    assert 1.035 * edge < points.loc["equilibrium", "beta_ifp"] < 1.05 * edge
    assert 0.93 * edge < points.loc["cool", "beta_ifp"] < 0.95 * edge
    assert 1.24 * edge < points.loc["heat", "beta_ifp"] < 1.29 * edge
    beta, recon, kl = equilibrium(heart)
    collapsed = recon[kl == 0][0]
    for at, gain in ((40.0, 1.44), (39.2, 3.4), (38.0, 6.40), (37.0, 8.96)):
        # the envelope is concave in beta and each state's line bounds it from above
        best = collapsed - (recon + at * kl).min()
        assert best >= gain - 0.05
        assert np.interp(at, beta[::-1], (collapsed - recon - beta * kl)[::-1]) == pytest.approx(best, abs=0.35)


def test_no_random_start_ends_below_the_equilibrium_of_the_heart(heart: AnnealTrace) -> None:
    assert_no_random_start_ends_below(sprites_traversal("orientation", HEART), heart, records=3, starts=8)
