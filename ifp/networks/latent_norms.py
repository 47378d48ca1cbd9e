"""How strongly a decoder reads each latent: the norms of its first layer's weights.

Shapes: M members, D latents.
"""

from __future__ import annotations

from torch import Tensor

from ifp.networks.fully_connected import Parameters


def latent_norms(parameters: Parameters) -> Tensor:
    """Euclidean norm of the weights that read each latent [M, D], without a gradient.

    The convolutional decoder's first layer has a latent's weights in a column, the others in a row.
    """
    if "decoder.head.weight" in parameters:
        return parameters["decoder.head.weight"].detach().norm(dim=1)
    first = "decoder.0.weight" if "decoder.0.weight" in parameters else "decoder.out.weight"
    return parameters[first].detach().norm(dim=2)
