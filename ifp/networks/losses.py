"""The objective, nats an image: reconstruction summed over pixels + beta x KL summed over latents.

`objective_gradients` is what training uses: the gradient of that objective with respect to the network's three
outputs, in closed form, so that no loss value is formed in a step that nobody looks at.

Shapes: M members, N images, S noise draws an image, P pixels (reduced), D latents.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def gaussian_kl_nats(mean_MND: Tensor, logvar_MND: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per image and latent (Kingma and Welling 2014, appendix B)."""
    return 0.5 * (mean_MND**2 + logvar_MND.exp() - 1 - logvar_MND)


def reconstruction_nats(out_MSNP: Tensor, x_MNP: Tensor, weight_MP: Tensor, likelihood: str, sigma: float) -> Tensor:
    """Reconstruction cost per member, draw and image, summed over weighted pixels: [M, S, N].

    `out` holds logits (bernoulli) or means (gaussian).
    """
    x = x_MNP[:, None]
    bernoulli = likelihood == "bernoulli"
    cost = F.softplus(out_MSNP) - x * out_MSNP if bernoulli else (out_MSNP - x) ** 2 / (2 * sigma**2)
    return (cost * weight_MP[:, None, None]).sum(-1)


def objective_gradients(
    out_MSNP: Tensor,
    mean_MND: Tensor,
    logvar_MND: Tensor,
    x_MNP: Tensor,
    weight_MP: Tensor,
    beta_M: Tensor,
    likelihood: str,
    sigma: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of mean_images(reconstruction + beta x KL) with respect to (out, mean, logvar), direct paths only."""
    draws, images = out_MSNP.shape[1:3]
    fitted = out_MSNP.sigmoid() if likelihood == "bernoulli" else out_MSNP
    scale = 1.0 if likelihood == "bernoulli" else 1.0 / sigma**2
    grad_out = fitted.sub_(x_MNP[:, None]) if likelihood == "bernoulli" else fitted - x_MNP[:, None]
    grad_out = grad_out.mul_(weight_MP[:, None, None] * (scale / (draws * images)))
    pressure = (beta_M / images)[:, None, None]
    return grad_out, pressure * mean_MND, 0.5 * pressure * (logvar_MND.exp() - 1)
