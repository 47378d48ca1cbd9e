"""The probe: at which beta does what a trained VAE holds melt (or, cooled, freeze)?

The same slow change of beta on any trained model, ours or foreign: the networks follow, fine-tuned in memory by Adam on
their own likelihood, and the posteriors of a fixed set of images are recorded. The checkpoint's file is never changed.

Shapes: N images, B images of a batch, C H W of an image, D latents, T records.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from ifp.checkpoints.posteriors import encode_images
from ifp.checkpoints.vae import Vae
from ifp.codes import kl_nats
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.networks.losses import gaussian_kl_nats
from ifp.schedule import geometric
from ifp.seeds import derive_seed
from ifp.system.progress import Progress, silent

PROBES = ("heat", "cool")


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """How a trained model is probed.

    Attributes
    ----------
    direction : "heat" (beta rises from `low` to `high`) or "cool" (it falls, after `hold_steps` at `high`).
    low, high : the range of beta, in nats per image.
    steps : optimizer updates while beta moves, at equal ratios. hold_steps : at the first beta before it moves.
    records : evaluations along the way.
    """

    direction: str = "heat"
    low: float = 1.0
    high: float = 300.0
    steps: int = 3000
    hold_steps: int = 200
    records: int = 60
    batch: int = 64
    learning_rate: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.direction not in PROBES:
            raise unknown_name("probe", self.direction, PROBES)
        if not 0 < self.low < self.high < float("inf"):
            raise IfpError(f"The range of beta must rise from a positive number, got {self.low:g} to {self.high:g}.")
        for name in ("steps", "records", "batch"):
            if getattr(self, name) < 1:
                raise bad_value(name, getattr(self, name), "a whole number of at least 1")
        if self.hold_steps < 0:
            raise bad_value("hold_steps", self.hold_steps, "a whole number of at least 0")
        if not 0 < self.learning_rate < 1:
            raise bad_value("learning_rate", self.learning_rate, "a number between 0 and 1")


@dataclass(frozen=True, eq=False)
class ProbeTrace:
    """What was recorded, in the order of time: beta [T], posteriors of the fixed images [T, N, D], cost of batches [T].

    The first record is of the model as it was given, at the first beta.
    """

    beta_T: np.ndarray
    mean_TND: np.ndarray
    logvar_TND: np.ndarray
    recon_nats_T: np.ndarray

    @property
    def kl_nats_TD(self) -> np.ndarray:
        """KL of each latent, averaged over the fixed images."""
        return np.asarray(kl_nats(self.mean_TND, self.logvar_TND).mean(axis=1))


def probe(
    vae: Vae,
    train_NCHW: np.ndarray,
    fixed_NCHW: np.ndarray,
    config: ProbeConfig,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> ProbeTrace:
    """Move beta slowly while a copy of `vae` follows.

    Parameters
    ----------
    vae : with a decoder; it is copied, not changed. Batch normalisation keeps its running statistics.
    train_NCHW : uint8, the images to train on. fixed_NCHW : uint8, the images whose posteriors are recorded.

    Raises
    ------
    IfpError : no decoder, or the training diverged.
    """
    if vae.decoder is None:
        raise IfpError(
            "The probe trains the model on, and this one's decoder could not be read; only its codes can be."
        )
    target = torch.device(device)
    model = dataclasses.replace(vae, encoder=copy.deepcopy(vae.encoder), decoder=copy.deepcopy(vae.decoder)).to(target)
    assert model.decoder is not None
    parameters = [*model.encoder.parameters(), *model.decoder.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(parameters, lr=config.learning_rate)
    generator = torch.Generator().manual_seed(derive_seed(config.seed, "probe") % 2**63)
    images = torch.from_numpy(train_NCHW).to(target)
    first, last = (config.low, config.high) if config.direction == "heat" else (config.high, config.low)
    due = {round(number * config.steps / config.records) for number in range(1, config.records + 1)}
    betas, means, logvars, costs = [first], [], [], [float("nan")]

    def record() -> None:
        mean_ND, logvar_ND = encode_images(model.encode, fixed_NCHW, target, silent)
        if not (np.isfinite(mean_ND).all() and np.isfinite(logvar_ND).all()):
            raise IfpError(f"The probe diverged at beta {betas[-1]:.3g}; lower `learning_rate`.")
        means.append(mean_ND)
        logvars.append(logvar_ND)

    record()
    for step in range(-config.hold_steps, config.steps):
        beta = float(geometric(max(step + 1, 0) / config.steps, first, last))
        rows = torch.randint(len(images), (config.batch,), generator=generator)
        x = images[rows.to(target)].float() / 255
        mean, logvar = model.encode(x)
        noise = torch.randn(mean.shape, generator=generator).to(target)
        recon = model.reconstruction_nats(x, mean + (0.5 * logvar).exp() * noise).mean()
        kl = gaussian_kl_nats(mean, logvar).sum(-1).mean()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(recon + beta * kl)
        optimizer.step()
        if step + 1 in due:
            betas.append(beta)
            costs.append(float(recon.detach()))
            record()
            progress("probe", step + 1, config.steps)
    return ProbeTrace(np.array(betas), np.stack(means), np.stack(logvars), np.array(costs))
