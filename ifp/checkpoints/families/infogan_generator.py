"""The generator of a GAN with informative codes, for the one thing it is read for: how well Q recovers its codes.

Shapes: B images, D continuous codes, N values of noise.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, array_of
from ifp.checkpoints.settings_values import number_at
from ifp.checkpoints.source import Source, Weights
from ifp.uniform_codes import SCALE, information_bound

IMAGES, BATCH = 1000, 250
"""Generated images from which the bounds are taken, and how many at a time."""
NET = "netG"
_LEAK, _HALVING = 0.1, 4


class OfNormalLatents(nn.Module):
    """A generator as a function of latents of N(0, 1), [B, D + N]: of its codes, then its noise -> images in [0, 1].

    A latent g is the code 2 Phi(g) - 1, so that latents of N(0, 1) are codes of U(-1, 1), and a shift of a latent by a
    share of its distribution is the shift of the code by that share. Discrete codes are held at their first value.
    """

    def __init__(self, generator: Generator, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        # copies: the bounds are taken on the CPU wherever this module goes
        self.layers, self.complex_of = copy.deepcopy(generator.layers), copy.deepcopy(generator.complex_of)
        self.codes, self.latents, self.flat = generator.codes, generator.codes + generator.noise, generator.flat
        self.image_shape, self.signed = image_shape, any(isinstance(layer, nn.Tanh) for layer in generator.layers)
        discrete = torch.zeros(generator.discrete, generator.levels)
        discrete[:, :1] = 1
        self.register_buffer("discrete_E", discrete.flatten(), persistent=False)

    def forward(self, latent_BL: Tensor) -> Tensor:
        """See the class."""
        codes_BD = 2 * torch.special.ndtr(latent_BL[:, : self.codes]) - 1
        discrete_BE = self.get_buffer("discrete_E").expand(len(latent_BL), -1)
        parts = [latent_BL[:, self.codes :], discrete_BE, codes_BD]
        if self.complex_of is not None:
            parts.append(self.complex_of(codes_BD))
        x = torch.cat(parts, 1)
        out: Tensor = self.layers(x if self.flat else x[:, :, None, None]).reshape(-1, *self.image_shape)
        return (out + 1) / 2 if self.signed else out


@dataclass(frozen=True, eq=False)
class Generator:
    """Layers, and what they take: noise, one-hot discrete codes, continuous codes, complex codes.

    Attributes
    ----------
    complex_of : continuous codes -> complex codes; None where there are none.
    """

    layers: nn.Sequential
    noise: int
    discrete: int
    levels: int
    codes: int
    complex_of: nn.Sequential | None
    flat: bool

    @property
    def said(self) -> str:
        """What it takes, in words."""
        parts = [f"{self.noise} values of noise", f"{self.codes} continuous codes"]
        if self.discrete:
            parts.append(f"{self.discrete} discrete codes of {self.levels} values")
        if self.complex_of is not None:
            parts.append("complex codes")
        return f"takes {', '.join(parts)}; Q is tested on {IMAGES:,} of its images"

    @classmethod
    def of(cls, source: Source, codes: int, image_shape: tuple[int, int, int]) -> Generator:
        """The generator in a file; raises ShapeMismatch where there is none, or it takes something else."""
        weights, numbers = source.weights, ("num_z", "num_dis_c", "dis_c_dim")
        noise, discrete, levels = (int(number_at(source.config, name) or 0) for name in numbers)
        complex_of, more = None, 0
        if "netC.lin1.weight" in weights:
            chain = ChainBuilder(weights, (codes,), set()).linear("netC.lin1").activation("relu").linear("netC.lin2")
            complex_of, more = chain.module(), chain.shape[0]
        flat = f"{NET}.lin1.weight" in weights
        inputs = noise + discrete * levels + codes + more
        chain = _flat_layers(weights, inputs) if flat else _convolutions(weights, inputs)
        if math.prod(chain.shape) != math.prod(image_shape):
            raise ShapeMismatch(f"{NET} draws {list(chain.shape)} and the trunk takes {list(image_shape)}.")
        return cls(chain.module().eval(), noise, discrete, levels, codes, complex_of, flat)

    def images(self, codes_BD: Tensor, generator: torch.Generator) -> Tensor:
        """Images of these codes, [B, ...], with fresh noise and discrete codes."""
        parts = [torch.randn((len(codes_BD), self.noise), generator=generator)]
        if self.discrete:
            drawn = torch.randint(self.levels, (len(codes_BD), self.discrete), generator=generator)
            parts.append(F.one_hot(drawn, self.levels).flatten(1).float())
        parts.append(codes_BD)
        if self.complex_of is not None:
            parts.append(self.complex_of(codes_BD))
        x = torch.cat(parts, 1)
        out: Tensor = self.layers(x if self.flat else x[:, :, None, None])
        return out


def bounds_of(generator: Generator, encoder: nn.Module) -> Callable[[], tuple[float, ...]]:
    """A function that gives the information bound H - NLL of each code, nats, on fresh generated images.

    It works when it is first called: reading a file needs no images.
    """

    @cache
    def bounds() -> tuple[float, ...]:
        drawn = torch.Generator().manual_seed(0)
        device = next(encoder.parameters()).device
        nll = torch.zeros(generator.codes, dtype=torch.float64)
        with torch.inference_mode():
            for _ in range(IMAGES // BATCH):
                codes_BD = torch.rand((BATCH, generator.codes), generator=drawn) * 2 - 1
                images = generator.images(codes_BD, drawn)
                mean, logvar = encoder(images.to(device)).double().cpu().chunk(2, dim=1)
                # on the scale of N(0, 1), where a code's density is smaller by its factor
                error = (SCALE * codes_BD - mean) ** 2 * (-logvar).exp()
                nll += (0.5 * (math.log(2 * math.pi) + logvar + error) - math.log(SCALE)).sum(0)
        return tuple(float(information_bound(value)) for value in nll / IMAGES)

    return bounds


def _flat_layers(weights: Weights, inputs: int) -> ChainBuilder:
    """lin1, lin2, then transposed convolutions from 4 x 4 (TC-GAN for dSprites, ours) or lin3 (ours)."""
    chain = ChainBuilder(weights, (inputs,), set())
    for name in ("lin1", "lin2"):
        chain.linear(f"{NET}.{name}").batch_norm(f"{NET}.bn_{name}").activation("relu")
    if f"{NET}.lin3.weight" in weights:
        return chain.linear(f"{NET}.lin3").activation("sigmoid")
    channels = int(array_of(weights, f"{NET}.tconv1.weight", 4).shape[0])
    side = math.isqrt(chain.shape[0] // max(channels, 1))
    chain.reshape(channels, side, side)
    return _transposed(chain, 1, lambda: nn.LeakyReLU(_LEAK)).activation("sigmoid")


def _convolutions(weights: Weights, inputs: int) -> ChainBuilder:
    """Transposed convolutions from one pixel (InfoGAN-PyTorch); three channels end in tanh."""
    chain = _transposed(ChainBuilder(weights, (inputs, 1, 1), set()), 1, nn.ReLU)
    return chain.activation("sigmoid" if chain.shape[0] == 1 else "tanh")


def _transposed(chain: ChainBuilder, n: int, activation: Callable[[], nn.Module]) -> ChainBuilder:
    if f"{NET}.tconv{n}.weight" not in chain.weights:
        raise ShapeMismatch(f"There is no {NET}.tconv{n}.")
    while f"{NET}.tconv{n}.weight" in chain.weights:
        halves = array_of(chain.weights, f"{NET}.tconv{n}.weight", 4).shape[2] == _HALVING
        chain.conv_transpose(f"{NET}.tconv{n}", *((2, 1) if halves else (1, 0)))
        if f"{NET}.bn{n}.weight" in chain.weights:
            chain.batch_norm(f"{NET}.bn{n}")
        n += 1
        if f"{NET}.tconv{n}.weight" in chain.weights:
            chain.layer(activation(), chain.shape)
    return chain
