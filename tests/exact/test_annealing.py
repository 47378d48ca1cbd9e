"""Exact annealing against analytic curves, independent minimisation and an implementation apart from this project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtri

from ifp.analysis.freezing.points import freezing_points
from ifp.datasets.factors import FactorTraversal
from ifp.datasets.sprites import Sprites
from ifp.errors import IfpError
from ifp.exact.annealing import exact_annealing
from ifp.exact.lowest import exact_minimum
from ifp.likelihood import binary_entropy_nats
from ifp.theory.closed_form import freezing_bounds
from ifp.trace import AnnealTrace

from .written_out import lowest_of_random_starts, sprites_traversal

ORACLE = Path(__file__).parents[2] / "../shared/fixtures/sprites-oracle-true-geometry.json"
QUANTILES = ndtri((np.arange(200) + 0.5) / 200)[:, None] * np.array([[3.0, 4.0]])


def crossings(trace: AnnealTrace, threshold_nats: float = 0.1) -> dict[str, np.ndarray]:
    """beta at the threshold, by direction."""
    points = freezing_points(trace, threshold_nats=threshold_nats)
    return {str(name): group["beta_ifp"].to_numpy() for name, group in points.groupby("direction")}


@pytest.mark.parametrize("latents", [1, 2])
def test_gaussian_quantiles_follow_the_linear_vae(latents: int) -> None:
    trace = exact_annealing(QUANTILES, "gaussian", sigma=0.5, latents=latents)
    edge = trace.beta_closed_form_M[0]
    assert edge == pytest.approx(25 * np.mean(QUANTILES[:, 0] ** 2) / 9 / 0.25, rel=1e-9)
    for row in range(3):
        # deeper, posteriors are as narrow as the distance of the 200 quantiles
        known = trace.total_kl_nats_MT[row] < 1.4
        beta, kl, recon = trace.beta_MT[row][known], trace.total_kl_nats_MT[row][known], trace.recon_nats_MT[row][known]
        np.testing.assert_allclose(kl, np.maximum(0, 0.5 * np.log(edge / beta)), atol=1e-3)
        # what is left of the variance edge sigma^2 is its share beta / edge
        np.testing.assert_allclose(recon, np.minimum(beta, edge) / 2, rtol=2e-3)
        assert (beta < edge).sum() >= 8
    for beta in crossings(trace).values():
        assert beta[0] == pytest.approx(edge * np.exp(-0.2), rel=0.01)


def objective(x: np.ndarray, u: np.ndarray, beta: float, z: np.ndarray) -> float:
    """recon + beta KL of one latent, written out afresh: posteriors u = (means, log stds), trapezoid on z."""
    n = len(x)
    mean, log_std = u[:n, None], u[n:, None]
    q = np.exp(-0.5 * ((z - mean) / np.exp(log_std)) ** 2 - log_std) / np.sqrt(2 * np.pi)
    p = q.mean(axis=0)
    decoded = np.clip((q / (n * p + 1e-300)).T @ x, 0, 1)
    recon = (p * binary_entropy_nats(decoded).sum(axis=1)).sum() * (z[1] - z[0])
    return float(recon + beta * (0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std).mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_images_agree_with_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.random((3, 12)) < 0.5).astype(float) if seed else rng.random((3, 12))
    bounds = freezing_bounds(x)
    betas = bounds.beta_closed_form_M[0] * np.array([0.5, 0.85, 1.02])
    for beta, least in zip(betas, exact_minimum(x, betas), strict=True):
        assert least == pytest.approx(lowest_of_random_starts(x, beta, 12, rng), abs=2e-4 * beta)


def test_two_images_agree_with_brute_force() -> None:
    # by symmetry means are +-m and both stds s: a minimum over two numbers
    x = np.repeat([[0.0], [1.0]], 40, axis=1)
    z = np.linspace(-8, 8, 641)
    trace = exact_annealing(x)
    for record in (7, 9, 12):
        beta = trace.beta_MT[0, record]

        def two(v: np.ndarray, b: float = beta) -> float:
            return objective(x, np.array([v[0], -v[0], v[1], v[1]]), b, z)

        best = minimize(two, np.array([0.5, -0.2]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
        got = trace.recon_nats_MT[0, record] + beta * trace.total_kl_nats_MT[0, record]
        assert got == pytest.approx(best.fun, rel=1e-6)


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


def test_sprites_agree_with_the_oracle() -> None:
    if not ORACLE.exists():
        pytest.skip("needs ../shared/fixtures/sprites-oracle-true-geometry.json")
    rows: list[dict[str, Any]] = json.loads(ORACLE.read_text())
    assert len(rows) == 15
    trace = exact_annealing([sprites_traversal(row["factor"], tuple(row["context"])) for row in rows])
    found = crossings(trace)
    for number, row in enumerate(rows):
        assert found["cool"][number] == pytest.approx(row["exact_cool"], rel=0.02)
        if row["exact_heat"] is not None:
            assert found["heat"][number] == pytest.approx(row["exact_heat"], rel=0.02)
        else:
            assert found["heat"][number] > 1.15 * row["beta_closed_form"]


def test_alone_or_among_others_the_same(cells: list[FactorTraversal], drawn: AnnealTrace) -> None:
    for factor in ("shape", "posX"):
        number = next(i for i, traversal in enumerate(cells) if traversal.factor == factor)
        alone = exact_annealing(Sprites().traversal_images(cells[number]))
        for row in range(3):
            other = drawn.select(np.array([3 * number + row]))
            length = alone.beta_MT.shape[1]
            np.testing.assert_allclose(alone.beta_MT[row], other.beta_MT[0, :length], rtol=1e-9)
            np.testing.assert_allclose(alone.kl_nats_MTD[row], other.kl_nats_MTD[0, :length], rtol=1e-9, atol=1e-9)


def test_exact_minimum_is_below_any_posteriors() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((5, 30)) < 0.4).astype(float)
    beta = 0.7 * freezing_bounds(x, upper=False).beta_closed_form_M[0]
    least = exact_minimum(x, [beta])[0]
    z = np.linspace(-9, 9, 801)
    for _ in range(200):
        u = np.concatenate([rng.normal(size=5), rng.normal(size=5) * 0.3 - 0.5])
        assert objective(x, u, beta, z) >= least - 1e-6


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


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"latents": 3}, "latents"),
        ({"threshold_nats": 0.0}, "threshold_nats"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"directions": ["up"]}, "up"),
        ({"directions": []}, "directions"),
        ({"likelihood": "poisson"}, "poisson"),
    ],
)
def test_bad_values_are_one_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(IfpError, match=says):
        exact_annealing(np.eye(3), **changes)
    with pytest.raises(IfpError, match="beta"):
        exact_minimum(np.eye(3), [0.0])


def test_progress_counts_traversals_and_may_stop() -> None:
    seen: list[tuple[int, int]] = []
    exact_annealing(
        [np.random.default_rng(n).random((3, 6)) for n in range(2)],
        progress=lambda text, done, total: seen.append((done, total)),
    )
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)

    def stop(text: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exact_annealing(np.eye(3), progress=stop)
