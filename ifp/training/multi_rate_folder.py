"""The folder of multi-rate VAEs, and what a trained network says at each beta.

Checkpoints are plain VAEs: what the network is at the lowest beta. At every record the KL of each latent at GRID betas
is kept in curves/seed-K/step-XXXXXX.npz, so that one can see whether the curve had come to rest.

Shapes: G betas, N images, D latents.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.codes import Codes, kl_nats
from ifp.datasets.own_arrays import FLOAT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.networks.fully_connected import Parameters
from ifp.networks.gated import GatedNetwork
from ifp.objectives.multi_rate import MultiRate
from ifp.objectives.registry import describe_options
from ifp.seeds import derive_seed
from ifp.system.files import replace_file
from ifp.system.progress import Progress, silent
from ifp.system.threads import single_threaded_kernels
from ifp.training.codes_folder import IMAGES
from ifp.training.evaluation import IMAGES as EVALUATED
from ifp.training.evaluation import ROWS
from ifp.training.folder import TrainFolder
from ifp.training.records import TrainRecord
from ifp.training.setup import Setup
from ifp.training.state import MemberState, damaged
from ifp.training.trainer import generator

GRID = 30
"""Betas of the curves that are kept along the training."""
WATCHED = 512
"""Images of these curves."""
_CURVE = {"beta": Declared(FLOAT, "G", no_infinity=True), "kl_nats": Declared(FLOAT, "GD", no_infinity=True)}
"""The arrays of one record's curves."""


@dataclass(frozen=True, eq=False)
class AtBeta:
    """A trained network at one beta: codes of the kept images, and the two parts of its objective, nats per image."""

    beta: float
    codes: Codes
    recon_nats: float
    kl_nats: float

    @property
    def objective_nats(self) -> float:
        """Reconstruction + beta x KL."""
        return self.recon_nats + self.beta * self.kl_nats


