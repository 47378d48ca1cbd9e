"""Exact annealing of sprites: equilibrium between the edges, order of the branches, the same alone or among others."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.analysis.freezing.points import freezing_points
from ifp.datasets.factors import FactorTraversal
from ifp.datasets.sprites import Sprites
from ifp.exact.annealing import exact_annealing
from ifp.trace import AnnealTrace

from .curves import crossings
from .written_out import sprites_traversal


@pytest.fixture(scope="module")
def cells() -> list[FactorTraversal]:
    """Two traversals of every factor of sprites; one of orientation, whose curves take five times as long."""
    dataset = Sprites()
    drawn = {factor: dataset.sample_traversals(factor, 2, seed=5) for factor in dataset.space.names}
    return [
        traversal for factor, pair in drawn.items() for traversal in (pair[1:] if factor == "orientation" else pair)
    ]


@pytest.fixture(scope="module")
def drawn(cells: list[FactorTraversal]) -> AnnealTrace:
    """The traversals, annealed."""
    return exact_annealing(
        [Sprites().traversal_images(t) for t in cells],
        factors=[t.factor for t in cells],
        contexts=[t.context for t in cells],
    )


@pytest.mark.slow
def test_sprites_equilibrium_lies_between_the_edges(drawn: AnnealTrace) -> None:
    equilibrium = crossings(drawn)["equilibrium"]
    lower, upper = drawn.beta_closed_form_M[::3], drawn.beta_upper_M[::3]
    assert (equilibrium >= 0.8 * lower).all()
    assert (equilibrium <= 1.02 * upper).all()


def test_no_information_above_the_upper_edge(drawn: AnnealTrace) -> None:
    rows = drawn.direction_M == "equilibrium"
    held = drawn.total_kl_nats_MT[rows] > 0.1
    beta = np.where(held, drawn.beta_MT[rows], 0.0)
    assert (beta.max(axis=1) <= 1.02 * drawn.beta_upper_M[rows]).all()


def test_equilibrium_is_never_above_another_branch(drawn: AnnealTrace) -> None:
    # at each equilibrium beta no recorded state of either branch has a lower recon + beta KL
    for first in range(0, len(drawn), 3):
        own, branches = first + 2, slice(first, first + 2)
        recon, kl = drawn.recon_nats_MT[branches], drawn.total_kl_nats_MT[branches]
        known = np.isfinite(recon)
        beta = drawn.beta_MT[own][np.isfinite(drawn.beta_MT[own])]
        least = drawn.recon_nats_MT[own, : len(beta)] + beta * drawn.total_kl_nats_MT[own, : len(beta)]
        rivals = (recon[known] + beta[:, None] * kl[known]).min(axis=1)
        assert (least <= rivals + 1e-5 * drawn.beta_closed_form_M[own]).all()


def test_records_are_in_order_and_labelled(drawn: AnnealTrace) -> None:
    assert list(drawn.direction_M[:3]) == ["cool", "heat", "equilibrium"]
    assert set(drawn.status_M) == {"ok"}
    assert set(drawn.method_M) == {"exact"}
    assert drawn.context_MF.shape == (27, 5)
    for row in range(len(drawn)):
        beta = drawn.beta_MT[row][np.isfinite(drawn.beta_MT[row])]
        step = np.diff(beta) * (1 if drawn.direction_M[row] == "heat" else -1)
        assert (step >= 0).all()
        assert beta.max() > 1.2 * drawn.beta_closed_form_M[row]


def test_crossings_are_bracketed_within_the_tolerance(drawn: AnnealTrace) -> None:
    points = freezing_points(drawn)
    assert set(points["status"]) == {"frozen"}
    assert (points["beta_bracket_high"] <= 1.01 * points["beta_bracket_low"]).all()


def test_shape_freezes_at_first_order(drawn: AnnealTrace) -> None:
    """In these three contexts, as in most, not all: the oracle holds a continuous one."""
    found = crossings(drawn.select(drawn.factor_M == "shape"))
    assert (found["cool"] < 0.99 * found["equilibrium"]).all()
    assert (found["equilibrium"] < found["heat"]).all()


def test_alone_or_among_others_the_same(cells: list[FactorTraversal], drawn: AnnealTrace) -> None:
    for factor in ("shape", "posX"):
        number = next(i for i, traversal in enumerate(cells) if traversal.factor == factor)
        alone = exact_annealing(Sprites().traversal_images(cells[number]))
        for row in range(3):
            other = drawn.select(np.array([3 * number + row]))
            length = alone.beta_MT.shape[1]
            np.testing.assert_allclose(alone.beta_MT[row], other.beta_MT[0, :length], rtol=1e-9)
            np.testing.assert_allclose(alone.kl_nats_MTD[row], other.kl_nats_MTD[0, :length], rtol=1e-9, atol=1e-9)


def test_a_second_latent_never_costs() -> None:
    images = sprites_traversal("scale", (1, 0, 4, 9, 20))
    one, two = (exact_annealing(images, latents=latents, directions=["cool"]) for latents in (1, 2))
    assert two.kl_nats_MTD.shape[2] == 2
    # a state of one latent is a state of two with the second empty: its line bounds the objective of two
    beta = two.beta_MT[0][np.isfinite(two.beta_MT[0])]
    own = two.recon_nats_MT[0, : len(beta)] + beta * two.total_kl_nats_MT[0, : len(beta)]
    lines = np.isfinite(one.beta_MT[0])
    bound = (one.recon_nats_MT[0, lines] + beta[:, None] * one.total_kl_nats_MT[0, lines]).min(axis=1)
    assert (own <= bound + 1e-4 * one.beta_closed_form_M[0]).all()
