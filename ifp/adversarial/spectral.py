"""Spectral normalisation: a layer's weight is divided by its largest singular value (Miyato et al., ICLR 2018).

The singular vectors are followed by one round of power iteration per training step, and lie beside the weight as
PyTorch's `spectral_norm` writes them: `NAME.weight_orig`, `NAME.weight_u`, `NAME.weight_v`.

Shapes: O outputs of a layer, I inputs (of a convolution: channels x kernel).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

ORIGINAL, LEFT, RIGHT = ".weight_orig", ".weight_u", ".weight_v"
_TINY = 1e-12


def initial_vectors(weight: Tensor, generator: torch.Generator, rounds: int = 15) -> tuple[Tensor, Tensor]:
    """Left [O] and right [I] singular vectors of a fresh weight, after so many rounds of power iteration."""
    weight_OI = weight.flatten(1)
    u_O = F.normalize(torch.randn(len(weight_OI), generator=generator), dim=0, eps=_TINY)
    v_I = torch.zeros(weight_OI.shape[1])
    for _ in range(rounds):
        v_I = F.normalize(weight_OI.T @ u_O, dim=0, eps=_TINY)
        u_O = F.normalize(weight_OI @ v_I, dim=0, eps=_TINY)
    return u_O, v_I


@torch.no_grad()
def iterate(parameters: Mapping[str, Tensor], vectors: Mapping[str, Tensor]) -> None:
    """One round of power iteration of every normalised layer; the vectors are changed in place."""
    for name, weight in parameters.items():
        if name.endswith(ORIGINAL):
            layer = name.removesuffix(ORIGINAL)
            weight_OI, u_O, v_I = weight.flatten(1), vectors[layer + LEFT], vectors[layer + RIGHT]
            v_I.copy_(F.normalize(weight_OI.T @ u_O, dim=0, eps=_TINY))
            u_O.copy_(F.normalize(weight_OI @ v_I, dim=0, eps=_TINY))


def normalised(weight: Tensor, u_O: Tensor, v_I: Tensor) -> Tensor:
    """The weight over u' W v, through which the gradient flows; the vectors count as constants."""
    return weight / torch.dot(u_O, torch.mv(weight.flatten(1), v_I))
