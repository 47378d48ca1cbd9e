"""Networks for a whole range of beta at once: every pre-activation is multiplied by a gate that depends on ln(beta).

A gate is a function of an affine function a = slope * eta + offset of eta, which is ln(beta) moved and scaled to mean 0
and variance 1 over the range: hidden layers of the encoder have sigmoid(a), those of the decoder sqrt(1 - exp(a)), 0
where a > 0 (Bae et al. 2023, as their published code has them). Each latent has one gate of the second kind, in the
encoder (its mean) and in the decoder (what is read of it) alike, and its variance at rest is exp(min(a, 0)): so it is
N(0, 1) and unread wherever a >= 0.

That is the exact response of a linear VAE. For an eigenvalue L of the covariance of the images in units of sigma^2 the
objective at beta is least, over encoder mean v x, decoder w and variance s^2, at (Lucas et al. 2019 for beta 1)

    w = sqrt(L - beta),  v = w / L,  s^2 = beta / L      for beta < L, and w = v = 0, s^2 = 1 above:

both maps are their limits for beta -> 0 times sqrt(1 - beta / L), and ln s^2 = ln(beta) - ln(L), so that slope 1 (per
unit of ln(beta)) and offset -ln(L) give all three.

A gate multiplies a whole column of weights, so at one beta a gated network *is* a plain one (`at`).

Shapes: M members, N images, B rows, P pixels, H hidden units, D latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ifp.networks.fully_connected import LinearNetwork, MlpNetwork, Parameters, PixelStatistics

SOFT = 1e-4
"""The square root of the vanishing gate is taken of r as r / sqrt(r + SOFT), whose slope at 0 is finite."""
OPEN = 2.0
"""|a| of fresh gates of hidden layers: all but open, at every beta."""
_LATENT, _SLOPE, _OFFSET = "latent", "gate.slope", "gate.offset"
_ENCODER, _DECODER = ("encoder.0", "encoder.1"), ("decoder.0", "decoder.1")


@dataclass(frozen=True)
class BetaRange:
    """The betas from `low` to `high` for which one network is trained."""

    low: float
    high: float

    @property
    def _half(self) -> float:
        return (math.log(self.high) - math.log(self.low)) / 2

    def beta_at(self, unit: Tensor) -> Tensor:
        """Beta of a place in [0, 1] on the logarithmic scale, 0 the lowest."""
        return (math.log(self.low) + 2 * self._half * unit).exp()

    def eta_at(self, unit: Tensor) -> Tensor:
        """ln(beta) of that place with mean 0 and variance 1 over the range."""
        return (2 * unit - 1) * math.sqrt(3)

    def unit_of(self, beta: float) -> float:
        """The place of a beta: the inverse of `beta_at`."""
        return (math.log(beta) - math.log(self.low)) / (2 * self._half)

    @property
    def slope(self) -> float:
        """The slope in eta of ln(beta)."""
        return self._half / math.sqrt(3)


def vanishing_gate(a: Tensor) -> Tensor:
    """sqrt(1 - exp(a)) below 0, and 0 above, with a finite slope at 0."""
    rest = -torch.expm1(a.clamp(max=0))
    return rest / (rest + SOFT).sqrt()


@dataclass(frozen=True)
class GatedNetwork:
    """What the gated networks share.

    Parameters
    ----------
    plain : the network at one beta. betas : the range.
    """

    plain: MlpNetwork | LinearNetwork
    betas: BetaRange
    twin_alone: ClassVar[bool] = True

    @property
    def _hidden(self) -> tuple[str, ...]:
        return (*_ENCODER, *_DECODER) if isinstance(self.plain, MlpNetwork) else ()

    def initial(self, member: PixelStatistics, generator: torch.Generator) -> Parameters:
        """The plain network's fresh parameters, hidden gates open, the latents' closing all over the range.

        The first closes at the highest beta. Those that close low are held by no pressure but that of low betas, and
        find what freezes late; a gate moves on where that pays.
        """
        parameters = self.plain.initial(member, generator)
        latents = self.plain.latents
        parameters[f"{_LATENT}.{_SLOPE}"] = torch.full((1, latents), self.betas.slope)
        closes = math.sqrt(3) * (1 - 2 * torch.arange(latents) / latents)
        parameters[f"{_LATENT}.{_OFFSET}"] = -self.betas.slope * closes[None]
        for layer in self._hidden:
            width = parameters[f"{layer}.bias"].shape[-1]
            parameters[f"{layer}.{_SLOPE}"] = torch.zeros(1, width)
            parameters[f"{layer}.{_OFFSET}"] = torch.full((1, width), OPEN if layer in _ENCODER else -OPEN)
        return parameters

    def encode_at(self, parameters: Parameters, x_MNP: Tensor, eta_MN: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance [M, N, D] of images, each at a beta of its own."""
        p = parameters
        h = (x_MNP - p["mean_P"]) * p["input_scale_P"]
        for layer in _ENCODER if self._hidden else ():
            h = self._layer(p, layer, h, eta_MN).relu_()
        a_MND = _affine(p, _LATENT, eta_MN)
        gate_MND = vanishing_gate(a_MND)
        mean = gate_MND * torch.baddbmm(p["encoder.mean.bias"], h, p["encoder.mean.weight"])
        logvar = p["encoder.logvar.bias"].expand_as(mean)
        if self._hidden:
            logvar = torch.baddbmm(p["encoder.logvar.bias"], h, p["encoder.logvar.weight"])
        return mean, gate_MND * logvar + a_MND.clamp(max=0)

    def decode_at(self, parameters: Parameters, z_MBD: Tensor, eta_MB: Tensor) -> Tensor:
        """Logits or means [M, B, P] of draws, each at a beta of its own."""
        p = parameters
        h = z_MBD * vanishing_gate(_affine(p, _LATENT, eta_MB))
        for layer in _DECODER if self._hidden else ():
            h = self._layer(p, layer, h, eta_MB).relu_()
        return torch.baddbmm(p["decoder.out.bias"], h, p["decoder.out.weight"]) * p["output_scale"]

    def at(self, parameters: Parameters, beta: float) -> Parameters:
        """The parameters, with or without a member axis, of the plain network that this one is at `beta`."""
        found = {name: value for name, value in parameters.items() if ".gate." not in name}
        for layer in self._hidden:
            gate = self._gate(layer, self._affine_at(parameters, layer, beta)).float()
            found |= {f"{layer}.{part}": gate * parameters[f"{layer}.{part}"] for part in ("weight", "bias")}
        a = self._affine_at(parameters, _LATENT, beta)
        gate = vanishing_gate(a).float()
        for name in ("encoder.mean.weight", "encoder.mean.bias", "encoder.logvar.weight", "encoder.logvar.bias"):
            if name in found:
                found[name] = gate * found[name]
        found["encoder.logvar.bias"] = found["encoder.logvar.bias"] + a.clamp(max=0).float()
        first = "decoder.0.weight" if self._hidden else "decoder.out.weight"
        found[first] = gate.transpose(-1, -2) * found[first]
        return found

    def _affine_at(self, parameters: Parameters, name: str, beta: float) -> Tensor:
        """slope * eta + offset in float64: kernels for few numbers round the last of them differently."""
        eta = (2 * self.betas.unit_of(beta) - 1) * math.sqrt(3)
        return parameters[f"{name}.{_SLOPE}"].double() * eta + parameters[f"{name}.{_OFFSET}"].double()

    def reopened(self, parameters: Parameters, fresh: Parameters, latents: Sequence[int]) -> Parameters:
        """`parameters`, without a member axis, in which these latents' gates are those of `fresh`."""
        found = dict(parameters)
        for name in (f"{_LATENT}.{_SLOPE}", f"{_LATENT}.{_OFFSET}"):
            found[name] = parameters[name].clone()
            found[name][:, list(latents)] = fresh[name][:, list(latents)]
        return found

    def encode(self, parameters: Parameters, x_MNP: Tensor) -> tuple[Tensor, Tensor]:
        """As the plain network does at the lowest beta; see `ifp.networks.fully_connected.Network.encode`."""
        return self.plain.encode(self.at(parameters, self.betas.low), x_MNP)

    def decode(self, parameters: Parameters, z_MBD: Tensor) -> Tensor:
        """As the plain network does at the lowest beta; see `ifp.networks.fully_connected.Network.decode`."""
        return self.plain.decode(self.at(parameters, self.betas.low), z_MBD)

    def _layer(self, p: Parameters, layer: str, h: Tensor, eta_MN: Tensor) -> Tensor:
        return self._gate(layer, _affine(p, layer, eta_MN)) * torch.baddbmm(p[f"{layer}.bias"], h, p[f"{layer}.weight"])

    @staticmethod
    def _gate(layer: str, a: Tensor) -> Tensor:
        return a.sigmoid() if layer in _ENCODER else vanishing_gate(a)


def _affine(p: Parameters, name: str, eta_MN: Tensor) -> Tensor:
    """slope * eta + offset, [M, N, width]."""
    return torch.addcmul(p[f"{name}.{_OFFSET}"], p[f"{name}.{_SLOPE}"], eta_MN[..., None])
