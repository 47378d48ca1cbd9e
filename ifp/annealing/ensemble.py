"""Ensemble: M VAEs with stacked parameters that train as one batch, each on its own traversal with its own noise.

All members of an ensemble have the same number of images and (padded) pixels. On a CPU with one thread a member's
numbers do not depend, to the last bit, on which others are in the batch. That takes more than independent members:

- the noise comes from the member's own generator;
- kernels round alike wherever a member lies in a tensor only if its slice is whole vectors, so pixels are padded to
  multiples of 32, and the fused Adam, whose tail rounds differently, gets only parameters of that kind;
- a product of a batch of one takes another code path than one of more, so a member alone is given a twin.

Shapes: M members, K steps, S noise draws an image, N images a step, P pixels, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.networks.fully_connected import Network, Parameters
from ifp.networks.losses import gaussian_kl_nats, objective_gradients, reconstruction_nats

VECTOR = 32
"""Elements that CPU kernels treat alike: two AVX-512 registers of float32."""
FROZEN_PARAMETERS = ("mean_P", "input_scale_P", "output_scale")
"""What a network carries beside its weights: statistics of the data, never trained."""


class Ensemble:
    """The mutable part of the engine: parameters, Adam's state, images.

    Parameters
    ----------
    network : shapes and formulas.
    members : each member's fresh parameters, from `network.initial`.
    images_MNP : uint8 (0..255) or float32, the traversals' images; they stay on the device as they are.
    weight_MP : pixel weights.
    likelihood, sigma : see `ifp.likelihood`.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Parameters],
        images_MNP: Tensor,
        weight_MP: Tensor,
        *,
        likelihood: str,
        sigma: float,
        learning_rate: float,
    ) -> None:
        self.network = network
        self.likelihood = likelihood
        self.sigma = sigma
        self.learning_rate = learning_rate
        alone = len(members) == 1 and network.twin_alone
        rows = torch.zeros(2, dtype=torch.int64) if alone else torch.arange(len(members))
        self.images_MNP = images_MNP[rows.to(images_MNP.device)]
        self.weight_MP = weight_MP[rows.to(images_MNP.device)]
        self._members = len(members)
        members = [members[row] for row in rows]
        device = images_MNP.device
        stacked = {name: torch.stack([m[name] for m in members]).to(device) for name in members[0]}
        self.parameters: Parameters = {
            name: value.requires_grad_(name not in FROZEN_PARAMETERS) for name, value in stacked.items()
        }
        self.optimizer = self._new_optimizer()

    def _trained(self) -> list[Tensor]:
        return [value for value in self.parameters.values() if value.requires_grad]

    def _new_optimizer(self) -> torch.optim.Adam:
        # element-wise, so M members in one optimizer are M separate Adams; fused is one pass over memory
        whole = [p for p in self._trained() if p[0].numel() % VECTOR == 0]
        rest = [p for p in self._trained() if p[0].numel() % VECTOR]
        groups = [{"params": whole, "fused": True}, {"params": rest, "foreach": True}]
        return torch.optim.Adam([g for g in groups if g["params"]], lr=self.learning_rate)

    def __len__(self) -> int:
        return self._members

    def _all_rows(self, value_M: Tensor) -> Tensor:
        """`value_M` for every row of the tensors: the twin of a member alone gets the same."""
        return (
            value_M
            if len(value_M) == len(self.images_MNP)
            else value_M.expand(len(self.images_MNP), *value_M.shape[1:])
        )

    def images(self, index_MN: Tensor | None = None) -> Tensor:
        """The images as float32 [M, N, P], all or those at `index_MN`."""
        chosen = self.images_MNP
        if index_MN is not None:
            index_MN = self._all_rows(index_MN)
            chosen = chosen.gather(1, index_MN[:, :, None].expand(-1, -1, chosen.shape[2]))
        return chosen.float().div_(255) if chosen.dtype == torch.uint8 else chosen

    def step(self, x_MNP: Tensor, noise_MSND: Tensor, beta_M: Tensor) -> None:
        """One Adam step on every member; nothing is returned, so the device is not waited for."""
        noise_MSND, beta_M = self._all_rows(noise_MSND), self._all_rows(beta_M)
        mean, logvar = self.network.encode(self.parameters, x_MNP)
        out = self._decode(mean, logvar, noise_MSND)
        with torch.no_grad():
            seeds = objective_gradients(out, mean, logvar, x_MNP, self.weight_MP, beta_M, self.likelihood, self.sigma)
        trained = self._trained()
        for parameter, gradient in zip(trained, torch.autograd.grad([out, mean, logvar], trained, seeds), strict=True):
            # the fused Adam walks memory, whatever the strides, and vmap's gradients can be permuted
            parameter.grad = gradient.contiguous()
        self.optimizer.step()

    def _decode(self, mean_MND: Tensor, logvar_MND: Tensor, noise_MSND: Tensor) -> Tensor:
        z_MSND = mean_MND[:, None] + (0.5 * logvar_MND).exp()[:, None] * noise_MSND
        out = self.network.decode(self.parameters, z_MSND.flatten(1, 2))
        return out.reshape(*noise_MSND.shape[:3], -1)

    @torch.no_grad()
    def evaluate(self, noise_MSND: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction [M] and KL per latent [M, D], means over all images of the traversal, nats."""
        x = self.images()
        mean, logvar = self.network.encode(self.parameters, x)
        kl_MD = gaussian_kl_nats(mean, logvar).mean(1)
        out = self._decode(mean, logvar, self._all_rows(noise_MSND))
        recon_M = reconstruction_nats(out, x, self.weight_MP, self.likelihood, self.sigma).mean((1, 2))
        return recon_M[: len(self)], kl_MD[: len(self)]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all members but those at `rows`, with their Adam states."""
        self._members = len(rows)
        alone = len(rows) == 1 and self.network.twin_alone
        rows_M = torch.tensor([rows[0]] * 2 if alone else list(rows), device=self.images_MNP.device)
        old = self.optimizer.state
        states = [dict(old[p]) for p in self._trained()]
        self.parameters = {
            name: value.detach()[rows_M].requires_grad_(value.requires_grad) for name, value in self.parameters.items()
        }
        self.images_MNP = self.images_MNP[rows_M]
        self.weight_MP = self.weight_MP[rows_M]
        self.optimizer = self._new_optimizer()
        for parameter, state in zip(self._trained(), states, strict=True):
            self.optimizer.state[parameter] = {
                name: value if name == "step" else value[rows_M] for name, value in state.items()
            }
