"""The annealing test by training: each member's beta moves along its law while its KL is recorded.

A cooling member is held at its highest beta until a fresh network's KL has died away, then beta falls. A heating
member trains at its lowest beta, then beta rises. A member stops when its question is answered: its KL has crossed
the threshold and stayed across.

Shapes: M members, K steps of a block (the steps between two records), S noise draws, N images, D latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ifp.annealing.config import AnnealConfig
from ifp.annealing.counter_noise import CounterNoise, member_noise
from ifp.annealing.ensemble import Ensemble
from ifp.annealing.member_noise import MemberNoise
from ifp.annealing.members import (
    Member,
    MemberData,
    fresh_parameters,
    make_network,
    member_data,
    network_width,
    stack_data,
)
from ifp.annealing.mlp_ensemble import MlpEnsemble, make_ensemble
from ifp.schedule import get_law
from ifp.system.graphs import Recordings, recorder
from ifp.system.progress import Say, unsaid
from ifp.system.threads import Stopped
from ifp.trace import DIVERGED, OK, AnnealTrace

# Ranges of the automatic laws, in units of the edges. Cooling starts where the collapsed state is the only
# equilibrium; both run on until far past where training has been seen to cross (docs/annealing.md).
COOL_FROM_UPPER, COOL_TO_CLOSED_FORM = 1.2, 0.15
HEAT_FROM_CLOSED_FORM, HEAT_TO_UPPER = 0.4, 3.0
LEAST_RANGE = 10.0
CONFIRMING_RECORDS = 10
"""Records in a row across the threshold that answer a member's question."""
DIED_AWAY = 0.5
"""A fresh network's KL has died away below this share of the threshold."""
LEAST_ACTIVE = 0.75
"""On a device, members that are answered leave the batch when fewer than this share are active: each change of the
batch is a new recording of its steps. On a CPU they leave at once."""


def beta_range(member: Member, config: AnnealConfig) -> tuple[float, float]:
    """First and last beta of a member's law: the user's where given, else from the member's own edges.

    An automatic end keeps at least a factor `LEAST_RANGE` from an end that the user gave.
    """
    if member.direction == "cool":
        high, low = COOL_FROM_UPPER * member.beta_upper, COOL_TO_CLOSED_FORM * member.beta_closed_form
    else:
        high, low = HEAT_TO_UPPER * member.beta_upper, HEAT_FROM_CLOSED_FORM * member.beta_closed_form
    if config.beta_max is not None:
        high, low = config.beta_max, min(low, config.beta_max / LEAST_RANGE)
    if config.beta_min is not None:
        low, high = config.beta_min, config.beta_max or max(high, config.beta_min * LEAST_RANGE)
    return (high, low) if member.direction == "cool" else (low, high)


@dataclass
class Chunk:
    """Members in training: their networks and their random streams; `block` is launched as one graph on a GPU."""

    ensemble: Ensemble | MlpEnsemble
    noise: MemberNoise | CounterNoise
    say: Say = unsaid

    def __post_init__(self) -> None:
        self.recordings = Recordings(recorder(self.device), self.say)

    @property
    def device(self) -> torch.device:
        """Where the members are."""
        return self.ensemble.images_RNP.device

    def keep(self, rows: list[int]) -> None:
        """Drop all members but those at `rows`."""
        self.recordings.forget()
        self.ensemble.keep(rows)
        self.noise.keep(rows)

    def inputs(self, beta_KM: np.ndarray) -> list[Tensor]:
        """What K steps need: betas [K, M], noise [K, M, S, N, D], and the images chosen [K, M, N] if not all."""
        noise, steps = self.noise, len(beta_KM)
        beta = torch.from_numpy(beta_KM.astype(np.float32)).to(self.device)
        chosen = [noise.choose(steps)] if noise.images > noise.images_a_step else []
        return [beta, noise.block(steps), *chosen]

    def train(self, beta_KM: Tensor, noise_KMSND: Tensor, *index_KMN: Tensor) -> None:
        """K steps; see `inputs`."""
        self.ensemble.train(noise_KMSND, beta_KM, *index_KMN)

    def block(self, evaluation_MSND: Tensor, *inputs: Tensor) -> Tensor:
        """K steps, then the record [M, 1 + D], on the device: reconstruction and KL of each latent."""
        return self.recordings.run(self._train_and_evaluate, evaluation_MSND, *inputs)

    def _train_and_evaluate(self, evaluation_MSND: Tensor, *inputs: Tensor) -> Tensor:
        self.train(*inputs)
        recon_M, kl_MD = self.ensemble.evaluate(evaluation_MSND)
        return torch.cat([recon_M[:, None], kl_MD], 1)


@dataclass
class _Clock:
    """Where one member is on its way; lives on the host and is looked at once a block."""

    holds_left: int
    done: int = 0
    across: int = 0
    answered: bool = False
    status: str = OK
    records: list[tuple[float, float, np.ndarray]] = field(default_factory=list)


