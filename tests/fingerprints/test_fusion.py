"""Fusion against closed forms, finite differences and rings that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ifp.errors import IfpError
from ifp.fingerprints.fingerprints import GaussianFingerprints, LabelFingerprints
from ifp.fingerprints.fusion import continuity, fuse
from ifp.fingerprints.fusion_target import OBJECTIVES, Target
from ifp.seeds import numpy_generator


def fingerprint(mean_NK: np.ndarray, logvar_NK: np.ndarray) -> Tensor:
    posteriors = GaussianFingerprints([mean_NK], [logvar_NK], dtype=torch.float64)
    return posteriors.coefficients(0, posteriors.points)[:, 0]


def labels(*columns: np.ndarray) -> Tensor:
    """Hard clusters, [F, N, N]."""
    known = LabelFingerprints(np.stack(columns, axis=1), dtype=torch.float64)
    return known.coefficients(0, known.points).transpose(0, 1)


def ring(points: int, sigma: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * np.pi * np.arange(points) / points
    mean = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return mean, np.full_like(mean, 2 * math.log(sigma))


def cut_rings(points: int, cuts: np.ndarray, sigma: float = 0.3) -> Tensor:
    """The ring unrolled into a line from each of the cuts, [E, N, N]: every channel is right but at its cut."""
    angle = 2 * np.pi * np.arange(points) / points
    lines = [np.mod(angle - cut, 2 * np.pi)[:, None] for cut in cuts]
    return torch.stack([fingerprint(line, np.full_like(line, 2 * math.log(sigma))) for line in lines])


HALVES, QUARTERS, PARITY = np.arange(64) // 32, np.arange(64) // 16, np.arange(64) % 2


@pytest.mark.parametrize(
    ("objective", "expected"),
    [  # halves with quarters, parity and themselves: I = 1, 2, 1 bit; VI 1, 2, 0 bit
        ("info", (1, 0, 1)),
        ("vi", (1 / 2, 1 / 4, 1)),  # exp(-VI in nats) = 2^-VI in bits
        ("nmi", (1 / math.sqrt(2), 0, 1)),
    ],
)
def test_hard_clusters(objective: str, expected: tuple[float, ...]) -> None:
    models = labels(QUARTERS, PARITY, HALVES)
    found = Target(models, objective).similarity(labels(HALVES)[0])
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_are_those_of_the_value(objective: str) -> None:
    rng = np.random.default_rng(3)
    points, dimensions = 7, 3
    models = torch.stack(
        [fingerprint(rng.normal(size=(points, 2)), rng.normal(size=(points, 2)) - 1) for _ in range(4)]
    )
    target = Target(models, objective)
    start = [torch.from_numpy(rng.normal(size=(points, dimensions))) for _ in range(2)]

    def value(mean: Tensor, logvar: Tensor) -> float:
        # through the fingerprints' own class: independent of the formula that the fusion moves along
        return float(target.similarity(fingerprint(mean.numpy(), logvar.numpy())).mean())

    found, *gradients = target.loss_gradients(*start)
    assert float(found) == pytest.approx(value(*start), abs=1e-12)
    step = 1e-5
    for which, gradient in enumerate(gradients):
        for place in np.ndindex(points, dimensions):
            moved = [[part.clone() for part in start] for _ in range(2)]
            moved[0][which][place] += step
            moved[1][which][place] -= step
            slope = (value(*moved[0]) - value(*moved[1])) / (2 * step)
            assert -float(gradient[place]) == pytest.approx(slope, abs=1e-8)


def test_models_are_constants() -> None:
    models = cut_rings(12, np.array([0.1, 2.0])).requires_grad_()
    fuse(models, steps=3, generator=numpy_generator(0))
    assert models.grad is None


def test_continuity_of_rings_and_lines() -> None:
    assert continuity(*ring(200)) == pytest.approx(1, abs=1e-9)
    line, logvar = np.arange(20.0)[:, None], np.zeros((20, 1))
    assert continuity(line, logvar) == pytest.approx(19**2)  # the closing step is 19 ordinary ones, and squared
    assert continuity(line, logvar, closed=False) == pytest.approx(1)
    assert continuity(np.zeros((5, 1)), np.zeros((5, 1))) == 1
    assert continuity(np.repeat([0.0, 1.0], [39, 1])[:, None], np.zeros((40, 1))) == math.inf


def test_continuity_does_not_depend_on_where_the_points_start() -> None:
    mean, logvar = ring(40)
    mean[17] *= 1.5
    first = continuity(mean, logvar)
    assert first > 1.5
    for shift in (1, 17, 18, 23):
        assert continuity(np.roll(mean, shift, 0), np.roll(logvar, shift, 0)) == pytest.approx(first)


def test_cut_rings_fuse_into_a_ring() -> None:
    points, learners = 40, 16
    models = cut_rings(points, 2 * np.pi * (np.arange(learners) + 0.25) / learners)
    starts = [
        fuse(models, objective="vi", steps=300, learning_rate=0.1, generator=numpy_generator(seed)) for seed in (1, 2)
    ]
    best = max(starts, key=lambda fused: float(fused.objective_trace[-1]))  # the other one is a folded ring
    assert continuity(best.mean_NK, best.logvar_NK) < 3  # of a line it is (points - 1)^2
    # about their middle the points turn once, and most of them in order
    middle = (best.mean_NK - best.mean_NK.mean(0)) @ np.array([1, 1j])
    turned = np.angle(np.roll(middle, -1) / middle)
    assert abs(turned.sum()) == pytest.approx(2 * np.pi)
    assert (np.sign(turned) == np.sign(turned.sum())).mean() > 0.9


def test_the_objective_rises_and_ends_where_it_says() -> None:
    models = cut_rings(24, np.array([0.3, 1.7, 4.0]))
    for objective in OBJECTIVES:
        fused = fuse(models, objective=objective, steps=100, generator=numpy_generator(2))
        own = fingerprint(fused.mean_NK, fused.logvar_NK)
        assert fused.objective_trace.shape == (101,)
        assert fused.objective_trace[-1] > fused.objective_trace[0] + 0.1
        assert fused.objective_trace[-1] == pytest.approx(float(Target(models, objective).similarity(own).mean()))


def test_a_fusion_of_one_channel_is_that_channel() -> None:
    """VI is 0, and its similarity 1, only for the same information: 4 clusters here."""
    clusters = labels(np.arange(16) // 4)
    fused = fuse(clusters, objective="vi", steps=300, learning_rate=0.2, generator=numpy_generator(4))
    assert fused.objective_trace[-1] == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(fingerprint(fused.mean_NK, fused.logvar_NK), clusters[0], rtol=0, atol=0.05)


def test_same_generator_same_space_and_the_models_order_does_not_matter() -> None:
    models = cut_rings(16, np.array([0.3, 1.7, 4.0]))
    first, again, other = (fuse(models, steps=20, generator=numpy_generator(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.mean_NK, again.mean_NK)
    assert not np.array_equal(first.mean_NK, other.mean_NK)
    turned = fuse(models.flip(0), steps=20, generator=numpy_generator(5))
    np.testing.assert_allclose(turned.mean_NK, first.mean_NK, rtol=0, atol=1e-9)


def test_float32_stays_float32_and_agrees() -> None:
    models = cut_rings(16, np.array([0.3, 1.7, 4.0]))
    narrow, wide = (fuse(m, objective="vi", steps=20, generator=numpy_generator(5)) for m in (models.float(), models))
    assert narrow.mean_NK.dtype == np.float32
    np.testing.assert_allclose(narrow.mean_NK, wide.mean_NK, atol=1e-3)


GOOD = torch.eye(4, dtype=torch.float64)[None]


@pytest.mark.parametrize(
    ("models", "options", "sentence"),
    [
        (GOOD, {"objective": "nmj"}, "did you mean 'nmi'"),
        (GOOD, {"steps": 0}, "steps must be a whole number of at least 1"),
        (GOOD, {"dimensions": 0}, "dimensions must be"),
        (GOOD, {"learning_rate": math.nan}, "learning_rate must be a positive number"),
        (GOOD[0], {}, "models, points, points"),
        (GOOD[:, :3], {}, "models, points, points"),
        (GOOD[:0], {}, "models, points, points"),
        (GOOD * math.nan, {}, "must be Bhattacharyya coefficients"),
        (GOOD * 2, {}, "must be Bhattacharyya coefficients"),
        (GOOD * 0.5, {}, "must be Bhattacharyya coefficients"),
        (torch.cat([GOOD, torch.ones_like(GOOD)]), {"objective": "nmi"}, "Fingerprint 1 holds no information"),
        (GOOD, {"learning_rate": 1e300}, "lower the learning rate"),
    ],
)
def test_bad_input(models: Tensor, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        fuse(models, **{"steps": 3, **options}, generator=numpy_generator(0))


def test_bad_spaces_have_no_continuity() -> None:
    mean, logvar = ring(10)
    for bad in ((mean[:2], logvar[:2]), (mean, logvar[:5]), (mean[:, 0], logvar[:, 0])):
        with pytest.raises(IfpError, match="3 points or more"):
            continuity(*bad)
    with pytest.raises(IfpError, match="finite"):
        continuity(mean, logvar * math.inf)
