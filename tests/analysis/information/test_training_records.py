"""What is recorded of latents as a network trains: the latent as sampled, above the floor, never above its KL."""

from __future__ import annotations

import numpy as np

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.information.training_records import posterior_nmi
from ifp.codes import kl_nats


def test_a_latent_that_tells_a_factor_reads_1_and_a_collapsed_one_no_more_than_its_kl() -> None:
    factor_N = np.arange(600) % 4
    centred_N = factor_N - 1.5
    mean_ND = np.stack([centred_N, 1e-2 * centred_N], axis=1)
    logvar_ND = np.stack([np.full(600, -8.0), np.zeros(600)], axis=1)
    held_D = posterior_nmi(mean_ND, logvar_ND, factor_N[:, None], (4,))[:, 0]
    kl_nats_D = kl_nats(mean_ND, logvar_ND).mean(axis=0)
    assert 0.95 < held_D[0] <= 1
    assert held_D[1] * np.log(4) <= kl_nats_D[1] < 1e-3
    assert histogram_nmi(mean_ND, factor_N[:, None], (4,))[1, 0] > 0.99


def test_a_constant_factor_and_chance_read_0() -> None:
    generator = np.random.default_rng(0)
    factors_NF = np.stack([np.zeros(1500, dtype=int), generator.integers(5, size=1500)], axis=1)
    held_DF = posterior_nmi(generator.normal(size=(1500, 2)), np.full((1500, 2), -3.0), factors_NF, (3, 5))
    assert (held_DF[:, 0] == 0).all()
    assert held_DF[:, 1].max() < 0.02