def anneal_chunk(
    members: Sequence[Member],
    config: AnnealConfig,
    *,
    data: Sequence[MemberData] | None = None,
    device: str | torch.device = "cpu",
    on_block: Callable[[int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    say: Say = unsaid,
) -> AnnealTrace:
    """Train `members` (all with the same number of images) as one batch and return their curves.

    Parameters
    ----------
    data : their reduced images, if the caller has them already.
    on_block : called once a block with the member-steps done in it.
    stop : asked once a block; True raises `Stopped`. say : is told what the device cannot do.

    Notes
    -----
    The result of a member does not depend on the others: to the last bit with one CPU thread and a network without
    convolutions, to rounding elsewhere.
    """
    data = data or [member_data(m.images, config) for m in members]
    chunk = start_chunk(members, data, config, device, say)
    law = get_law(config.law)
    first_M, last_M = np.array([beta_range(m, config) for m in members]).T
    block = math.ceil(config.steps / config.records)
    clocks = [_Clock(math.ceil(config.hold_steps / block)) for _ in members]
    held = list(range(len(members)))
    least = _least_active(chunk.device)

    while True:
        if stop():
            raise Stopped
        steps_KM = _anneal_steps([clocks[m] for m in held], block, config)
        beta_KM = law(steps_KM / config.steps, first_M[held], last_M[held])
        record_MV = record_block(chunk, beta_KM)
        active = [row for row, m in enumerate(held) if not clocks[m].answered]
        for row in active:
            m, recon, kl_D = held[row], float(record_MV[row, 0]), record_MV[row, 1:].copy()
            _look(clocks[m], members[m].direction, beta_KM[-1, row], recon, kl_D, block, config, data[m].constant_nats)
        if on_block:
            on_block(block * len(active))
        rows = [row for row in active if not clocks[held[row]].answered]
        if not rows:
            break
        if len(rows) < least * len(held):
            held = [held[row] for row in rows]
            chunk.keep(rows)
    return _trace(members, clocks, config)


def _least_active(device: torch.device) -> float:
    return 1.0 if device.type == "cpu" else LEAST_ACTIVE


def _anneal_steps(clocks: Sequence[_Clock], block: int, config: AnnealConfig) -> np.ndarray:
    """How far along its law each member is in the steps of the next block [K, M]."""
    first_M = np.array([0 if clock.holds_left else min(clock.done, config.steps) for clock in clocks])
    # a member that is answered may train on for a while, at its last beta
    moves_M = np.array([not clock.holds_left and not clock.answered for clock in clocks])
    return first_M + moves_M * np.arange(block)[:, None]


def start_chunk(
    members: Sequence[Member],
    data: Sequence[MemberData],
    config: AnnealConfig,
    device: str | torch.device,
    say: Say = unsaid,
) -> Chunk:
    """Fresh members with their images on the device and their random streams at the start."""
    network = make_network(config, members[0].images.shape[1:])
    pixels = max(d.values_NP.shape[1] for d in data)
    width = network_width(pixels, config)
    fresh = [fresh_parameters(m, d, network, config, width) for m, d in zip(members, data, strict=True)]
    images_MNP, weight_MP = stack_data(data, width, device)
    ensemble = make_ensemble(
        network, fresh, images_MNP, weight_MP,
        likelihood=config.pixel_likelihood, learning_rate=config.learning_rate, precision=config.precision,
    )  # fmt: skip
    return Chunk(ensemble, member_noise(members, config, images_MNP.shape[1], device), say)


def train_block(chunk: Chunk, beta_KM: np.ndarray) -> None:
    """Train K steps at these betas; nothing comes back to the host."""
    chunk.train(*chunk.inputs(beta_KM))


def record_block(chunk: Chunk, beta_KM: np.ndarray) -> np.ndarray:
    """Train K steps and record: reconstruction and KL of each latent [M, 1 + D], the one copy from the device."""
    inputs = chunk.inputs(beta_KM)
    return chunk.block(chunk.noise.evaluation(), *inputs).cpu().numpy()


def _look(
    clock: _Clock, direction: str, beta: float, recon: float, kl_D: np.ndarray, block: int, config: AnnealConfig,
    constant_nats: float,
) -> None:  # fmt: skip
    """Read one member's record: move its clock on, and decide whether it is answered."""
    kl = float(kl_D.sum())
    if not (math.isfinite(kl) and math.isfinite(recon)):
        clock.status, clock.answered = DIVERGED, True
        return
    if clock.holds_left:
        clock.holds_left -= 1
        if direction == "cool" and kl < DIED_AWAY * config.threshold_nats:
            clock.holds_left = 0
        return
    clock.done += block
    clock.records.append((beta, recon + constant_nats, kl_D))
    across = kl > config.threshold_nats if direction == "cool" else kl < config.threshold_nats
    clock.across = clock.across + 1 if across else 0
    clock.answered = (
        clock.done >= config.steps
        or clock.across >= CONFIRMING_RECORDS
        or recon + constant_nats < config.stop_recon_nats
    )


def _trace(members: Sequence[Member], clocks: Sequence[_Clock], config: AnnealConfig) -> AnnealTrace:
    records = max((len(c.records) for c in clocks), default=0)
    beta_MT = np.full((len(members), records), np.nan)
    recon_MT = np.full((len(members), records), np.nan)
    kl_MTD = np.full((len(members), records, config.latents), np.nan)
    for m, clock in enumerate(clocks):
        for t, (beta, recon, kl_D) in enumerate(clock.records):
            beta_MT[m, t], recon_MT[m, t], kl_MTD[m, t] = beta, recon, kl_D
    return AnnealTrace(
        factor_M=np.array([m.factor for m in members]),
        context_MF=np.array([m.context for m in members]),
        seed_M=np.array([m.seed for m in members]),
        method_M=np.array(["train"] * len(members)),
        direction_M=np.array([m.direction for m in members]),
        status_M=np.array([c.status for c in clocks]),
        n_images_M=np.array([len(m.images) for m in members]),
        beta_closed_form_M=np.array([m.beta_closed_form for m in members]),
        beta_upper_M=np.array([m.beta_upper for m in members]),
        beta_MT=beta_MT,
        recon_nats_MT=recon_MT,
        kl_nats_MTD=kl_MTD,
    )
