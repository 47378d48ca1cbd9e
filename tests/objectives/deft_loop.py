"""A plain training loop for DEFT, with what an objective asks of a trainer: rates by prefix, where 0 leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ifp.likelihood import Bernoulli
from ifp.networks.fully_connected import Network, Parameters, PixelStatistics
from ifp.networks.losses import reconstruction_nats
from ifp.objectives.base import Batch, Objective
from ifp.objectives.deft import Deft

STAGE, TOTAL = 60, 120
DATA = ("mean_P", "input_scale_P", "output_scale")


def two_stages(mode: str = "rate", gamma: float = 0.1, betas: tuple[float, float] = (8.0, 1.0)) -> Deft:
    return Deft(betas=betas, gamma=gamma, mode=mode, stage_steps=STAGE)


class Loop:
    """One member's training; `hook` may change the gradients of a step."""

    def __init__(self, network: Network, objective: Objective, x_NP: Tensor, learning_rate: float = 3e-3) -> None:
        self.network, self.objective, self.learning_rate = network, objective, learning_rate
        mean_P = x_NP.mean(0).clamp(0.02, 0.98)
        member = PixelStatistics(torch.ones(x_NP.shape[1]), mean_P, torch.logit(mean_P))
        fresh = network.initial(member, torch.Generator().manual_seed(0))
        self.parameters: Parameters = {
            name: value[None].clone().requires_grad_(name not in DATA) for name, value in fresh.items()
        }
        trained = {name: value for name, value in self.parameters.items() if name not in DATA}
        self.optimizer = torch.optim.Adam([{"params": [value], "name": name} for name, value in trained.items()])
        self.noise = torch.Generator().manual_seed(1)
        self.x_MNP = x_NP[None]

    def loss(self, step: int) -> Tensor:
        mean, logvar = self.network.encode(self.parameters, self.x_MNP)
        mean, logvar = self.objective.route(mean, logvar, step, TOTAL)
        z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=self.noise)
        out = self.network.decode(self.parameters, z)[:, None]
        ones = torch.ones_like(self.x_MNP[:, 0])
        recon = reconstruction_nats(out, self.x_MNP, ones, Bernoulli())[:, 0]
        batch = Batch(recon, mean, logvar, z, step, TOTAL, self.x_MNP.shape[1])
        return recon.mean() + self.objective.penalty(batch, {}).sum()

    def run(self, start: int, stop: int, hook: Callable[[Parameters], None] = lambda parameters: None) -> Loop:
        for step in range(start, stop):
            self.optimizer.zero_grad()
            self.loss(step).backward()
            hook(self.parameters)
            rates = self.objective.rates(step, TOTAL)
            for group in self.optimizer.param_groups:
                rate = math.prod(value for prefix, value in rates.items() if group["name"].startswith(prefix))
                group["lr"] = self.learning_rate * rate
                if rate == 0:
                    group["params"][0].grad = None
            self.optimizer.step()
        return self

    def copy(self, prefix: str = "") -> Parameters:
        return {name: value.detach().clone() for name, value in self.parameters.items() if name.startswith(prefix)}

    def kl_D(self, step: int) -> Tensor:
        mean, logvar = self.objective.route(*self.network.encode(self.parameters, self.x_MNP), step, TOTAL)
        return Batch(mean, mean, logvar, mean, step, TOTAL, 1).kl_MD[0].detach()


def moved(first: Parameters, second: Parameters) -> float:
    """The length of the way from one to the other."""
    return math.sqrt(sum(float((first[name] - second[name]).double().square().sum()) for name in first))
