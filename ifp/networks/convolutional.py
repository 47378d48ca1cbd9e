"""The paper's convolutional encoder and decoder for 64 x 64 images, for M members at once.

Higgins et al. 2017 (beta-VAE, table 1, row 3) as DEFT uses it: 4 x 4 kernels, stride 2, channels 32-32-64-64, then
256 units; the decoder mirrors it; ReLU. It sees raw pixels in [0, 1]: the exact reductions do not apply.

Shapes: M members, N images, B rows, C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.errors import IfpError
from ifp.networks.fully_connected import Parameters, PixelStatistics

# (name, input channels, output channels, stride, padding); channels 0 and -1 stand for the image's and 2 x latents
ENCODER_LAYERS = [
    ("0", 0, 32, 2, 1),
    ("1", 32, 32, 2, 1),
    ("2", 32, 64, 2, 1),
    ("3", 64, 64, 2, 1),
    ("4", 64, 256, 1, 0),
]
DECODER_LAYERS = [
    ("0", 256, 64, 1, 0),
    ("1", 64, 64, 2, 1),
    ("2", 64, 32, 2, 1),
    ("3", 32, 32, 2, 1),
    ("4", 32, 0, 2, 1),
]
_KERNEL = 4


@dataclass(frozen=True)
class ConvNetwork:
    """The paper's network; images must be (1 or 3, 64, 64)."""

    image_shape: tuple[int, int, int]
    latents: int
    twin_alone: ClassVar[bool] = False

    def __post_init__(self) -> None:
        channels, height, width = self.image_shape
        if channels not in (1, 3) or (height, width) != (64, 64):
            raise IfpError(
                f"The conv network takes images of shape (1, 64, 64) or (3, 64, 64), got {self.image_shape}; "
                "use `architecture='mlp'`, which takes any shape."
            )

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """PyTorch's default initialisation, uniform within 1 / sqrt(fan in), drawn from the member's own generator."""
        channels = self.image_shape[0]
        parameters: Parameters = {}

        def layer(name: str, shape: tuple[int, ...], fan_in: int, outputs: int) -> None:
            bound = 1 / math.sqrt(fan_in)
            parameters[f"{name}.weight"] = (torch.rand(*shape, generator=generator) * 2 - 1) * bound
            parameters[f"{name}.bias"] = (torch.rand(outputs, generator=generator) * 2 - 1) * bound

        for name, c_in, c_out, _, _ in ENCODER_LAYERS:
            c_in = c_in or channels
            layer(f"encoder.{name}", (c_out, c_in, _KERNEL, _KERNEL), c_in * _KERNEL**2, c_out)
        layer("encoder.head", (2 * self.latents, 256), 256, 2 * self.latents)
        layer("decoder.head", (256, self.latents), self.latents, 256)
        for name, c_in, c_out, _, _ in DECODER_LAYERS:
            c_out = c_out or channels
            # a transposed convolution's fan in, as PyTorch counts it, is that of its output channels
            layer(f"decoder.{name}", (c_in, c_out, _KERNEL, _KERNEL), c_out * _KERNEL**2, c_out)
        return parameters

    def _encode_one(self, p: Parameters, x_NP: Tensor) -> tuple[Tensor, Tensor]:
        h = x_NP.reshape(-1, *self.image_shape)
        for name, _, _, stride, padding in ENCODER_LAYERS:
            h = F.conv2d(h, p[f"encoder.{name}.weight"], p[f"encoder.{name}.bias"], stride, padding).relu()
        out = F.linear(h.flatten(1), p["encoder.head.weight"], p["encoder.head.bias"])
        mean, logvar = out.chunk(2, dim=1)
        return mean, logvar

    def _decode_one(self, p: Parameters, z_BD: Tensor) -> Tensor:
        h = F.linear(z_BD, p["decoder.head.weight"], p["decoder.head.bias"]).relu()[:, :, None, None]
        for name, _, _, stride, padding in DECODER_LAYERS:
            h = F.conv_transpose2d(h, p[f"decoder.{name}.weight"], p[f"decoder.{name}.bias"], stride, padding)
            h = h.relu() if name != DECODER_LAYERS[-1][0] else h
        return h.flatten(1)

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `ifp.networks.fully_connected.Network.encode`."""
        mean, logvar = _over_members(self._encode_one, parameters, x_MNP)
        return mean, logvar

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `ifp.networks.fully_connected.Network.decode`."""
        return _over_members(self._decode_one, parameters, z_MBD)


def _over_members(one, parameters: Parameters, rows_MB: Tensor):  # type: ignore[no-untyped-def]
    """`one` for every member: plainly for a single one, by vmap (grouped convolutions) for more."""
    if len(rows_MB) == 1:
        result = one({name: value[0] for name, value in parameters.items()}, rows_MB[0])
        return tuple(r[None] for r in result) if isinstance(result, tuple) else result[None]
    return torch.func.vmap(one)(parameters, rows_MB)
