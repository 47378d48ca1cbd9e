"""Vae: somebody's encoder and decoder, rebuilt, with everything that was assumed to do so.

Shapes: N images, C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS = ("halves", "interleaved", "halves-variance-first", "interleaved-variance-first")
"""Order of the encoder's 2D outputs: mean_0 ... mean_D-1 spread_0 ..., or mean_0 spread_0 mean_1 spread_1 ...; or each
of these with the spread, the log variance in most code bases, before the mean."""
VARIANCES = ("log variance", "log sigma", "softplus sigma")
"""What the spread s means: the variance is exp(s), exp(2 s) or log(1 + exp(s))^2."""
LAPLACE = "log scale of a Laplace distribution"
"""No Gaussian: `Vae.encode` gives the log of the variance 2 exp(2 s); such models are told apart and refused."""
_TINY = 1e-37
_SMALL_SOFTPLUS = -15.0
OUTPUTS = ("logits", "probabilities", "values")
"""A decoder gives logits (before a sigmoid), probabilities (after it), or pixels on the scale of the (scaled) input."""


def split_head(out_NE: Tensor, head: str) -> tuple[Tensor, Tensor]:
    """Mean and spread, [N, D] each, out of what an encoder gives, by the order of its outputs (`HEADS`)."""
    if head.startswith("halves"):
        mean, spread = out_NE.chunk(2, dim=1)
    else:
        mean, spread = out_NE[:, 0::2], out_NE[:, 1::2]
    return (spread, mean) if head.endswith("variance-first") else (mean, spread)


def to_logvar(spread_ND: Tensor, variance: str) -> Tensor:
    """The log variance out of a spread, by what that means: one of `VARIANCES`, "sigma", "variance" or `LAPLACE`."""
    if variance == "log variance":
        return spread_ND
    if variance == "log sigma":
        return 2 * spread_ND
    if variance == LAPLACE:
        return 2 * spread_ND + math.log(2)
    if variance == "sigma":
        return 2 * spread_ND.log()
    if variance == "variance":
        return spread_ND.log()
    # log(softplus(s)) is s where exp(s) is lost beside 1
    return 2 * torch.where(spread_ND < _SMALL_SOFTPLUS, spread_ND, F.softplus(spread_ND).log())


@dataclass(frozen=True)
class Assumption:
    """One thing that had to be known to read a model: what, its value, and where that comes from.

    `source` is "the file", "the shapes", "the code base", "an option", "the self-test" or "a guess".
    """

    what: str
    value: str
    source: str


@dataclass(frozen=True, eq=False)
class Vae:
    """An encoder and, where it could be read, a decoder.

    Attributes
    ----------
    encoder : scaled images [N, C, H, W] -> [N, 2D].
    decoder : codes [N, D] -> [N, C, H, W], or None.
    image_shape : (C, H, W).
    head, variance, output : see HEADS, VARIANCES, OUTPUTS.
    likelihood : of training: "bernoulli", "gaussian" (the squared error: sigma^2 = 1/2) or "laplace" (the absolute
        error); "none" for a GAN.
    beta : weight of the KL in nats per image (see `ifp.theory.beta_units`), None where nothing says.
    capacity_nats : at which the KL was held at the end of training, None where nothing says that it was held.
    pixel_mean, pixel_std : the encoder sees (x - mean) / std of x in [0, 1].
    assumptions : everything assumed, for people to check.
    unused : names of arrays in the file that neither encoder nor decoder needed.
    named_head : whether means and spreads come from layers of their own, whose names tell which is which.
    code_bounds : of a GAN, gives the information bound H - NLL of each code on generated images, nats.
    generator : of a GAN, latents [N, L] of N(0, 1), the codes' first and then the noise's -> images in [0, 1];
        `generator_latents` is L. None where there is none, or it could not be read.
    may_be_laplace : whether the code base has models with Laplace latents, and nothing says that this is none.
    """

    family: str
    encoder: nn.Module
    decoder: nn.Module | None
    num_latents: int
    image_shape: tuple[int, int, int]
    head: str
    variance: str = "log variance"
    output: str = "logits"
    likelihood: str = "bernoulli"
    beta: float | None = None
    capacity_nats: float | None = None
    pixel_mean: float = 0.0
    pixel_std: float = 1.0
    assumptions: tuple[Assumption, ...] = ()
    unused: tuple[str, ...] = ()
    named_head: bool = False
    may_be_laplace: bool = False
    code_bounds: Callable[[], tuple[float, ...]] | None = None
    generator: nn.Module | None = None
    generator_latents: int = 0

    @property
    def draws(self) -> bool:
        """Whether it draws images of latents, by a decoder or by a generator."""
        return self.decoder is not None or self.generator is not None

    def encode(self, images_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log variance, [N, D] each, of images in [0, 1]."""
        return self.split(self.raw(images_NCHW))

    def raw(self, images_NCHW: Tensor) -> Tensor:
        """What the encoder gives, [N, 2D], of images in [0, 1]."""
        out: Tensor = self.encoder((images_NCHW - self.pixel_mean) / self.pixel_std)
        return out

    def split(self, out_NE: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log variance, [N, D] each, out of what the encoder gives, by head and variance."""
        mean, spread = split_head(out_NE, self.head)
        return mean, to_logvar(spread, self.variance)

    def decode(self, z_ND: Tensor) -> Tensor:
        """Images in [0, 1], [N, C, H, W]: the means of the likelihood."""
        assert self.decoder is not None
        out = self.decoder(z_ND)
        if self.output == "logits":
            return out.sigmoid()
        return out if self.output == "probabilities" else out * self.pixel_std + self.pixel_mean

    def reconstruction_nats(self, images_NCHW: Tensor, z_ND: Tensor) -> Tensor:
        """Reconstruction cost [N] summed over pixels and channels, under the model's own likelihood."""
        assert self.decoder is not None
        if self.likelihood == "bernoulli" and self.output == "logits":  # exact where probabilities round to 0 or 1
            cost = F.binary_cross_entropy_with_logits(self.decoder(z_ND), images_NCHW, reduction="none")
            return cost.flatten(1).sum(1)
        return self.cost_nats(self.decode(z_ND), images_NCHW)

    def cost_nats(self, fitted_NCHW: Tensor, images_NCHW: Tensor) -> Tensor:
        """Cost [N] of fitted images in [0, 1]; a probability below 1e-37 counts as that, so gradients stay finite."""
        if self.likelihood == "bernoulli":
            on, off = fitted_NCHW.clamp(_TINY, 1), (1 - fitted_NCHW).clamp(_TINY, 1)
            cost = -images_NCHW * on.log() - (1 - images_NCHW) * off.log()
        else:
            error = fitted_NCHW - images_NCHW
            cost = error**2 if self.likelihood == "gaussian" else error.abs()
        return cost.flatten(1).sum(1)

    def ending_in_logits(self) -> Vae:
        """The same model with its decoder's last sigmoid taken off: exact costs and gradients where it saturates."""
        layers = list(self.decoder.children()) if isinstance(self.decoder, nn.Sequential) else []
        if self.output != "probabilities" or not layers or not isinstance(layers[-1], nn.Sigmoid):
            return self
        return dataclasses.replace(self, decoder=nn.Sequential(*layers[:-1]), output="logits")

    def to(self, device: torch.device) -> Vae:
        """The same model on `device`, in evaluation mode."""
        decoder = None if self.decoder is None else self.decoder.to(device).eval()
        generator = None if self.generator is None else self.generator.to(device).eval()
        return dataclasses.replace(self, encoder=self.encoder.to(device).eval(), decoder=decoder, generator=generator)

    def assuming(self, *assumptions: Assumption, **changes: object) -> Vae:
        """A copy read in another way: `changes` to the attributes, and what they assume."""
        named = {assumption.what for assumption in assumptions}
        kept = tuple(assumption for assumption in self.assumptions if assumption.what not in named)
        return dataclasses.replace(self, assumptions=(*kept, *assumptions), **changes)  # type: ignore[arg-type]
