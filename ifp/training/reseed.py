"""Latents that hold nothing start anew, so that a falling beta finds them with a signal to grow from.

The weights of an idle latent's mean are drawn afresh and scaled to a given KL, far below what counts as frozen: above
its edge the signal decays again until the next record, below it grows. A latent that holds more is left alone. What the
decoder makes of it, and all that Adam remembers, stays.

Shapes: N images, P pixels, D latents, H units of the last hidden layer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ifp.networks.fully_connected import Network, PixelStatistics
from ifp.networks.gated import GatedNetwork
from ifp.training.state import MemberState

IDLE_SHARE = 0.1
"""A latent is idle with this share of the KL it would be given, or less."""


@torch.no_grad()
def reseed(
    state: MemberState,
    kl_nats_D: np.ndarray,
    nats: float,
    network: Network,
    statistics: PixelStatistics,
    images_NP: Tensor,
    generator: torch.Generator,
) -> MemberState:
    """`state` with fresh means of the latents that hold a tenth of `nats` or less, each of KL `nats` on the images.

    Parameters
    ----------
    kl_nats_D : of the latents now. images_NP : in [0, 1]. generator : of the weights.
    """
    idle = [latent for latent, kl in enumerate(kl_nats_D) if kl <= IDLE_SHARE * nats]
    if not idle:
        return state
    fresh = network.initial(statistics, generator)
    kept = state.parameters
    if isinstance(network, GatedNetwork):
        kept = network.reopened(kept, fresh, idle)
    weight, bias, rows = _mean_layer(kept)
    mixed = {**kept, weight: fresh[weight], bias: torch.zeros_like(kept[bias])}
    device = images_NP.device
    stacked = {name: value[None].to(device) for name, value in mixed.items()}
    mean_ND = network.encode(stacked, images_NP[None])[0][0].double().cpu()
    # KL of N(m, 1) to N(0, 1) is m^2 / 2
    scale_D = (2 * nats / mean_ND.var(0, correction=0).clamp_min(1e-12)).sqrt()
    offset_D = -mean_ND.mean(0) * scale_D
    parameters = {**kept, weight: kept[weight].clone(), bias: kept[bias].clone()}
    for latent in idle:
        if rows:
            parameters[weight][latent] = fresh[weight][latent] * scale_D[latent].float()
        else:
            parameters[weight][:, latent] = fresh[weight][:, latent] * scale_D[latent].float()
        parameters[bias].view(-1)[latent] = offset_D[latent].float()
    return replace(state, parameters=parameters)


def _mean_layer(parameters: dict[str, Tensor]) -> tuple[str, str, bool]:
    """Names of the weights and the bias of the posterior means, and whether a latent's weights are a row."""
    if "encoder.mean.weight" in parameters:
        return "encoder.mean.weight", "encoder.mean.bias", False
    return "encoder.head.weight", "encoder.head.bias", True
