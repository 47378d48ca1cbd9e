"""Trainer: M networks with stacked parameters that train as one batch on one data set, each on batches of its own.

It does what `ifp.annealing.ensemble` does for traversals, with any objective: its loss is differentiated as it stands.
On a CPU with one thread a network of fully connected layers gets the same bits alone (beside a twin of itself) and in a
batch, as long as each of its slices is whole vectors: batches of a multiple of 32 images. `can_batch` says so.

Nothing in a step waits for the device.

Shapes: M members, K steps of a block, B images, P pixels, D latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.annealing.ensemble import FROZEN_PARAMETERS, VECTOR
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import MlpNetwork, Network, Parameters, PixelStatistics
from ifp.objectives.base import ADVERSARY, AdversarialObjective, Batch, Objective, State, fresh_state
from ifp.seeds import derive_seed
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.state import MemberState, Moments

BLOCK = 100
"""Steps whose random numbers are drawn at once."""


def make_network(config: TrainConfig, objective: Objective, image_shape: tuple[int, int, int]) -> Network:
    """The network that the config names, divided as the objective wants it; raises IfpError where it cannot be."""
    plain: Network = MlpNetwork(config.hidden, config.latents)
    if config.architecture == "conv":
        plain = ConvNetwork(image_shape, config.latents)
    return objective.network(plain)


def can_batch(config: TrainConfig, network: Network, device: torch.device) -> bool:
    """Whether members may train as one batch: on a CPU, where that leaves every bit of theirs as it is alone."""
    return device.type != "cpu" or (network.twin_alone and config.batch % VECTOR == 0 and config.hidden % VECTOR == 0)


def generator(config: TrainConfig, seed: int, purpose: str, step: int = 0, device: str = "cpu") -> torch.Generator:
    """The stream of random numbers of one network for `purpose` in the block that begins at `step`."""
    return torch.Generator(device).manual_seed(derive_seed(config.seed, "train", seed, purpose, step))


def fresh_member(
    config: TrainConfig, objective: Objective, network: Network, statistics: PixelStatistics, seed: int
) -> MemberState:
    """Network number `seed` before its first step."""
    parameters = network.initial(statistics, generator(config, seed, "weights"))
    state = fresh_state(objective, config.latents, [generator(config, seed, "adversary")], "cpu")
    return MemberState(0, parameters, {}, {name: value.detach()[0] for name, value in state.items()}, {})


class Trainer:
    """Members in training, all after the same number of steps.

    Parameters
    ----------
    seeds : the members' numbers. states : where each of them is.
    images : on the device on which they train.

    Attributes
    ----------
    step : optimizer updates done.
    """

    def __init__(
        self,
        config: TrainConfig,
        objective: Objective,
        network: Network,
        images: TrainingImages,
        seeds: Sequence[int],
        states: Sequence[MemberState],
    ) -> None:
        assert len(seeds) == len(states)
        assert len({state.step for state in states}) == 1
        self.config, self.objective, self.network, self.images = config, objective, network, images
        self.seeds = tuple(seeds)
        self.step = states[0].step
        alone = len(states) == 1 and network.twin_alone and images.device.type == "cpu"
        self._states_of = [0, 0] if alone else list(range(len(states)))
        rows = [states[row] for row in self._states_of]
        self._stack(rows)

    def _stack(self, rows: list[MemberState]) -> None:
        device = self.images.device
        # convolutions on a CPU are faster with the channels last; a lone member's weights may lie so
        last = device.type == "cpu" and len(rows) == 1
        self.parameters: Parameters = {}
        for name in rows[0].parameters:
            stacked = torch.stack([state.parameters[name] for state in rows]).to(device)
            if last and stacked.ndim == 5:
                stacked = stacked[0].contiguous(memory_format=torch.channels_last)[None]
            self.parameters[name] = stacked.requires_grad_(name not in FROZEN_PARAMETERS)
        self.trained = {name: value for name, value in self.parameters.items() if value.requires_grad}
        self.state: State = {
            name: torch.stack([state.objective[name] for state in rows]).to(device) for name in rows[0].objective
        }
        self.optimizer = torch.optim.Adam(list(self.trained.values()), lr=self.config.learning_rate, foreach=True)
        self._rates: Mapping[str, float] | None = None
        self._rate_of = dict.fromkeys(self.trained, 1.0)
        self._restore(self.optimizer, self.trained, [state.moments for state in rows])
        self.adversary: torch.optim.Adam | None = None
        self._adversary_parameters: dict[str, Tensor] = {}
        if isinstance(self.objective, AdversarialObjective):
            leaves = self.objective.adversary_parameters(self.state)
            names = [name for name in self.state if name.startswith(ADVERSARY)]
            self._adversary_parameters = dict(zip(names, leaves, strict=True))
            kinds = [[p for p in leaves if _is_whole(p) == whole] for whole in (True, False)]
            groups = [_group(kind, self.objective.adversary_rate) for kind in kinds if kind]
            self.adversary = torch.optim.Adam(groups, betas=self.objective.adversary_betas)
            self._restore(self.adversary, self._adversary_parameters, [state.adversary for state in rows])
        self.finite_M = torch.ones(len(rows), dtype=torch.bool, device=device)

    def _restore(self, optimizer: torch.optim.Adam, named: Mapping[str, Tensor], rows: Sequence[Moments]) -> None:
        for name, parameter in named.items():
            if name in rows[0]:
                kept = {
                    key: torch.empty_like(parameter).copy_(torch.stack([row[name][key] for row in rows]))
                    for key in ("exp_avg", "exp_avg_sq")
                }
                step = rows[0][name]["step"].clone()
                optimizer.state[parameter] = {
                    "step": step.to(parameter.device) if _is_whole(parameter) else step,
                    **kept,
                }

    def state_of(self, row: int) -> MemberState:
        """Where the member at `row` is, as copies."""

        def moments(optimizer: torch.optim.Adam | None, named: Mapping[str, Tensor]) -> Moments:
            found = (
                {} if optimizer is None else {n: optimizer.state[p] for n, p in named.items() if p in optimizer.state}
            )
            return {
                name: {
                    "step": torch.as_tensor(kept["step"]).detach().clone(),
                    "exp_avg": kept["exp_avg"][row].clone(),
                    "exp_avg_sq": kept["exp_avg_sq"][row].clone(),
                }
                for name, kept in found.items()
            }

        return MemberState(
            self.step,
            {name: value.detach()[row].clone() for name, value in self.parameters.items()},
            moments(self.optimizer, self.trained),
            {name: value.detach()[row].clone() for name, value in self.state.items()},
            moments(self.adversary, self._adversary_parameters),
        )

    def run(self, steps: int) -> None:
        """Train `steps` more steps; blocks of random numbers begin here and every BLOCK steps on."""
        device, batch = self.images.device, self.config.batch
        players = 2 if self.adversary is not None else 1
        for start in range(0, steps, BLOCK):
            count = min(BLOCK, steps - start)
            index, noise = [], []
            for seed in self.seeds:
                chosen = generator(self.config, seed, "images", self.step)
                index.append(self.images.draw(chosen, count, players * batch))
                drawn = generator(self.config, seed, "noise", self.step, str(device))
                shape = (count, players * batch, self.config.latents)
                noise.append(torch.randn(shape, generator=drawn, device=device))
            index_KMB = torch.stack([index[row] for row in self._states_of], 1).to(device)
            noise_KMBD = torch.stack([noise[row] for row in self._states_of], 1)
            for k in range(count):
                self._step(index_KMB[k], noise_KMBD[k])

    def _step(self, index_MB: Tensor, noise_MBD: Tensor) -> None:
        """One update of every member; the second half of the batch is the second player's."""
        batch_size, total = self.config.batch, self.config.steps
        x_MBP = self.images.at(index_MB[:, :batch_size])
        mean, logvar = self._encode(x_MBP)
        z = mean + (0.5 * logvar).exp() * noise_MBD[:, :batch_size]
        recon_MB = reconstruction_nats_MB(self._decode(z), x_MBP, self.config.likelihood, self.config.sigma)
        batch = Batch(recon_MB, mean, logvar, z, self.step, total, len(self.images))
        loss_M = recon_MB.mean(1) + self.objective.penalty(batch, self.state)
        other_z = self._other_draws(index_MB[:, batch_size:], noise_MBD[:, batch_size:])
        self.finite_M &= loss_M.detach().isfinite()
        self._set_rates(self.objective.rates(self.step, total))
        gradients = torch.autograd.grad(loss_M.sum(), list(self.trained.values()), allow_unused=True)
        for (name, parameter), gradient in zip(self.trained.items(), gradients, strict=True):
            # without a gradient Adam passes a parameter over, its memory and its count of steps included
            parameter.grad = None if gradient is None or not self._rate_of[name] else _as_laid_out(gradient, parameter)
        self.optimizer.step()
        if self.adversary is not None:
            self._adversary_step(z.detach(), other_z)
        with torch.no_grad():
            self.objective.update(batch, self.state)
        self.step += 1

    def _other_draws(self, index_MB: Tensor, noise_MBD: Tensor) -> Tensor:
        if self.adversary is None:
            return noise_MBD
        with torch.no_grad():
            mean, logvar = self._encode(self.images.at(index_MB))
            return mean + (0.5 * logvar).exp() * noise_MBD

    def _adversary_step(self, z_MBD: Tensor, other_z_MBD: Tensor) -> None:
        assert isinstance(self.objective, AdversarialObjective)
        assert self.adversary is not None
        loss_M = self.objective.adversary_loss_M(z_MBD, other_z_MBD, self.state)
        leaves = list(self._adversary_parameters.values())
        for parameter, gradient in zip(leaves, torch.autograd.grad(loss_M.sum(), leaves), strict=True):
            parameter.grad = _as_laid_out(gradient, parameter)
        self.adversary.step()

    def _encode(self, x_MBP: Tensor) -> tuple[Tensor, Tensor]:
        with self._precision():
            mean, logvar = self.network.encode(self.parameters, x_MBP)
        return self.objective.route(mean.float(), logvar.float(), self.step, self.config.steps)

    def _decode(self, z_MBD: Tensor) -> Tensor:
        with self._precision():
            out = self.network.decode(self.parameters, z_MBD)
        return out.float()

    def _precision(self) -> torch.autocast:
        low = self.config.precision == "bfloat16"
        return torch.autocast(self.images.device.type, dtype=torch.bfloat16, enabled=low)

    def _set_rates(self, rates: Mapping[str, float]) -> None:
        """Sort the parameters into groups of one learning rate; what Adam remembers lies elsewhere and stays."""
        if rates == self._rates:
            return
        self._rates = dict(rates)
        self._rate_of = {name: _rate(name, rates) for name in self.trained}
        groups: dict[tuple[float, bool], list[Tensor]] = {}
        for name, parameter in self.trained.items():
            groups.setdefault((self._rate_of[name], _is_whole(parameter)), []).append(parameter)
        self.optimizer.param_groups.clear()
        for (rate, _), parameters in groups.items():
            self.optimizer.add_param_group(_group(parameters, self.config.learning_rate * rate))

    @torch.no_grad()
    def evaluate(self, x_NP: Tensor, noise_MND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction [M], mean and log-variance [M, N, D] of images in [0, 1], as the last step saw them."""
        rows = len(self._states_of)
        x_MNP = x_NP[None].expand(rows, -1, -1).contiguous()
        noise_MND = noise_MND[self._states_of]
        with self._precision():
            mean, logvar = self.network.encode(self.parameters, x_MNP)
        last = max(self.step - 1, 0)
        mean, logvar = self.objective.route(mean.float(), logvar.float(), last, self.config.steps)
        out = self._decode(mean + (0.5 * logvar).exp() * noise_MND)
        recon_MN = reconstruction_nats_MB(out, x_MNP, self.config.likelihood, self.config.sigma)
        members = len(self.seeds)
        return recon_MN[:members], mean[:members], logvar[:members]

    def pressure_M(self) -> list[float]:
        """The weight of the KL in the last step, one a member; NaN where there is none."""
        beta = self.objective.pressure_M(max(self.step - 1, 0), self.config.steps, self.state)
        rows = torch.as_tensor(beta, dtype=torch.float64).expand(len(self._states_of))
        return [float(value) for value in rows[: len(self.seeds)].cpu()]


def reconstruction_nats_MB(out_MBP: Tensor, x_MBP: Tensor, likelihood: str, sigma: float) -> Tensor:
    """Reconstruction cost of each image, summed over pixels [M, B]; see `ifp.likelihood`."""
    if likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(out_MBP, x_MBP, reduction="none").sum(-1)
    return (out_MBP - x_MBP).square().sum(-1) / (2 * sigma**2)


def _rate(name: str, rates: Mapping[str, float]) -> float:
    """The factor of the longest beginning of `name` that has one, else 1.

    >>> _rate("encoder.1.weight", {"encoder.": 0.5, "encoder.1.": 0.1}), _rate("decoder.0.bias", {"encoder.": 0.5})
    (0.1, 1.0)
    """
    fitting = [prefix for prefix in rates if name.startswith(prefix)]
    return rates[max(fitting, key=len)] if fitting else 1.0


def _is_whole(parameter: Tensor) -> bool:
    return parameter[0].numel() % VECTOR == 0


def _group(parameters: list[Tensor], learning_rate: float) -> dict[str, Any]:
    """A group of Adam's: the fused one is one pass over memory, but its tail rounds differently."""
    whole = _is_whole(parameters[0])
    return {"params": parameters, "lr": learning_rate, "fused": whole or None, "foreach": None if whole else True}


def _as_laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient with the parameter's strides: the fused Adam walks memory, whatever they are."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
