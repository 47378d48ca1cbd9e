"""The probe on linear VAEs of Gaussian data, whose melting points are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError
from ifp.training.probe import ProbeConfig, probe

PATTERNS = np.stack([np.resize([1, -1], 16), np.repeat([1, -1], 8)]).astype(np.float64)
SCALES = np.array([0.1, 0.05])
"""Two independent factors: x = 1/2 + scale_1 s_1 pattern_1 + scale_2 s_2 pattern_2, s the quantiles of a normal."""


def images() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 1, 4, 4] and the eigenvalues of their covariance, by factor."""
    from scipy.special import ndtri

    s = ndtri((np.arange(15) + 0.5) / 15)
    s = s / s.std()
    s1, s2 = (grid.ravel() for grid in np.meshgrid(s, s, indexing="ij"))
    x = 0.5 + np.stack([s1, s2], axis=1) * SCALES @ PATTERNS
    return np.rint(x * 255).astype(np.uint8).reshape(-1, 1, 4, 4), 16 * SCALES**2


def optimal_vae(beta: float, angle: float = 0.0) -> Vae:
    """The linear VAE at the minimum of squared error + beta KL (Tipping and Bishop 1999), its latents rotated."""
    _, eigenvalues = images()
    noise = beta / 2  # squared error is a Gaussian of variance 1/2
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = PATTERNS / 4
    weight = rotation @ np.diag(np.sqrt(eigenvalues - noise)) @ unit  # [D, P], latents of the principal axes rotated
    inverse = rotation @ np.diag(1 / eigenvalues) @ rotation.T
    variance = np.diag(noise * inverse)  # of the factorised posterior: exact without rotation
    encoder, decoder = nn.Linear(16, 4), nn.Linear(2, 16)
    mean_weight = inverse @ weight
    with torch.no_grad():
        encoder.weight[:2] = torch.from_numpy(mean_weight).float()
        encoder.bias[:2] = torch.from_numpy(-mean_weight.sum(1) * 0.5).float()
        encoder.weight[2:] = 0
        encoder.bias[2:] = torch.from_numpy(np.log(variance)).float()
        decoder.weight[:] = torch.from_numpy(weight.T).float()
        decoder.bias[:] = 0.5
    return Vae(
        family="test", encoder=nn.Sequential(nn.Flatten(), encoder),
        decoder=nn.Sequential(decoder, nn.Unflatten(1, (1, 4, 4))), num_latents=2, image_shape=(1, 4, 4),
        head="halves", output="values", likelihood="gaussian",
    )  # fmt: skip


def melting(beta_T: np.ndarray, kl_T: np.ndarray, threshold: float = 0.1) -> float:
    """The beta at which the KL falls through the threshold for good."""
    above = np.flatnonzero(kl_T > threshold)[-1]
    return float(beta_T[min(above + 1, len(beta_T) - 1)])


def test_the_optimum_stays_where_it_is() -> None:
    """At its own beta the closed-form optimum has the closed-form KL, and training does not move it."""
    x, eigenvalues = images()
    config = ProbeConfig(low=0.02, high=0.0200001, steps=200, hold_steps=0, records=2, learning_rate=1e-4)
    trace = probe(optimal_vae(0.02), x, x, config)
    expected = 0.5 * np.log(2 * eigenvalues / 0.02)
    np.testing.assert_allclose(trace.kl_nats_TD[0], expected, rtol=0.02)
    np.testing.assert_allclose(trace.kl_nats_TD[-1], expected, rtol=0.05)


def test_heating_melts_each_latent_just_above_its_closed_form() -> None:
    x, eigenvalues = images()
    config = ProbeConfig(low=0.02, high=0.6, steps=4000, hold_steps=0, records=100, learning_rate=5e-3)
    trace = probe(optimal_vae(0.02), x, x, config)
    for latent, eigenvalue in enumerate(eigenvalues):
        crossing = 2 * eigenvalue * np.exp(-0.2)  # KL = ln(beta_c / beta) / 2 = 0.1
        found = melting(trace.beta_T, trace.kl_nats_TD[:, latent])
        assert 0.95 * crossing < found < 1.35 * crossing
    assert (np.diff(trace.beta_T) > 0).all()


def test_the_model_that_was_given_is_not_changed() -> None:
    x, _ = images()
    vae = optimal_vae(0.02)
    before = {name: value.clone() for name, value in vae.encoder.state_dict().items()}
    config = ProbeConfig(low=0.02, high=0.2, steps=20, hold_steps=5, records=4)
    first, again = (probe(vae, x, x, config) for _ in range(2))
    assert all(torch.equal(value, before[name]) for name, value in vae.encoder.state_dict().items())
    np.testing.assert_array_equal(first.mean_TND, again.mean_TND)
    assert (first.mean_TND[-1] != first.mean_TND[0]).any()


def test_what_cannot_be_probed_is_said() -> None:
    x, _ = images()
    from dataclasses import replace

    with pytest.raises(IfpError, match="decoder could not be read"):
        probe(replace(optimal_vae(0.02), decoder=None), x, x, ProbeConfig())
    with pytest.raises(IfpError, match="range of beta"):
        ProbeConfig(low=5, high=1)
    with pytest.raises(IfpError, match="did you mean 'heat'"):
        ProbeConfig(direction="heatt")
