"""The deepest state, from which heating starts, is the lowest: of all cuts of a ring, and of valleys that are lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ifp.analysis.freezing.points import freezing_points
from ifp.exact import follow
from ifp.exact.annealing import exact_annealing
from ifp.exact.candidates import Surroundings
from ifp.exact.ideal_vae import make_batch
from ifp.exact.improve import lowest
from ifp.exact.prepare import prepare_traversals
from ifp.exact.rise import rise
from ifp.exact.search import grow
from ifp.exact.search_state import SearchState
from ifp.exact.solutions import Solutions, penalised_nats, state_along
from ifp.exact.solve import solve
from ifp.exact.states import Depth
from ifp.exact.targets import kl_targets
from ifp.likelihood import Bernoulli
from ifp.theory.closed_form import freezing_bounds

from .written_out import sprites_traversal

HEART = (2, 3, 0, 22, 22)
"""The context of a heart that turns, of whose cuts many have nearly the same objective."""
HEATED = 39.23449
"""Where its deepest branch ends, by minimisation of R + beta K on a fixed grid of z while beta rises in small steps."""
DEEP_KL_NATS, DEEP_BETA = 2.0 * 1.12**4, 22.3124
DEEPEST_NATS = 29.4499
"""The objective of that commit's deepest state at this KL and beta, and the least of all 40 cuts."""


def surroundings(images: np.ndarray) -> tuple[Surroundings, torch.Tensor]:
    """What the search needs to know of one traversal, and its lower edge."""
    bounds = freezing_bounds(images, upper=False)
    (traversal,) = prepare_traversals([images], Bernoulli(), replace(bounds, beta_upper_M=bounds.beta_closed_form_M))
    batch = make_batch([traversal.reduced], Bernoulli(), "cpu")
    edge_M = torch.tensor([traversal.beta_closed_form], dtype=torch.float64)
    return Surroundings(batch, torch.from_numpy(traversal.modes_NK[None]), lambda: None), edge_M


@torch.inference_mode()
def cut_of_the_tour(around: Surroundings, cut: int) -> Solutions:
    """The deep state whose images lie along z as in the tour cut open here."""
    images = around.batch.shape[0]
    laid = torch.empty(images, dtype=torch.float64)
    quantiles = torch.special.ndtri((torch.arange(images, dtype=torch.float64) + 0.5) / images)
    laid[np.roll(around.tour(0), cut).tolist()] = quantiles / quantiles.square().mean().sqrt()
    kl = torch.tensor([DEEP_KL_NATS], dtype=torch.float64)
    return solve(around.batch, state_along(laid[None, :, None], kl[:, None]), torch.full_like(kl, DEEP_BETA), kl)


@torch.inference_mode()
@pytest.mark.parametrize("cut", [0, 3])
def test_the_wide_search_finds_the_best_cut_of_a_ring(cut: int) -> None:
    around, _ = surroundings(sprites_traversal("orientation", HEART))
    known = cut_of_the_tour(around, cut)
    assert float(penalised_nats(known)) > DEEPEST_NATS + 0.02
    found, _ = lowest(around, [0], known, fresh=False, wide=True)
    assert float(penalised_nats(found)) < DEEPEST_NATS + 1e-4


@torch.inference_mode()
def test_a_lost_lowest_valley_is_not_succeeded_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # the deepest state of another valley, which needs fewer points, is not the lowest of its KL
    around, edge_M = surroundings(np.random.default_rng((21, 0)).random((6, 8)))
    state = SearchState(around, Depth(kl_targets(0.1, 0.01, 12.0), edge_M, 0.3 * edge_M, 1.8, 0.0), latents=1)
    grow(state)
    monkeypatch.setattr(follow, "MOST_POINTS", 45)  # fewer than the lowest valley needs in the end
    (top,) = rise(state)
    first, lowest_known = state.cool[0], state.best[0]
    deepest = max(lowest_known)
    assert deepest < max(first)
    assert top == lowest_known[deepest] != first[deepest]
    assert state.nats_at(top, int(deepest)) < state.nats_at(first[deepest], int(deepest))


@pytest.mark.slow
def test_heating_follows_the_deepest_state_alone_and_among_others() -> None:
    # three hearts of 40 images, 3 CPU seconds each: the misses were seen on no smaller ring
    contexts = [HEART, (2, 3, 0, 4, 21), (2, 1, 0, 11, 5)]
    images = [sprites_traversal("orientation", context) for context in contexts]
    together = exact_annealing(images, directions=["heat"])
    points = freezing_points(together)
    assert points["beta_ifp"][0] == pytest.approx(HEATED, rel=2e-4)
    # above 39.585, where a descent on a fixed grid holds 1.82 nats; the largest of points 0.3 nat apart was 39.424
    assert points["beta_ifp"][1] == pytest.approx(39.5888, rel=5e-4)
    for number, x in enumerate(images):
        alone = freezing_points(exact_annealing(x, directions=["heat"]))
        assert points["beta_ifp"][number] == pytest.approx(alone["beta_ifp"][0], rel=1e-6)
