"""The objective, nats per image: reconstruction summed over pixels + beta x KL summed over latents.

`objective_gradients` is what training uses: the gradient of that objective with respect to the network's three
outputs, in closed form, so that no loss value is formed in a step that nobody looks at.

Shapes: M members, N images, S noise draws per image, P pixels (reduced), D latents.
"""

from __future__ import annotations

from torch import Tensor

from ifp.likelihood import Likelihood


def gaussian_kl_nats(mean_MND: Tensor, logvar_MND: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per image and latent (Kingma and Welling 2014, appendix B)."""
    return 0.5 * (mean_MND**2 + logvar_MND.exp() - 1 - logvar_MND)


def reconstruction_nats(out_MSNP: Tensor, x_MNP: Tensor, weight_MP: Tensor, likelihood: Likelihood) -> Tensor:
    """Reconstruction cost per member, draw and image, summed over weighted pixels: [M, S, N].

    `out` holds logits (bernoulli) or means (gaussian).
    """
    return (likelihood.cost(out_MSNP, x_MNP[:, None]) * weight_MP[:, None, None]).sum(-1)


def objective_gradients(
    out_MSNP: Tensor,
    mean_MND: Tensor,
    logvar_MND: Tensor,
    x_MNP: Tensor,
    weight_MP: Tensor,
    beta_M: Tensor,
    likelihood: Likelihood,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of mean_images(reconstruction + beta x KL) with respect to (out, mean, logvar), direct paths only."""
    draws, images = out_MSNP.shape[1:3]
    per_residual = weight_MP[:, None, None] * (likelihood.inverse_variance / (draws * images))
    grad_out = likelihood.residual(out_MSNP, x_MNP[:, None]).mul_(per_residual)
    pressure = (beta_M / images)[:, None, None]
    return grad_out, pressure * mean_MND, 0.5 * pressure * (logvar_MND.exp() - 1)
