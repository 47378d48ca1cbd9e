"""The losses of a GAN with informative codes, nats per image; and what they say of the codes.

Shapes: B images of a batch, D codes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.objectives.beta_tc import kl_parts
from ifp.uniform_codes import LOWEST_LOGVAR

_LOG_2PI = math.log(2 * math.pi)


def code_nll_BD(codes_BD: Tensor, mean_BD: Tensor, logvar_BD: Tensor) -> Tensor:
    """Negative log likelihood of each code under Q's Gaussian.

    Where the generator shows a code without loss there is no maximum, so log variances are clamped.

    >>> blank = code_nll_BD(torch.linspace(-1, 1, 100_001)[:, None], torch.zeros(1), torch.tensor([math.log(1 / 3)]))
    >>> round(blank.mean().item(), 4)
    0.8696
    """
    logvar_BD = logvar_BD.clamp(min=LOWEST_LOGVAR)
    return 0.5 * (_LOG_2PI + logvar_BD + (codes_BD - mean_BD) ** 2 * (-logvar_BD).exp())


def discriminator_loss(real_logit_B: Tensor, fake_logit_B: Tensor, target_B: Tensor) -> Tensor:
    """Cross-entropy of D on real images, with targets up to 1, and on generated ones, with the target 0."""
    real = F.binary_cross_entropy_with_logits(real_logit_B, target_B)
    return real + F.binary_cross_entropy_with_logits(fake_logit_B, torch.zeros_like(fake_logit_B))


def deceiving_loss(fake_logit_B: Tensor, target_B: Tensor) -> Tensor:
    """Cross-entropy of D on generated images that are meant to pass for real ones."""
    return F.binary_cross_entropy_with_logits(fake_logit_B, target_B)


def weighted_total_correlation(mean_BD: Tensor, logvar_BD: Tensor, draw_BD: Tensor, num_images: int) -> Tensor:
    """Total correlation of draws of Q by minibatch weighted sampling (Chen et al. 2018, section 3.1)."""
    part = kl_parts(mean_BD[None], logvar_BD[None], draw_BD[None], num_images=num_images)
    return part.total_correlation_M[0]


def draw(mean_BD: Tensor, logvar_BD: Tensor, noise_BD: Tensor) -> Tensor:
    """A draw of Q's Gaussian for each image."""
    return mean_BD + (0.5 * logvar_BD.clamp(min=LOWEST_LOGVAR)).exp() * noise_BD
