"""Bench: tries readings of a file one after the other, on the same images and with the same draws.

Shapes: N images of the test, M images of these that are reconstructed, E outputs of the encoder, D latents.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor, nn

from ifp.checkpoints.posteriors import encode_images
from ifp.checkpoints.readings.moment_test import MomentTest, laplace_deviation, moment_test
from ifp.checkpoints.readings.reading import Reading, Reconstruction
from ifp.checkpoints.vae import LAPLACE, Vae
from ifp.codes import kl_nats
from ifp.seeds import derive_seed
from ifp.system.progress import Progress, silent

TEST_IMAGES = 2000
"""Number of images for the moments."""
CHOICE_RECONSTRUCTIONS = 200
"""Number of images that are reconstructed; a decoder is slower than an encoder, and is needed for every reading."""
_FIRST_LOOK = 50
"""Number of images by which rivals are shortlisted."""
_BATCH = 100
"""Number of codes that are decoded together."""
_SPREAD = 1.2
"""Factor by which the standard deviations are raised and lowered to find the derivatives of cost and KL."""


class Bench:
    """Tries readings on the same images with the same draws; the output of each encoder is computed once.

    Parameters
    ----------
    images_NCHW : uint8; the first TEST_IMAGES are encoded and the first CHOICE_RECONSTRUCTIONS reconstructed.
    progress : told of every encoding and decoding, which take most of the time.
    expected : approximate number of encodings and decodings.
    """

    def __init__(self, images_NCHW: np.ndarray, device: torch.device, progress: Progress, expected: int = 1) -> None:
        self.images_NCHW, self.device, self._progress = images_NCHW[:TEST_IMAGES], device, progress
        self._tried, self._expected = 0, expected
        few = torch.from_numpy(self.images_NCHW[:CHOICE_RECONSTRUCTIONS]).to(device)
        self._few_MCHW = few.float().div_(255)
        mean = torch.from_numpy(self.images_NCHW.mean(axis=0, dtype=np.float64)).float().to(device)
        self._mean_MCHW = mean.div_(255).expand_as(self._few_MCHW)
        self._encoded: list[tuple[nn.Module, float, float, np.ndarray]] = []
        self._first_outputs: tuple[nn.Module, float, float, Tensor] | None = None
        self._noise: dict[tuple[int, str], Tensor] = {}

    def read(self, vae: Vae, name: str) -> Reading:
        """The reading of this model, with its moments and what its decoder reconstructs."""
        mean_ND, logvar_ND = self.posteriors(vae)
        moments = moment_test(mean_ND, logvar_ND)
        if vae.variance == LAPLACE:
            log_scale_ND = 0.5 * (logvar_ND - math.log(2))
            moments = MomentTest(moments.moment_D, moments.active_D, laplace_deviation(mean_ND, log_scale_ND))
        reconstruction = None if vae.decoder is None else self._reconstruct(vae, mean_ND, logvar_ND)
        return Reading(name, vae, moments, reconstruction)

    def own_beta(self, reading: Reading) -> float:
        """The beta at which the reading is at a minimum, in nats; negative, zero or NaN if there is none.

        At a minimum the derivative of cost + beta KL by a common factor on all standard deviations is 0, so beta is the
        ratio of their derivatives, which are found between sigma / 1.2 and 1.2 sigma with the same draws. On four
        public models it is 0.97 for a beta of 1, 4.6 for 4, 5.0 for a total-correlation model of 6.4, and 0.04 for one
        whose KL was held at a capacity.
        """
        vae = reading.vae.to(self.device)
        mean_ND, logvar_ND = self.posteriors(vae)
        few, changes = slice(0, len(self._few_MCHW)), []
        for factor in (1 / _SPREAD, _SPREAD):
            scaled_MD = logvar_ND[few] + 2 * math.log(factor)
            cost_M = self._cost_of_draws(vae, mean_ND[few], scaled_MD)
            with np.errstate(over="ignore", invalid="ignore"):
                changes.append((cost_M.mean(), _kl_nats_N(vae, mean_ND[few], scaled_MD).mean()))
        (low_cost, low_kl), (high_cost, high_kl) = changes
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(high_cost - low_cost) / np.float64(low_kl - high_kl))

    def rescaled(self, reading: Reading, factor: float) -> Reconstruction:
        """The reconstruction with every log variance multiplied by `factor`: cost and KL change, the shares do not."""
        assert reading.reconstruction is not None
        vae = reading.vae.to(self.device)
        mean_ND, logvar_ND = self.posteriors(vae)
        mean_MD, logvar_MD = mean_ND[: len(self._few_MCHW)], factor * logvar_ND[: len(self._few_MCHW)]
        with np.errstate(over="ignore", invalid="ignore"):
            kl_M = _kl_nats_N(vae, mean_MD, logvar_MD)
        cost_M = self._cost_of_draws(vae, mean_MD, logvar_MD)
        return dataclasses.replace(reading.reconstruction, cost_M=cost_M, kl_M=kl_M)

    def posteriors(self, vae: Vae) -> tuple[np.ndarray, np.ndarray]:
        """Means and log variances, float64 [N, D] each."""
        out_NE = torch.from_numpy(self._encode(vae))
        mean_ND, logvar_ND = vae.split(out_NE)
        return mean_ND.numpy(), logvar_ND.numpy()

    def share_of_means(self, vae: Vae) -> float:
        """`Reconstruction.of_means` alone, of a few images, by which rivals are shortlisted."""
        on_device = vae.to(self.device)
        self._say()
        images = self._few_MCHW[:_FIRST_LOOK]
        with torch.inference_mode():
            mean_MD, _ = on_device.split(self._encode_few(on_device, images))
            cost_M = on_device.reconstruction_nats(images, mean_MD)
        return self._share(on_device, cost_M.double().cpu().numpy())

    def _encode_few(self, vae: Vae, images_MCHW: Tensor) -> Tensor:
        """The encoder's outputs; the last are kept, because readings that differ in the head share an encoder."""
        encoder = (vae.encoder, vae.pixel_mean, vae.pixel_std)
        if self._first_outputs is None or self._first_outputs[:3] != encoder:
            self._first_outputs = (*encoder, vae.raw(images_MCHW))
        return self._first_outputs[3]

    def _encode(self, vae: Vae) -> np.ndarray:
        """The encoder's outputs [N, E], from memory if this encoder has been used before."""
        for encoder, mean, std, out_NE in self._encoded:
            if encoder is vae.encoder and (mean, std) == (vae.pixel_mean, vae.pixel_std):
                return out_NE
        self._say()
        on_device = vae.to(self.device)

        def raw(images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
            out_BE = on_device.raw(images_BCHW)
            return out_BE, out_BE[:, :0]

        out_NE, _ = encode_images(raw, self.images_NCHW, self.device, silent)
        self._encoded.append((vae.encoder, vae.pixel_mean, vae.pixel_std, out_NE))
        return out_NE

    def _reconstruct(self, vae: Vae, mean_ND: np.ndarray, logvar_ND: np.ndarray) -> Reconstruction:
        on_device, few = vae.to(self.device), slice(0, len(self._few_MCHW))
        no_variance_MD = np.full_like(logvar_ND[few], -np.inf)
        at_means_M = self._cost_of_draws(on_device, mean_ND[few], no_variance_MD)
        drawn_M = self._cost_of_draws(on_device, mean_ND[few], logvar_ND[few])
        with np.errstate(over="ignore", invalid="ignore"):
            kl_M = _kl_nats_N(vae, mean_ND[few], logvar_ND[few])
        shares = self._share(on_device, at_means_M), self._share(on_device, drawn_M)
        return Reconstruction(*shares, drawn_M, kl_M)

    def _cost_of_draws(self, vae: Vae, mean_MD: np.ndarray, logvar_MD: np.ndarray) -> np.ndarray:
        """The cost of one draw of each posterior [M], in nats; every reading gets the same noise."""
        self._say()
        sigma_MD = torch.from_numpy(logvar_MD).mul(0.5).exp()
        z_MD = torch.from_numpy(mean_MD) + sigma_MD * self._noise_MD(vae)
        costs = []
        with torch.inference_mode():
            for start in range(0, len(z_MD), _BATCH):
                rows = slice(start, start + _BATCH)
                z_BD = z_MD[rows].float().to(self.device)
                costs.append(vae.reconstruction_nats(self._few_MCHW[rows], z_BD).double().cpu().numpy())
        return np.concatenate(costs)

    def _share(self, vae: Vae, cost_M: np.ndarray) -> float:
        """The share of what a perfect decoder would save over the mean image; -infinity if a cost is not finite."""
        if not np.isfinite(cost_M).all():
            return -math.inf
        few = slice(0, len(cost_M))
        with torch.inference_mode():
            worst, best = (
                float(vae.cost_nats(fitted[few], self._few_MCHW[few]).double().mean())
                for fitted in (self._mean_MCHW, self._few_MCHW)
            )
        return (worst - float(cost_M.mean())) / (worst - best) if worst > best else 0.0

    def _noise_MD(self, vae: Vae) -> Tensor:
        """Noise of variance 1, the same for every reading with this number of latents."""
        key = (vae.num_latents, LAPLACE if vae.variance == LAPLACE else "normal")
        if key not in self._noise:
            generator = torch.Generator().manual_seed(derive_seed(0, "self-test") % 2**63)
            shape = (len(self._few_MCHW), vae.num_latents)
            if vae.variance == LAPLACE:
                u = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12) - 0.5
                self._noise[key] = -u.sign() * torch.log1p(-2 * u.abs()) / math.sqrt(2)
            else:
                self._noise[key] = torch.randn(shape, generator=generator, dtype=torch.float64)
        return self._noise[key]

    def _say(self) -> None:
        self._tried += 1
        self._progress("self-test", self._tried, max(self._tried, self._expected))


def _kl_nats_N(vae: Vae, mean_ND: np.ndarray, logvar_ND: np.ndarray) -> np.ndarray:
    """The KL of each image's posterior to the standard Gaussian or, for Laplace latents, standard Laplace prior."""
    if vae.variance != LAPLACE:
        return np.asarray(kl_nats(mean_ND, logvar_ND).sum(axis=1))
    scale_ND, distance_ND = np.exp(0.5 * (logvar_ND - math.log(2))), np.abs(mean_ND)
    size_ND = distance_ND + scale_ND * np.exp(-distance_ND / scale_ND)
    return np.asarray((size_ND - np.log(scale_ND) - 1).sum(axis=1))
