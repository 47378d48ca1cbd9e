"""Both edges against analytic values, brute force over the simplex, and an implementation apart from this project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import xlogy

from ifp.datasets.factors import MOVING, FactorTraversal
from ifp.datasets.sprites import Sprites
from ifp.errors import IfpError
from ifp.likelihood import Bernoulli
from ifp.theory.closed_form import freezing_bounds, leading_modes
from ifp.theory.reduction import reduce_traversal

ORACLE = Path(__file__).parents[2] / "../shared/fixtures/sprites-oracle-true-geometry.json"


def simplex(images: int, steps: int) -> np.ndarray:
    """Every weighting of `images` images in steps of 1 / `steps`, except the uniform one."""
    grid = np.stack(np.meshgrid(*[np.arange(steps + 1)] * (images - 1), indexing="ij"), -1).reshape(-1, images - 1)
    q = np.column_stack([grid, steps - grid.sum(axis=1)])
    q = q[q[:, -1] >= 0] / steps
    return q[np.abs(q - 1 / images).max(axis=1) > 0.01]


def ratio(images: np.ndarray, q: np.ndarray, likelihood: str, sigma: float = 1.0) -> np.ndarray:
    """Delta(m_q || m) / KL(q || p), written directly from its definition."""
    x = images.reshape(len(images), -1).astype(float)
    m, mq = x.mean(axis=0), q @ x
    if likelihood == "gaussian":
        delta = ((mq - m) ** 2).sum(axis=1) / (2 * sigma**2)
    else:
        keep = (m > 0) & (m < 1)
        m, mq = m[keep], mq[:, keep]
        delta = (xlogy(mq, mq / m) + xlogy(1 - mq, (1 - mq) / (1 - m))).sum(axis=1)
    return delta / xlogy(q, q * len(x)).sum(axis=1)


def test_linear_gaussian_lower_edge_is_the_leading_eigenvalue_over_sigma_squared() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 8)) * np.arange(1, 9)
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True)).max() / 0.7**2
    bounds = freezing_bounds(x, "gaussian", sigma=0.7)
    assert bounds.beta_closed_form_M[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("pixels", [1, 37])
def test_two_opposite_binary_images(pixels: int) -> None:
    # m = 1/2 in every pixel, so the scaled covariance has the one eigenvalue P; a vertex gives P ln 2 / ln 2 = P too
    bounds = freezing_bounds(np.stack([np.zeros(pixels), np.ones(pixels)]))
    np.testing.assert_allclose(bounds.beta_closed_form_M, pixels, rtol=1e-12)
    np.testing.assert_allclose(bounds.beta_upper_M, pixels, rtol=1e-9)


def test_two_gaussian_images() -> None:
    # distance d: eigenvalue d^2 / 4; q = (1 + t, 1 - t) / 2 moves the mean by t d / 2, and KL >= t^2 / 2: sup at t -> 0
    bounds = freezing_bounds(np.array([[0.0, 0.0], [3.0, 4.0]]), "gaussian", sigma=2.0)
    np.testing.assert_allclose(bounds.beta_closed_form_M, 25 / 4 / 4, rtol=1e-12)
    np.testing.assert_allclose(bounds.beta_upper_M, 25 / 4 / 4, rtol=1e-9)


def test_equal_vertices() -> None:
    # n one-hot images: the eigenvalue is n / (n - 1) by symmetry, and a vertex has this Delta / ln n
    n = 6
    bounds = freezing_bounds(np.eye(n))
    vertex = (np.log(n) + (n - 1) * np.log(n / (n - 1))) / np.log(n)
    assert bounds.beta_closed_form_M[0] == pytest.approx(n / (n - 1), rel=1e-9)
    assert bounds.beta_upper_M[0] >= vertex * (1 - 1e-12)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("seed", range(6))
def test_upper_edge_equals_brute_force_over_three_weights(likelihood: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((3, 9)) if seed % 2 else (rng.random((3, 60)) < 0.3).astype(float)
    bounds = freezing_bounds(x, likelihood, sigma=0.5)
    brute = ratio(x, simplex(3, 600), likelihood, 0.5).max()
    assert bounds.beta_upper_M[0] == pytest.approx(max(brute, bounds.beta_closed_form_M[0]), rel=1e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_no_random_weighting_beats_the_upper_edge(likelihood: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.random((12, 40)) ** 2
    q = rng.dirichlet(np.full(12, 0.3), size=20_000)
    bounds = freezing_bounds(x, likelihood)
    assert ratio(x, q, likelihood).max() <= bounds.beta_upper_M[0] * (1 + 1e-9)
    assert bounds.beta_upper_M[0] >= bounds.beta_closed_form_M[0]


def test_many_traversals_at_once_equal_each_alone() -> None:
    rng = np.random.default_rng(2)
    many = [rng.integers(0, 256, size=(n, 1, 4, 4), dtype=np.uint8) for n in (3, 5, 5, 9)]
    seen: list[tuple[int, int]] = []
    together = freezing_bounds(many, progress=lambda text, done, total: seen.append((done, total)))
    alone = [freezing_bounds(x) for x in many]
    np.testing.assert_array_equal(together.beta_closed_form_M, [b.beta_closed_form_M[0] for b in alone])
    np.testing.assert_array_equal(together.beta_upper_M, [b.beta_upper_M[0] for b in alone])
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_order_of_the_images_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    x = rng.random((7, 30))
    a, b = freezing_bounds(x), freezing_bounds(x[rng.permutation(7)])
    np.testing.assert_allclose(a.beta_closed_form_M, b.beta_closed_form_M, rtol=1e-12)
    np.testing.assert_allclose(a.beta_upper_M, b.beta_upper_M, rtol=1e-6)


def test_only_the_lower_edge_on_request() -> None:
    bounds = freezing_bounds(np.eye(4), upper=False)
    assert len(bounds) == 1
    assert np.isfinite(bounds.beta_closed_form_M).all()
    assert np.isnan(bounds.beta_upper_M).all()


def test_leading_modes_are_eigenvectors_of_the_scaled_gram_matrix() -> None:
    rng = np.random.default_rng(4)
    x = rng.random((6, 20))
    values, modes = leading_modes(reduce_traversal(x, Bernoulli()), Bernoulli())
    m = x.mean(axis=0)
    scaled = (x - m) / np.sqrt(m * (1 - m))
    np.testing.assert_allclose(scaled @ scaled.T / 6 @ modes, modes * values, atol=1e-9 * values[0])
    np.testing.assert_allclose(np.linalg.norm(modes, axis=0), 1)


@pytest.mark.parametrize(
    ("images", "likelihood", "sigma", "says"),
    [
        (np.eye(3) * 2, "bernoulli", 1.0, "rescale"),
        (np.eye(3) * np.nan, "gaussian", 1.0, "NaN"),
        (np.eye(3), "poisson", 1.0, "poisson"),
        (np.eye(3), "gaussian", 0.0, "sigma"),
    ],
)
def test_bad_input_is_one_sentence(images: np.ndarray, likelihood: str, sigma: float, says: str) -> None:
    with pytest.raises(IfpError, match=says):
        freezing_bounds(images, likelihood, sigma=sigma)


def test_sprites_edge_agrees_with_the_oracle() -> None:
    if not ORACLE.exists():
        pytest.skip("needs ../shared/fixtures/sprites-oracle-true-geometry.json")
    dataset = Sprites()
    rows = json.loads(ORACLE.read_text())
    images = []
    for row in rows:
        at = dataset.space.index_of(row["factor"])
        context = tuple(MOVING if i == at else value for i, value in enumerate(row["context"]))
        values = tuple(range(dataset.space.sizes[at]))
        images.append(dataset.traversal_images(FactorTraversal(row["factor"], context, values, (0,) * len(values))))
    bounds = freezing_bounds(images, upper=False)
    expected = [row["beta_closed_form"] for row in rows]
    # to all the digits that the oracle gives: four decimals
    np.testing.assert_allclose(bounds.beta_closed_form_M, expected, rtol=0, atol=5.1e-5)


def test_sprites_medians_and_order() -> None:
    # the 5-95 % ranges of the design's table (40 contexts per factor); the order is the paper's
    ranges = {"posX": (90, 385), "posY": (69, 385), "scale": (101, 169), "shape": (31, 121), "orientation": (12, 100)}
    dataset = Sprites()
    medians = {}
    for factor, (low, high) in ranges.items():
        images = [dataset.traversal_images(t) for t in dataset.sample_traversals(factor, 40, seed=0)]
        medians[factor] = float(np.median(freezing_bounds(images, upper=False).beta_closed_form_M))
        assert low <= medians[factor] <= high
    assert min(medians["posX"], medians["posY"]) > medians["scale"] > medians["shape"] > medians["orientation"]


def exact_ratio(x: np.ndarray, q: np.ndarray) -> float:
    """Delta(m_q || m) / KL(q || p) with digits to spare near p; 0 where q is p to rounding."""
    mean = x.mean(axis=0)
    q = np.maximum(q, 1e-12)
    on, off = (q - 1 / len(x)) @ x / mean, -(q - 1 / len(x)) @ x / (1 - mean)
    delta = (mean * ((1 + on) * np.log1p(on) - on) + (1 - mean) * ((1 + off) * np.log1p(off) - off)).sum()
    rate = ((len(x) * q) * np.log1p(len(x) * q - 1) - (len(x) * q - 1)).mean()
    return float(delta / rate) if rate > 1e-8 else 0.0


def best_ratio(x: np.ndarray, starts: int, rng: np.random.Generator) -> float:
    """The highest ratio that a simplex search over the logits of the weights finds, from `starts` random weights."""
    best = 0.0
    for size in np.geomspace(0.02, 4, starts):
        found = minimize(
            lambda logits: -exact_ratio(x, np.exp(logits - np.logaddexp.reduce(logits))),
            size * rng.normal(size=len(x)),
            method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-10, "maxfev": 4000, "adaptive": True},
        )
        best = max(best, -float(found.fun))
    return best


@pytest.mark.parametrize("seed", [81, 95, 101, 115])
def test_upper_edge_just_above_the_lower_one(seed: int) -> None:
    # asymmetric data: the supremum lies near p, where an ascent hardly moves, and above the lower edge by less than 1 %
    rng = np.random.default_rng(seed)
    x = (rng.random((5, 4)) < 0.4).astype(float) * 0.9 + 0.05 * rng.random((5, 4))
    bounds = freezing_bounds(x)
    assert bounds.beta_upper_M[0] >= best_ratio(x, 10, rng) * (1 - 1e-6)


def test_single_images_are_starts_of_the_upper_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(17)
    size = int(rng.integers(5, 30)), int(rng.integers(3, 40))
    rng.random((2, *size))  # the seed was found with a generator that had drawn these
    x = np.clip(rng.normal(0.5, 0.3, size=size), 0, 1)
    with_vertices = freezing_bounds(x).beta_upper_M[0]
    monkeypatch.setattr("ifp.theory.upper_edge.BEST_VERTICES", 0)
    assert with_vertices > freezing_bounds(x).beta_upper_M[0] * (1 + 5e-4)


def test_leading_modes_of_many_images_of_few_pixels_are_those_of_the_gram_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = reduce_traversal(np.random.default_rng(3).random((30, 5)), Bernoulli())
    values, modes = leading_modes(x, Bernoulli())
    monkeypatch.setattr("ifp.theory.closed_form.MANY_IMAGES", 20)
    others, same = leading_modes(x, Bernoulli())
    np.testing.assert_allclose(others, values, rtol=1e-12)
    np.testing.assert_allclose(same, modes, atol=1e-10)