class MultiRateFolder(TrainFolder):
    """See `ifp.training.folder.TrainFolder`.

    Parameters
    ----------
    path : of the folder. setup : of `ifp.training.multi_rate.set_up_multi_rate`.
    """

    def __init__(self, path: Path, setup: Setup, progress: Progress = silent) -> None:
        super().__init__(
            path,
            setup.config,
            setup.dataset,
            objective_options=describe_options(setup.objective),
            device=str(setup.device),
            threads=setup.kernel_threads,
        )
        assert isinstance(setup.network, GatedNetwork)
        assert isinstance(setup.objective, MultiRate)
        self._setup, self._progress = setup, progress
        self._network, self._objective = setup.network, setup.objective
        self._samples: dict[str, Sample] = {}

    def sample(self, purpose: str, count: int) -> Sample:
        """Images that are the same for all networks; "kept codes" and "evaluation" are those of a cooled run."""
        with self._lock:
            if purpose not in self._samples:
                seed = derive_seed(self.config.seed, "train", purpose)
                self._samples[purpose] = draw_sample(self._setup.dataset, count, seed, self._progress)
            return self._samples[purpose]

    def betas(self, count: int = 0) -> np.ndarray:
        """`count` betas, or as many as the settings say, evenly spaced in ln(beta) from the highest to the lowest."""
        return np.geomspace(self._objective.beta_start, self._objective.beta_end, count or self._objective.betas)

    def keep(self, seed: int, state: MemberState, record: TrainRecord, *, checkpoint: bool) -> None:
        """Take in a record, the curve first; see `TrainFolder.keep`."""
        images_NP = _pixels(self.sample("evaluation", EVALUATED))[:WATCHED]
        beta_G = self.betas(GRID)
        kl_GD = np.stack([self._kl_nats_D(state.parameters, float(beta), images_NP) for beta in beta_G])
        held = io.BytesIO()
        np.savez(held, beta=beta_G, kl_nats=kl_GD)
        path = self.curve_path(seed, record.step)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, held.getvalue())
        except OSError as error:
            raise self._unwritable(error) from error
        super().keep(seed, state, record, checkpoint=checkpoint)

    def _kl_nats_D(self, parameters: Parameters, beta: float, images_NP: np.ndarray) -> np.ndarray:
        mean_ND, logvar_ND = self._encode(self._network.at(parameters, beta), images_NP)
        return kl_nats(mean_ND.astype(float), logvar_ND.astype(float)).mean(0)

    def _save_checkpoint(self, seed: int, state: MemberState, record: TrainRecord) -> None:
        plain = self._network.at(state.parameters, self._objective.beta_end)
        super()._save_checkpoint(seed, replace(state, parameters=plain), record)

    def curve_path(self, seed: int, step: int) -> Path:
        """Where the curves of a record lie."""
        return self.path / "curves" / f"seed-{seed}" / f"step-{step:06d}.npz"

    def kept_curve(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Beta [G] and KL of each latent [G, D] at a record.

        Raises
        ------
        IfpError : there are none, or they are damaged.
        """
        path = self.curve_path(seed, step)
        arrays = read_own_arrays(path, _CURVE, "train anew in another folder") if path.is_file() else {}
        if arrays.keys() != {"beta", "kl_nats"} or arrays["kl_nats"].shape != (GRID, self.config.latents):
            raise IfpError(
                f"{path}, the curves of a record, is missing or of another run; train anew in another folder."
            )
        return arrays["beta"], arrays["kl_nats"]

    def at_betas(self, seed: int) -> Iterator[AtBeta]:
        """A finished network at each of `betas()`.

        The reconstruction is taken of the same images and noise as that of the records of a cooled or heated network.

        Raises
        ------
        IfpError : what the run keeps of the network is missing or damaged.
        """
        state = self.state(seed)
        if state is None:
            raise damaged(self._state_path(seed))
        kept, evaluated = self.sample("kept codes", IMAGES), self.sample("evaluation", EVALUATED)
        kept_NP, evaluated_NP = _pixels(kept), _pixels(evaluated)
        for beta in self.betas():
            plain = self._network.at(state.parameters, float(beta))
            with single_threaded_kernels():  # so that no bit depends on the machine's cores
                codes = kept.codes(*(part.astype(np.float64) for part in self._encode(plain, kept_NP)))
                recon_nats, kl = self._parts(seed, plain, evaluated_NP)
            yield AtBeta(float(beta), codes, recon_nats, kl)

    @torch.no_grad()
    def _encode(self, plain: Parameters, images_NP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance, float32 [N, D]."""
        parameters = {name: value[None].to(self._setup.device) for name, value in plain.items()}
        parts = [self._network.plain.encode(parameters, x) for x in self._batches(images_NP)]
        mean_ND, logvar_ND = (torch.cat(found, 1)[0].float().cpu().numpy() for found in zip(*parts, strict=True))
        return mean_ND, logvar_ND

    @torch.no_grad()
    def _parts(self, seed: int, plain: Parameters, images_NP: np.ndarray) -> tuple[float, float]:
        """Reconstruction and KL, with the noise of `ifp.training.evaluation`."""
        setup, config = self._setup, self.config
        parameters = {name: value[None].to(setup.device) for name, value in plain.items()}
        drawn = generator(config, seed, "evaluation", device=str(setup.device))
        in_vectors = -(-len(images_NP) // 32) * 32
        noise_ND = torch.randn((in_vectors, config.latents), generator=drawn, device=setup.device)
        recon = kl = 0.0
        for start, x in zip(range(0, len(images_NP), ROWS), self._batches(images_NP), strict=True):
            mean, logvar = self._network.plain.encode(parameters, x)
            z = mean + (0.5 * logvar).exp() * noise_ND[None, start : start + x.shape[1]]
            out = self._network.plain.decode(parameters, z)
            recon += float(config.pixel_likelihood.summed_cost(out, x).double().sum())
            kl += float(kl_nats(mean.double().cpu().numpy(), logvar.double().cpu().numpy()).sum())
        return recon / len(images_NP), kl / len(images_NP)

    def _batches(self, images_NP: np.ndarray) -> Iterator[torch.Tensor]:
        """Images in [0, 1] on the device, [1, B, P]."""
        for start in range(0, len(images_NP), ROWS):
            yield torch.from_numpy(images_NP[start : start + ROWS])[None].to(self._setup.device).float().div_(255)


def _pixels(sample: Sample) -> np.ndarray:
    return sample.images_NCHW.reshape(len(sample.images_NCHW), -1)
