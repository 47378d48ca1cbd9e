"""The moment test on posteriors whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest

from ifp.checkpoints.self_test import moment_test


def linear_gaussian(rng: np.random.Generator, variances: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The optimal posteriors of a linear VAE: mean ~ N(0, 1 - v), variance v; v = 1 is a collapsed latent."""
    v_D = np.array(variances)
    mean_ND = rng.normal(size=(20_000, len(v_D))) * np.sqrt(1 - v_D)
    return mean_ND, np.log(np.broadcast_to(v_D, mean_ND.shape))


def test_an_optimal_vae_passes(rng: np.random.Generator) -> None:
    test = moment_test(*linear_gaussian(rng, [0.05, 0.5, 1.0]))
    assert test.active_D.tolist() == [True, True, False]
    assert test.deviation < 0.02
    assert test.passed


def test_halves_read_as_interleaved_fails(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.01, 0.02, 0.05, 1.0])
    out = np.concatenate([mean_ND, logvar_ND], axis=1)
    assert not moment_test(out[:, 0::2], out[:, 1::2]).passed


def test_log_sigma_read_as_log_variance_fails_for_a_weakly_frozen_latent(rng: np.random.Generator) -> None:
    mean_ND, logvar_ND = linear_gaussian(rng, [0.3, 0.3])
    assert moment_test(mean_ND, logvar_ND / 2).deviation == pytest.approx(np.sqrt(0.3) - 0.3, abs=0.02)


def test_posteriors_that_overflow_fail_without_a_warning() -> None:
    test = moment_test(np.zeros((10, 2)), np.full((10, 2), 1e4))
    assert test.deviation == np.inf
    assert not test.passed
