"""Ensemble: M VAEs that train as one batch, each on its own traversal with its own noise.

All members of an ensemble have the same number of images and (padded) pixels. Parameters and Adam are those of
`ifp.networks.stacked`, which says why a member's numbers do not depend on which others are in the batch; for that the
noise comes from the member's own generator, and pixels are padded to whole vectors (`ifp.annealing.members`).

Shapes: M members, R rows (a member alone on a CPU has a twin), K steps, S noise draws per image, N images per step, P
pixels, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.likelihood import Likelihood
from ifp.networks.fully_connected import Network, Parameters
from ifp.networks.losses import gaussian_kl_nats, objective_gradients, reconstruction_nats
from ifp.networks.stacked import StackedVaes


class Ensemble:
    """The mutable part of annealing: networks in training, and their images.

    Parameters
    ----------
    network : shapes and formulas.
    members : each member's fresh parameters, from `network.initial`.
    images_MNP : uint8 (0..255) or float32, the traversals' images; they stay on the device as they are.
    weight_MP : pixel weights.
    likelihood : of the images. precision : of the products; see `StackedVaes`.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Parameters],
        images_MNP: Tensor,
        weight_MP: Tensor,
        *,
        likelihood: Likelihood,
        learning_rate: float,
        precision: str = "float32",
    ) -> None:
        self.likelihood = likelihood
        self.vaes = StackedVaes(
            network,
            members,
            device=images_MNP.device,
            learning_rate=learning_rate,
            precision=precision,
            channels_last=True,
        )
        self.images_RNP = self.vaes.for_rows(images_MNP).contiguous()
        self.weight_RP = self.vaes.for_rows(weight_MP).contiguous()

    def __len__(self) -> int:
        return len(self.vaes)

    @property
    def parameters(self) -> Parameters:
        """All of the networks' parameters, [R, ...] each."""
        return self.vaes.parameters

    def images(self, index_MN: Tensor | None = None) -> Tensor:
        """The images as float32 [R, N, P], all or those at `index_MN`."""
        chosen = self.images_RNP
        if index_MN is not None:
            index_RN = self.vaes.for_rows(index_MN)
            chosen = chosen.gather(1, index_RN[:, :, None].expand(-1, -1, chosen.shape[2]))
        return as_float(chosen)

    def train(self, noise_KMSND: Tensor, beta_KM: Tensor, index_KMN: Tensor | None = None) -> None:
        """K steps, on all images or on those at `index_KMN`."""
        if index_KMN is None:
            x_RNP = self.images()
            for k in range(len(beta_KM)):
                self.step(x_RNP, noise_KMSND[k], beta_KM[k])
        else:
            for k in range(len(beta_KM)):
                self.step(self.images(index_KMN[k]), noise_KMSND[k], beta_KM[k])

    def step(self, x_RNP: Tensor, noise_MSND: Tensor, beta_M: Tensor) -> None:
        """One Adam step on every member; nothing is returned, so the device is not waited for."""
        with self.vaes.kernels("step", noise_MSND.shape, x_RNP.shape):
            self._step(x_RNP, noise_MSND, beta_M)

    def _step(self, x_RNP: Tensor, noise_MSND: Tensor, beta_M: Tensor) -> None:
        noise_RSND, beta_R = self.vaes.for_rows(noise_MSND), self.vaes.for_rows(beta_M)
        mean, logvar = self.vaes.encode(x_RNP)
        out = self._decode(mean, logvar, noise_RSND)
        with torch.no_grad():
            seeds = objective_gradients(out, mean, logvar, x_RNP, self.weight_RP, beta_R, self.likelihood)
        self.vaes.adam.descend([out, mean, logvar], seeds)

    def _decode(self, mean_RND: Tensor, logvar_RND: Tensor, noise_RSND: Tensor) -> Tensor:
        z_RSND = mean_RND[:, None] + (0.5 * logvar_RND).exp()[:, None] * noise_RSND
        return self.vaes.decode(z_RSND.flatten(1, 2)).reshape(*noise_RSND.shape[:3], -1)

    @torch.no_grad()
    def evaluate(self, noise_MSND: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction [M] and KL per latent [M, D], means over all images of the traversal, nats."""
        x = self.images()
        with self.vaes.kernels("evaluate", noise_MSND.shape, x.shape):
            return self._evaluate(x, noise_MSND)

    def _evaluate(self, x: Tensor, noise_MSND: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.vaes.encode(x)
        kl_RD = gaussian_kl_nats(mean, logvar).mean(1)
        out = self._decode(mean, logvar, self.vaes.for_rows(noise_MSND))
        recon_R = reconstruction_nats(out, x, self.weight_RP, self.likelihood).mean((1, 2))
        return recon_R[: len(self)], kl_RD[: len(self)]

    def keep(self, members: Sequence[int]) -> None:
        """Drop all members but these, with what Adam remembers of them."""
        rows = torch.tensor(self.vaes.keep(members)).to(self.images_RNP.device)
        self.images_RNP = self.images_RNP[rows]
        self.weight_RP = self.weight_RP[rows]


def as_float(images: Tensor) -> Tensor:
    """Images as float32: uint8 over 255, others as they are."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images
