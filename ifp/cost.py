"""What a run will cost, measured: the best chunk size, member-steps a second, minutes and memory."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.annealing import start_chunk, train_block
from ifp.config import AnnealConfig
from ifp.members import Member, MemberData, chunk_members, padded_width
from ifp.workers import single_threaded_kernels

MEASURED_STEPS = 20
CPU_CHUNKS = (1, 4, 16, 32)
GPU_CHUNKS = (64, 256, 1024)
ACTIVATION_COPIES = 6
"""Copies of the decoder's output alive in a step: logits, gradient, temporaries, autograd's own."""


@dataclass(frozen=True)
class Estimate:
    """The cost of a run's training, from 20 measured steps of each group of equally shaped members.

    Attributes
    ----------
    members, steps : members and optimizer steps in all, at most (members stop early).
    seconds : at most, on all threads.
    bytes_needed : memory of the largest chunks at work at once.
    chunk : members a batch.
    """

    members: int
    steps: int
    seconds: float
    bytes_needed: int
    chunk: int


def seconds_per_member_step(
    members: Sequence[Member], data: Sequence[MemberData], config: AnnealConfig, device: str
) -> float:
    """Measured over 20 steps of these members as one chunk, after 3 to warm up."""
    with single_threaded_kernels():
        chunk = start_chunk(members, data, config, device)
        beta_KM = np.tile([m.beta_closed_form for m in members], (MEASURED_STEPS, 1))
        train_block(chunk, beta_KM[:3])
        _wait(device)
        started = time.perf_counter()
        train_block(chunk, beta_KM)
        _wait(device)
        return (time.perf_counter() - started) / (MEASURED_STEPS * len(members))


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def chunk_bytes(data: MemberData, config: AnnealConfig, chunk: int) -> int:
    """Memory of one chunk: parameters with gradients and Adam's moments, images, and the decoder's activations."""
    images, pixels = data.values_NP.shape
    width = pixels if config.architecture == "conv" else padded_width(pixels)
    rows = max(config.batch, images)
    if config.architecture == "conv":
        # 382,912 weights with one latent, and some 90,000 numbers an image through both networks
        parameters, activations = 766_000, rows * 180_000
    else:
        parameters = 2 * width * config.hidden + 2 * config.hidden**2
        activations = rows * (ACTIVATION_COPIES * width + 8 * config.hidden)
    return 4 * chunk * (4 * parameters + activations + images * width)


def available_bytes(device: str) -> int:
    """Free memory of the device."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def choose_chunk(
    members: Sequence[Member],
    data: Sequence[MemberData],
    config: AnnealConfig,
    device: str,
    threads: int,
    say: Callable[[str], None],
) -> int:
    """Members a batch: what measures fastest on the largest group, within half of the free memory.

    Convolutions on a CPU always run one member at a time: it measures fastest there (benchmarks/RESULTS.md), and
    rounding in grouped convolutions would make the numbers depend on the measurement.
    """
    if config.architecture == "conv" and device == "cpu":
        return 1
    largest = max(chunk_members(data, config, len(data)), key=lambda g: len(g) * data[g[0]].values_NP.size)
    one = data[largest[0]]
    fits = max(1, int(0.5 * available_bytes(device) / (threads * chunk_bytes(one, config, 1))))
    sizes = [s for s in (CPU_CHUNKS if device == "cpu" else GPU_CHUNKS) if s <= min(fits, len(largest))]
    sizes = sizes or [min(fits, len(largest))]
    if device == "cpu":
        # no chunk so large that some threads find nothing to do
        sizes = [s for s in sizes if s <= max(1, math.ceil(len(members) / threads))]
    rates = {}
    for size in sizes:
        rows = largest[:size]
        rates[size] = seconds_per_member_step([members[i] for i in rows], [data[i] for i in rows], config, device)
    best = min(rates, key=lambda size: rates[size])
    table = ", ".join(f"{size}: {1 / rate:,.0f}" for size, rate in rates.items())
    say(f"Member-steps a second by members a batch, one thread: {table}; taking {best}.")
    return best


def estimate(
    members: Sequence[Member],
    data: Sequence[MemberData],
    config: AnnealConfig,
    device: str,
    threads: int,
    chunk: int,
) -> Estimate:
    """Time every group of equally shaped members for 20 steps and add up."""
    steps = config.steps + config.hold_steps
    seconds = 0.0
    bytes_needed = 0
    for group in chunk_members(data, config, len(data)):
        rows = group[:chunk]
        rate = seconds_per_member_step([members[i] for i in rows], [data[i] for i in rows], config, device)
        seconds += rate * len(group) * steps
        bytes_needed = max(bytes_needed, chunk_bytes(data[rows[0]], config, len(rows)))
    at_once = min(threads, len(members)) if device == "cpu" else 1
    return Estimate(len(members), len(members) * steps, seconds / at_once, at_once * bytes_needed, chunk)
