"""The networks and settings of YannDubs/disentangling-vae."""

from __future__ import annotations

from typing import Any

import torch

from .named_networks import LATENTS, Chained, Network, convolution, flat, grid, linear, transposed, with_relu


def burgess(channels: int, side: int, head: str) -> Network:
    """Four convolutions at 64 pixels, three at 32."""
    middle = ["conv2", "conv3"] + ["conv_64"] * (side == 64)
    encoder = Chained(
        [
            *with_relu(convolution("conv1", channels, 32), *(convolution(name, 32, 32) for name in middle)),
            flat,
            *with_relu(linear("lin1", 512, 256), linear("lin2", 256, 256)),
            linear(head, 256, 2 * LATENTS),
        ]
    )
    back = ["convT_64"] * (side == 64) + ["convT1", "convT2"]
    decoder = Chained(
        [
            *with_relu(linear("lin1", LATENTS, 256), linear("lin2", 256, 256), linear("lin3", 256, 512)),
            grid(32, 4),
            *with_relu(*(transposed(name, 32, 32) for name in back)),
            transposed("convT3", 32, channels),
            torch.sigmoid,
        ]
    )
    return Network(encoder, decoder, "interleaved", log_sigma=False, logits=False)


def yanndubs_specs(**settings: Any) -> dict[str, Any]:
    return {
        "img_size": [1, 64, 64],
        "latent_dim": LATENTS,
        "model_type": "Burgess",
        "rec_dist": "bernoulli",
        **settings,
    }
