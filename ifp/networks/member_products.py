"""The paper's convolutional network as batched matrix products over members, for devices with poor grouped kernels.

cuDNN's kernels for grouped convolutions, which many members as one batch need, use little of a GPU. A convolution of
stride 2 with 4 x 4 kernels is also one matrix product per member, of its images' patches (each pixel in four of them)
with its kernels, and batched products use the whole device. Channels lie last, so that patches are copied in runs.

The parameters are those of `ConvNetwork`, and so are the numbers, to rounding.

Shapes: M members, N images, B rows, H W rows and columns (of the smaller side of a layer, the larger has 2H and 2W),
C channels, P pixels, D latents.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.networks.convolutional import DECODER_LAYERS, ENCODER_LAYERS, ConvNetwork
from ifp.networks.fully_connected import Parameters


class ProductConvNetwork(ConvNetwork):
    """`ConvNetwork` by batched products."""

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """See `ifp.networks.fully_connected.Network.encode`."""
        p = parameters
        members, channels, height, width = len(x_MNP), *self.image_shape
        # one or three channels: moving them last costs little here
        h = x_MNP.reshape(members, -1, channels, height, width).permute(0, 1, 3, 4, 2)
        if torch.is_autocast_enabled(x_MNP.device.type):
            h = h.to(torch.get_autocast_dtype(x_MNP.device.type))
        for name, *_ in ENCODER_LAYERS[:-1]:
            h = _strided(h, p[f"encoder.{name}.weight"], p[f"encoder.{name}.bias"]).relu_()
        last = ENCODER_LAYERS[-1][0]
        # the last convolution sees its whole input: channels first again, as its weights have them
        h = h.permute(0, 1, 4, 2, 3).flatten(2)
        h = torch.baddbmm(
            p[f"encoder.{last}.bias"][:, None], h, p[f"encoder.{last}.weight"].flatten(2).transpose(1, 2)
        ).relu_()
        out = torch.baddbmm(p["encoder.head.bias"][:, None], h, p["encoder.head.weight"].transpose(1, 2))
        mean, logvar = out.chunk(2, dim=2)
        return mean, logvar

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """See `ifp.networks.fully_connected.Network.decode`."""
        p = parameters
        h = torch.baddbmm(p["decoder.head.bias"][:, None], z_MBD, p["decoder.head.weight"].transpose(1, 2)).relu_()
        first, last = DECODER_LAYERS[0][0], DECODER_LAYERS[-1][0]
        # from one pixel to 4 x 4; weights [M, C in, C out, 4, 4]
        weight = p[f"decoder.{first}.weight"].permute(0, 1, 3, 4, 2)
        h = torch.bmm(h, weight.flatten(2)).reshape(*h.shape[:2], *weight.shape[2:])
        h = h.add_(p[f"decoder.{first}.bias"][:, None, None, None]).relu_()
        for name, *_ in DECODER_LAYERS[1:]:
            h = _transposed(h, p[f"decoder.{name}.weight"], p[f"decoder.{name}.bias"])
            h = h.relu_() if name != last else h
        return h.permute(0, 1, 4, 2, 3).flatten(2)


def _strided(x_MBHWC: Tensor, weight: Tensor, bias_MC: Tensor) -> Tensor:
    """Convolution, kernel 4, stride 2, padding 1; weight [M, C out, C in, 4, 4]."""
    patches: Tensor = _Patches.apply(x_MBHWC)  # type: ignore[no-untyped-call]
    kernels = weight.permute(0, 3, 4, 2, 1).flatten(1, 3)
    out = torch.baddbmm(bias_MC[:, None], patches.flatten(1, 3), kernels)
    return out.reshape(*patches.shape[:4], -1)


def _transposed(x_MBHWC: Tensor, weight: Tensor, bias_MC: Tensor) -> Tensor:
    """Transposed convolution, kernel 4, stride 2, padding 1; weight [M, C in, C out, 4, 4]."""
    kernels = weight.permute(0, 1, 3, 4, 2).flatten(2)
    patches = torch.bmm(x_MBHWC.flatten(1, 3), kernels).reshape(*x_MBHWC.shape[:4], -1)
    out: Tensor = _Summed.apply(patches, bias_MC.to(patches.dtype))  # type: ignore[no-untyped-call]
    return out


class _Patches(torch.autograd.Function):
    """The 4 x 4 patches at stride 2 of padded images: [M, B, 2H, 2W, C] to [M, B, H, W, 16 C], channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _patches(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient, None)


class _Summed(torch.autograd.Function):
    """The reverse: patches [M, B, H, W, 16 C] are added up where they overlap, on a bias: [M, B, 2H, 2W, C]."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor, bias_MC: Tensor) -> Tensor:
        return _summed(patches, bias_MC)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return _patches(gradient), gradient.sum((1, 2, 3))


def _patches(x: Tensor) -> Tensor:
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    members, rows, height, width, channels = padded.shape
    shape = (members, rows, height // 2 - 1, width // 2 - 1, 4, 4, channels)
    m, b, h, w, c = padded.stride()
    return padded.as_strided(shape, (m, b, 2 * h, 2 * w, h, w, c)).flatten(4)


def _summed(patches: Tensor, bias_MC: Tensor | None) -> Tensor:
    members, rows, height, width = patches.shape[:4]
    # a row of the patch is 2 a + i: it lands in row i of the pair of rows that lies a further down; columns likewise
    parts = patches.reshape(members, rows, height, width, 2, 2, 2, 2, -1)
    channels = parts.shape[-1]
    padded = patches.new_empty(members, rows, height + 1, 2, width + 1, 2, channels)
    if bias_MC is None:
        padded.zero_()
    else:
        padded.copy_(bias_MC[:, None, None, None, None, None])
    for a in (0, 1):
        for b in (0, 1):
            part = parts[:, :, :, :, a, :, b].transpose(3, 4)
            padded[:, :, a : a + height, :, b : b + width] += part
    whole = padded.flatten(4, 5).flatten(2, 3)
    return whole[:, :, 1:-1, 1:-1].contiguous()
