"""What is recorded of a GAN: how Q recovers the codes of fresh generated images, and what it says of real ones.

Shapes: N images, P pixels, D codes, R complex codes, F factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifp.adversarial.losses import code_nll_BD, draw
from ifp.adversarial.networks import Arrays, GanNetworks
from ifp.adversarial.records import GanRecord
from ifp.adversarial.trainer import GanTrainer
from ifp.codes import kl_nats
from ifp.training.evaluation import IMAGES, ROWS, Evaluation, Nmi, PosteriorNmi
from ifp.training.trainer import generator
from ifp.uniform_codes import LOWEST_LOGVAR, handed_over

TC_IMAGES = 512
"""Generated images from which the objective's estimator takes TC: minibatch sampling needs their square in memory."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """What Q says of images, [N, D] each, and D's logits [N].

    Attributes
    ----------
    mean_ND, logvar_ND : of the codes on their own scale, [-1, 1].
    """

    mean_ND: Tensor
    logvar_ND: Tensor
    logit_N: Tensor


@torch.no_grad()
def recover(networks: GanNetworks, arrays: Arrays, images_NP: Tensor) -> Recovered:
    """What Q and D say of images in [0, 1]."""
    parts = []
    for images_BP in torch.split(images_NP, ROWS):
        features = networks.features(arrays, images_BP)
        parts.append((*networks.posterior(arrays, features), networks.real_logit(arrays, features)))
    mean, logvar, logit = (torch.cat(part) for part in zip(*parts, strict=True))
    return Recovered(mean, logvar.clamp(min=LOWEST_LOGVAR), logit)


def gaussian_total_correlation(draws_ND: np.ndarray) -> float:
    """Total correlation of the Gaussian with the covariance of these draws, -1/2 ln det(correlations); 0 if D is 1."""
    deviation_D = draws_ND.std(axis=0)
    draws_ND = draws_ND[:, deviation_D > 0]
    if draws_ND.shape[1] < 2:
        return 0.0
    sign, logdet = np.linalg.slogdet(np.corrcoef(draws_ND, rowvar=False))
    return float(max(-0.5 * logdet, 0.0)) if sign > 0 else math.inf


@torch.no_grad()
def record(
    evaluation: Evaluation, trainer: GanTrainer, nmi: Nmi | None, posterior_nmi: PosteriorNmi | None
) -> GanRecord | None:
    """A record of the GAN now; None for one that is not finite."""
    networks, arrays, config = trainer.networks, trainer.arrays, trainer.config
    device, count = evaluation.images.device, IMAGES
    drawn = generator(config, trainer.seed, "evaluation", device=str(device))
    codes_ND = torch.rand((count, networks.codes), generator=drawn, device=device) * 2 - 1
    noise = torch.randn((count, networks.noise), generator=drawn, device=device)
    posterior_noise_ND = torch.randn((count, networks.codes), generator=drawn, device=device)
    fake_NP = torch.cat(
        [
            networks.generate(arrays, n, c)
            for n, c in zip(torch.split(noise, ROWS), torch.split(codes_ND, ROWS), strict=True)
        ]
    )
    fake = recover(networks, arrays, fake_NP)
    real_index = torch.arange(len(evaluation.images))
    real = recover(
        networks, arrays, torch.cat([evaluation.images.at(i[None])[0] for i in torch.split(real_index, ROWS)])
    )

    draws = draw(fake.mean_ND, fake.logvar_ND, posterior_noise_ND)
    few = slice(0, TC_IMAGES)
    tc = trainer.total_correlation(fake.mean_ND[few], fake.logvar_ND[few], draws[few], num_images=1)
    complex_tc = math.nan
    if networks.complex_codes:
        complex_tc = gaussian_total_correlation(_array(networks.complex_of(arrays, fake.mean_ND)))
    nll_D = _array(code_nll_BD(codes_ND, fake.mean_ND, fake.logvar_ND)).mean(0)
    mean_ND, logvar_ND = handed_over(_array(real.mean_ND), _array(real.logvar_ND))
    finite = bool(trainer.finite) and np.isfinite(nll_D).all() and np.isfinite(mean_ND).all()
    if not (finite and np.isfinite(logvar_ND).all()):
        return None
    nmi_DF = np.full((networks.codes, len(evaluation.sizes)), np.nan)
    posterior_nmi_DF = nmi_DF.copy()
    if nmi is not None and evaluation.sizes:
        nmi_DF = nmi(mean_ND, evaluation.factors_NF, evaluation.sizes)
    if posterior_nmi is not None and evaluation.sizes:
        posterior_nmi_DF = posterior_nmi(mean_ND, logvar_ND, evaluation.factors_NF, evaluation.sizes)
    weight = trainer.weight
    return GanRecord(
        trainer.step,
        1 / weight if weight > 0 else math.inf,
        0,
        math.nan,
        kl_nats(mean_ND, logvar_ND).mean(0),
        nmi_DF,
        posterior_nmi_DF,
        d_accuracy=0.5 * float((real.logit_N > 0).double().mean() + (fake.logit_N < 0).double().mean()),
        nll_nats=nll_D,
        tc_nats=float(tc),
        gaussian_tc_nats=gaussian_total_correlation(_array(draws)),
        complex_tc_nats=complex_tc,
    )


def _array(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.double().cpu().numpy()
    return found
