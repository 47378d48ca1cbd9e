"""Small VAEs trained here on grey digits, read back from files in our own format with changes that a fork might make.

Shapes: N images, P pixels, H hidden units, D latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import Laplace, kl_divergence

from ifp.checkpoints.native import save_vae

SIDE, HIDDEN, LATENTS = 8, 48, 6
PIXELS = SIDE * SIDE
Function = Callable[[Tensor], Tensor]
LOG_2 = math.log(2)
DISENT = {
    "encoder.0": "_encoder.model.1",
    "encoder.1": "_encoder.model.3",
    "decoder.0": "_decoder.model.0",
    "decoder.1": "_decoder.model.2",
    "decoder.out": "_decoder.model.4",
}


@dataclass(frozen=True)
class Fork:
    """What the code of a VAE does: activations, what its second head means, pixels' scaling, likelihood and beta.

    `pixel` is (mean, std) by which the encoder's images are standardised.
    """

    encoder: Function = F.relu
    decoder: Function = F.relu
    spread: str = "log variance"
    likelihood: str = "bernoulli"
    sigma: float = 0.1
    beta: float = 1.0
    pixel: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Trained:
    """The layers, and what their own code says of all digits."""

    fork: Fork
    layers: dict[str, nn.Linear]
    mean_ND: np.ndarray
    logvar_ND: np.ndarray

    def write(self, path: Path, *, beta: float | None = None) -> Path:
        """As a file of our own, which says nothing of the fork's ways; `beta` replaces the one of training."""
        arrays: dict[str, Tensor] = {
            "mean_P": torch.zeros(1, PIXELS), "input_scale_P": torch.ones(1, PIXELS), "output_scale": torch.ones(1, 1),
        }  # fmt: skip
        for name, layer in self.layers.items():
            arrays |= {f"{name}.weight": layer.weight.detach().T, f"{name}.bias": layer.bias.detach()[None]}
        fork = self.fork
        save_vae(
            path, arrays, image_shape=(1, SIDE, SIDE), latents=LATENTS, likelihood=fork.likelihood, sigma=fork.sigma,
            beta=fork.beta if beta is None else beta, step=1,
        )  # fmt: skip
        return path

    def write_disent(self, path: Path) -> Path:
        """As nmichlo/disent's fully connected networks, whose decoder has tanh; without any settings."""
        layers, head = self.layers, ("encoder.mean", "encoder.logvar")
        arrays: dict[str, Tensor] = {}
        for part in ("weight", "bias"):
            for name, place in DISENT.items():
                arrays[f"_model.{place}.{part}"] = getattr(layers[name], part).detach()
            arrays[f"_model._encoder.model.5.{part}"] = torch.cat(
                [getattr(layers[name], part) for name in head]
            ).detach()
        torch.save({"state_dict": arrays, "pytorch-lightning_version": "2.0", "global_step": 1}, path)
        return path


def digit_images() -> np.ndarray:
    """1,797 grey digits of 8 x 8 pixels, uint8 [N, 1, rows, columns]."""
    return (load_digits().images * (255 / 16)).round().astype(np.uint8)[:, None]


@cache
def train(fork: Fork, steps: int = 800) -> Trained:
    """Trained by Adam on batches of 128, about a second."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {
            "encoder.0": (PIXELS, HIDDEN), "encoder.1": (HIDDEN, HIDDEN), "encoder.mean": (HIDDEN, LATENTS),
            "encoder.logvar": (HIDDEN, LATENTS), "decoder.0": (LATENTS, HIDDEN), "decoder.1": (HIDDEN, HIDDEN),
            "decoder.out": (HIDDEN, PIXELS),
        }  # fmt: skip
        layers = {name: nn.Linear(*size) for name, size in sizes.items()}
        parameters = [parameter for layer in layers.values() for parameter in layer.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=4e-3, fused=True)
        x = torch.from_numpy(digit_images()).flatten(1).float() / 255
        for step in range(steps):
            if step == steps * 2 // 3:
                optimizer.param_groups[0]["lr"] = 5e-4
            batch = x[torch.randint(len(x), (128,))]
            mean, logvar = encode(layers, fork, batch)
            is_laplace = fork.spread == "log scale"
            noise = Laplace(0, 0.5**0.5).sample(mean.shape) if is_laplace else torch.randn_like(mean)
            z = mean + (0.5 * logvar).exp() * noise
            h = fork.decoder(layers["decoder.1"](fork.decoder(layers["decoder.0"](z))))
            out = layers["decoder.out"](h)
            if fork.likelihood == "bernoulli":
                cost = F.binary_cross_entropy_with_logits(out, batch, reduction="sum")
            else:
                target = (batch - fork.pixel[0]) / fork.pixel[1]
                cost = (out - target).square().sum() * fork.pixel[1] ** 2 / (2 * fork.sigma**2)
            kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum()
            if is_laplace:
                posterior = Laplace(mean, (logvar.exp() / 2).sqrt())
                kl = kl_divergence(posterior, Laplace(torch.zeros_like(mean), torch.ones_like(mean))).sum()
            optimizer.zero_grad()
            ((cost + fork.beta * kl) / len(batch)).backward()
            optimizer.step()
        with torch.inference_mode():
            mean, logvar = encode(layers, fork, x)
    return Trained(fork, layers, mean.double().numpy(), logvar.double().numpy())


def encode(layers: dict[str, nn.Linear], fork: Fork, x_NP: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance by the fork's own code."""
    x_NP = (x_NP - fork.pixel[0]) / fork.pixel[1]
    h = fork.encoder(layers["encoder.1"](fork.encoder(layers["encoder.0"](x_NP))))
    mean, spread = layers["encoder.mean"](h), layers["encoder.logvar"](h)
    if fork.spread == "log variance":
        return mean, spread
    if fork.spread == "log sigma":
        return mean, 2 * spread
    if fork.spread == "log scale":  # of a Laplace distribution, whose variance is 2 scale^2
        return mean, 2 * spread + LOG_2
    assert fork.spread == "softplus sigma"
    return mean, 2 * (F.softplus(spread) + 1e-9).log()


def kl_nats_D(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> np.ndarray:
    """KL of each latent; nothing of the project's is used."""
    return 0.5 * (mean_ND**2 + np.exp(logvar_ND) - 1 - logvar_ND).mean(axis=0)


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def leaky(slope: float) -> Function:
    return lambda x: torch.where(x > 0, x, slope * x)
