"""Trainer: M networks with stacked parameters that train as one batch on one data set, each on batches of its own.

It does what `ifp.annealing.ensemble` does for traversals, on the same engine (`ifp.networks.stacked`), with any
objective: its loss is differentiated as it stands. On a CPU with one thread a network of fully connected layers gets
the same bits alone and in a batch, as long as each of its slices is whole vectors: batches of a multiple of 32 images.
`can_batch` says so.

Nothing in a step waits for the device.

Shapes: M members, R rows (a member alone on a CPU may have a twin), K steps of a block, B images, P pixels, D latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ifp.networks.adam import Moments, StackedAdam
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import VECTOR, MlpNetwork, Network, PixelStatistics
from ifp.networks.products import layers_round_alike_alone
from ifp.networks.stacked import StackedVaes
from ifp.objectives.base import ADVERSARY, Batch, Objective, State, fresh_state
from ifp.seeds import derive_seed
from ifp.system.counter_random import OWN_GENERATORS, CounterStreams
from ifp.system.graphs import Recordings, recorder
from ifp.system.progress import Say, unsaid
from ifp.training.config import TrainConfig
from ifp.training.images import TrainingImages
from ifp.training.state import MemberState

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


def _alike_alone(state: MemberState, config: TrainConfig, device: torch.device) -> bool:
    """Whether the products of a training step round alike in a batch of one member and in one of more."""
    if device.type != "cpu":
        return True
    weights = {**state.parameters, **state.objective}
    sides = {(len(v), v.shape[1]) for name, v in weights.items() if name.endswith("weight") and v.ndim == 2}
    # products of codes with each other, as in covariances
    sides.add((config.latents, config.latents))
    return layers_round_alike_alone(sides, config.batch)


def generator(config: TrainConfig, seed: int, purpose: str, step: int = 0, device: str = "cpu") -> torch.Generator:
    """The stream of random numbers of one network for `purpose` in the block that begins at `step`."""
    return torch.Generator(device).manual_seed(derive_seed(config.seed, "train", seed, purpose, step))


def step_noise(
    config: TrainConfig, seeds: Sequence[int], first: int, steps: int, batch: int, device: torch.device
) -> Tensor:
    """The noise of the block of steps that begins at `first` [K, M, B, D]; on a GPU drawn for all members at once."""
    if device.type in OWN_GENERATORS:
        shape = (steps, batch, config.latents)
        drawn = [generator(config, seed, "noise", first, str(device)) for seed in seeds]
        return torch.stack([torch.randn(shape, generator=one, device=device) for one in drawn], 1)
    streams = CounterStreams([derive_seed(config.seed, "train", seed, "counter") for seed in seeds], device)
    return streams.normal(0, first, steps, batch * config.latents).reshape(steps, -1, batch, config.latents)


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
    images : on the device on which they train. say : is told what the device cannot do.

    Attributes
    ----------
    step : optimizer updates done.
    vaes : the networks and their Adam.
    """

    def __init__(
        self,
        config: TrainConfig,
        objective: Objective,
        network: Network,
        images: TrainingImages,
        seeds: Sequence[int],
        states: Sequence[MemberState],
        *,
        say: Say = unsaid,
    ) -> None:
        assert len(seeds) == len(states)
        assert len({state.step for state in states}) == 1
        self.config, self.objective, self.network, self.images = config, objective, network, images
        self.likelihood, self.player = config.pixel_likelihood, objective.second_player
        self.seeds = tuple(seeds)
        self.step = states[0].step
        self.vaes = StackedVaes(
            network,
            [state.parameters for state in states],
            device=images.device,
            learning_rate=config.learning_rate,
            precision=config.precision,
            moments=[state.moments for state in states],
            channels_last=True,
            alike_alone=network.twin_alone and _alike_alone(states[0], config, images.device),
        )
        rows = [states[member] for member in self.vaes.row_members]
        self.state: State = {
            name: torch.stack([state.objective[name] for state in rows]).to(images.device) for name in rows[0].objective
        }
        self.adversary = self._second_player([state.adversary for state in rows])
        self.finite_R = torch.ones(len(rows), dtype=torch.bool).to(images.device)
        self._recordings = Recordings(recorder(images.device), say)

    def _second_player(self, moments: Sequence[Moments]) -> StackedAdam | None:
        """The Adam of an adversarial objective's own networks, whose parameters are part of its state."""
        player = self.player
        if player is None:
            return None
        leaves = player.adversary_parameters(self.state)
        names = [name for name in self.state if name.startswith(ADVERSARY)]
        named = dict(zip(names, leaves, strict=True))
        return StackedAdam(named, player.adversary_rate, player.adversary_betas, moments)

    def state_of(self, member: int) -> MemberState:
        """Where a member is, as copies."""
        return MemberState(
            self.step,
            self.vaes.parameters_of(member),
            self.vaes.adam.moments_of(member),
            {name: value.detach()[member].clone() for name, value in self.state.items()},
            self.adversary.moments_of(member) if self.adversary is not None else {},
        )

    def run(self, steps: int) -> None:
        """Train `steps` more steps; blocks of random numbers begin here and every BLOCK steps on."""
        device, batch = self.images.device, self.config.batch
        players = 2 if self.adversary is not None else 1
        for start in range(0, steps, BLOCK):
            count = min(BLOCK, steps - start)
            index = []
            for seed in self.seeds:
                chosen = generator(self.config, seed, "images", self.step)
                index.append(self.images.draw(chosen, count, players * batch))
            rows = self.vaes.row_members
            index_KRB = torch.stack([index[member] for member in rows], 1).to(device)
            noise_KMBD = step_noise(self.config, self.seeds, self.step, count, players * batch, device)
            noise_KRBD = noise_KMBD if len(rows) == len(index) else noise_KMBD[:, rows]
            for k in range(count):
                self._step(index_KRB[k], noise_KRBD[k])

    def _step(self, index_RB: Tensor, noise_RBD: Tensor) -> None:
        """One update of every member; on a GPU a replay, where an equal step was recorded."""
        rates = self.objective.rates(self.step, self.config.steps)
        self.vaes.adam.set_rates(rates)
        constants = self.objective.step_constants(self.step, self.config.steps)
        with self.vaes.kernels(type(self.objective), index_RB.shape):
            if constants is None:
                self._update(index_RB, noise_RBD)
            else:
                self._recordings.run(self._update, index_RB, noise_RBD, key=(constants, *rates.items()))
        self.step += 1

    def _update(self, index_RB: Tensor, noise_RBD: Tensor) -> Tensor:
        """One update; the second half of the batch is the second player's. Gives which members are still finite."""
        batch_size, total = self.config.batch, self.config.steps
        x_RBP = self.images.at(index_RB[:, :batch_size])
        mean, logvar = self._encode(x_RBP)
        z = mean + (0.5 * logvar).exp() * noise_RBD[:, :batch_size]
        out = self.vaes.decode(z)
        recon_RB = self.likelihood.summed_cost(out, x_RBP)
        batch = Batch(
            recon_RB, mean, logvar, z, self.step, total, len(self.images),
            out_MBP=out, decoder=self, generators=self._generators,
        )  # fmt: skip
        recon_R, penalty_R = recon_RB.mean(1), self.objective.penalty(batch, self.state)
        split_R = self.objective.split_penalty(batch, self.state)
        loss_R = recon_R + penalty_R
        other_z = self._other_draws(index_RB[:, batch_size:], noise_RBD[:, batch_size:])
        self.finite_R &= loss_R.detach().isfinite()
        adam = self.vaes.adam
        if split_R is None:
            adam.descend([loss_R.sum()])
        else:
            self.finite_R &= split_R.detach().isfinite()
            parts = [adam.gradients([part_R.sum()], again=True) for part_R in (recon_R, penalty_R, split_R)]
            adam.follow(self.objective.join_gradients(*parts))
        if self.player is not None and self.adversary is not None:
            self.adversary.descend([self.player.adversary_loss_M(z.detach(), other_z, self.state).sum()])
        with torch.no_grad():
            self.objective.update(batch, self.state)
        return self.finite_R

    def decode(self, z_RBD: Tensor) -> Tensor:
        """See `ifp.objectives.base.Decoder`."""
        return self.vaes.decode(z_RBD)

    def fitted(self, out_RBP: Tensor) -> Tensor:
        """See `ifp.objectives.base.Decoder`."""
        return self.likelihood.fitted(out_RBP)

    def latent_norms(self) -> Tensor:
        """See `ifp.objectives.base.Decoder`."""
        return self.vaes.latent_norms()

    def _generators(self) -> list[torch.Generator]:
        """One per row of the tensors, for what an objective draws in this step."""
        return [generator(self.config, self.seeds[member], "objective", self.step) for member in self.vaes.row_members]

    def _other_draws(self, index_RB: Tensor, noise_RBD: Tensor) -> Tensor:
        if self.adversary is None:
            return noise_RBD
        with torch.no_grad():
            mean, logvar = self._encode(self.images.at(index_RB))
            return mean + (0.5 * logvar).exp() * noise_RBD

    def _encode(self, x_RBP: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.vaes.encode(x_RBP)
        return self.objective.route(mean, logvar, self.step, self.config.steps)

    @torch.no_grad()
    def evaluate(self, x_NP: Tensor, noise_MND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction [M], mean and log-variance [M, N, D] of images in [0, 1], as the last step saw them."""
        x_RNP = x_NP[None].expand(len(self.vaes.row_members), -1, -1).contiguous()
        noise_RND = noise_MND[self.vaes.row_members]
        with self.vaes.kernels("evaluate", x_RNP.shape):
            mean, logvar = self.vaes.encode(x_RNP)
            mean, logvar = self.objective.route(mean, logvar, max(self.step - 1, 0), self.config.steps)
            out = self.vaes.decode(mean + (0.5 * logvar).exp() * noise_RND)
        recon_RN = self.likelihood.summed_cost(out, x_RNP)
        members = len(self.seeds)
        return recon_RN[:members], mean[:members], logvar[:members]

    def pressure_M(self) -> list[float]:
        """The weight of the KL in the last step, one per member; NaN where there is none."""
        beta = self.objective.pressure_M(max(self.step - 1, 0), self.config.steps, self.state)
        rows = torch.as_tensor(beta, dtype=torch.float64).expand(len(self.vaes.row_members))
        return [float(value) for value in rows[: len(self.seeds)].cpu()]
