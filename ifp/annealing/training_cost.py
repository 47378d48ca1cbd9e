"""What training will cost, measured on the machine: the best chunk size, seconds, memory."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.annealing.config import AnnealConfig
from ifp.annealing.device_chunks import device_chunk_sizes
from ifp.annealing.members import Member, MemberData, chunk_members, even_size, network_width
from ifp.annealing.train import record_block, start_chunk, train_block
from ifp.system.devices import slots
from ifp.system.threads import single_threaded_kernels
from ifp.system.timing import measured_seconds

MEASURED_STEPS = 20
"""Steps whose time is measured."""
CPU_BLOCKS = 4
"""Blocks in which they are taken on a CPU."""
MEASURED_GROUPS = 8
CPU_CHUNKS = (1, 4, 8, 16, 32)
MEMORY_SHARE = 0.5
"""Share of the free memory that the chunks at work may take."""


@dataclass(frozen=True)
class TrainingCost:
    """The cost of training, from 20 measured steps of groups of equally shaped members.

    Attributes
    ----------
    members, steps : members, and optimizer steps in all, at most (members stop early).
    chunk : members that train as one batch; `rates` member-steps per second on one thread by that number, as measured
        of the members with the most images.
    seconds : at most, on all threads, where nothing else wants them.
    bytes_needed : memory of the chunks at work at once.
    """

    members: int
    steps: int
    chunk: int
    rates: dict[int, float]
    seconds: float
    bytes_needed: int


def training_cost(
    members: Sequence[Member],
    data: Sequence[MemberData],
    config: AnnealConfig,
    device: str,
    threads: int,
    most_seconds: float = math.inf,
) -> TrainingCost:
    """Choose the members per chunk by what measures fastest, and estimate the whole.

    After `most_seconds` of measuring no further size or group is begun; groups that were not measured count as the
    largest that was.

    Convolutions on a CPU always run one member at a time: it measures fastest there (benchmarks/RESULTS.md), and the
    rounding of grouped convolutions would make the numbers depend on the measurement.
    """
    threads = len(slots(device, threads))
    groups = sorted(chunk_members(data, config, len(data)), key=lambda g: data[g[0]].values_NP.size)
    started = time.perf_counter()
    seconds_by_size = _seconds_by_size(groups, members, data, config, device, threads, most_seconds / 2)
    chunk = min(seconds_by_size, key=lambda size: seconds_by_size[size])

    most = min(chunk, math.ceil(len(members) / threads))  # as the run divides them: no thread waits for want of a chunk
    sampled = groups[:: math.ceil(len(groups) / MEASURED_GROUPS)]
    measured: list[float] = []
    for group in sampled:
        if not measured or time.perf_counter() - started < most_seconds:
            measured.append(
                _seconds_per_member_step(group[: even_size(len(group), most)], members, data, config, device)
            )
    work = [data[g[0]].values_NP.size for g in groups]
    seconds = np.interp(work, [data[g[0]].values_NP.size for g in sampled[: len(measured)]], measured)
    steps = config.steps + config.hold_steps
    at_once = min(threads, sum(math.ceil(len(g) / most) for g in groups))
    needed = max(_chunk_bytes(data[g[0]], config, min(chunk, len(g))) for g in groups)
    return TrainingCost(
        members=len(members),
        steps=len(members) * steps,
        chunk=chunk,
        rates={size: 1 / s for size, s in seconds_by_size.items()},
        seconds=_longest_share([len(g) for g in groups], seconds.tolist(), most, at_once) * steps,
        bytes_needed=at_once * needed,
    )


def _longest_share(members: Sequence[int], seconds: Sequence[float], most: int, at_once: int) -> float:
    """Seconds until the last of the threads ends, for one step of all members, the longest chunks first.

    A chunk is on one thread: three equal chunks take two threads as long as four do. `members` and `seconds` : of each
    group, and of a step of one member of it. `most` : members of a chunk.

    >>> _longest_share([8, 8], [2.0, 1.0], 8, 2), _longest_share([24], [1.0], 8, 2)
    (16.0, 16.0)
    """
    chunks: list[float] = []
    for count, each in zip(members, seconds, strict=True):
        size = even_size(count, most)
        chunks += [each * min(size, count - at) for at in range(0, count, size)]
    busy = [0.0] * at_once
    for long in sorted(chunks, reverse=True):
        busy[busy.index(min(busy))] += long
    return max(busy)


def best_chunk(
    members: Sequence[Member], data: Sequence[MemberData], config: AnnealConfig, device: str, threads: int
) -> int:
    """The members per chunk that measure fastest; measured only where there is a choice."""
    groups, threads = chunk_members(data, config, len(data)), len(slots(device, threads))
    sizes = _chunk_sizes(groups, data, config, device, threads)
    if len(sizes) == 1:
        return sizes[0]
    seconds_by_size = _seconds_by_size(groups, members, data, config, device, threads, math.inf)
    return min(seconds_by_size, key=lambda size: seconds_by_size[size])


def _seconds_by_size(
    groups: Sequence[Sequence[int]],
    members: Sequence[Member],
    data: Sequence[MemberData],
    config: AnnealConfig,
    device: str,
    threads: int,
    most_seconds: float,
) -> dict[int, float]:
    """Seconds per member-step of the group with most work, by members per chunk."""
    largest = max(groups, key=lambda g: len(g) * data[g[0]].values_NP.size)
    started = time.perf_counter()
    measured: dict[int, float] = {}
    for size in _chunk_sizes(groups, data, config, device, threads):
        if not measured or time.perf_counter() - started < most_seconds:
            measured[size] = _seconds_per_member_step(largest[:size], members, data, config, device)
    return measured


def _chunk_sizes(
    groups: Sequence[Sequence[int]], data: Sequence[MemberData], config: AnnealConfig, device: str, threads: int
) -> list[int]:
    if config.architecture == "conv" and device == "cpu":
        return [1]
    one = max(_chunk_bytes(data[g[0]], config, 1) for g in groups)
    if device != "cpu":
        fits = max(1, int(MEMORY_SHARE * _available_bytes(device) / one))
        return device_chunk_sizes(max(len(g) for g in groups), fits, threads)
    fits = max(1, int(MEMORY_SHARE * _available_bytes(device) / (threads * one)))
    # all members of a shape in one chunk, where that is allowed, beside the fixed sizes below
    most = min(fits, CPU_CHUNKS[-1], max(len(g) for g in groups))
    return [*(s for s in CPU_CHUNKS if s < most), most]


def _seconds_per_member_step(
    rows: Sequence[int], members: Sequence[Member], data: Sequence[MemberData], config: AnnealConfig, device: str
) -> float:
    """Measured over steps of these members as one chunk, after some to warm up."""
    with single_threaded_kernels():
        chunk = start_chunk([members[i] for i in rows], [data[i] for i in rows], config, device)
        beta_M = np.array([members[i].beta_closed_form for i in rows])
        if device == "cpu":
            beta_KM = np.tile(beta_M, (MEASURED_STEPS // CPU_BLOCKS, 1))
            train_block(chunk, beta_KM[:3])
            # this thread's own time, the least of several: what else the machine does can only add to it
            return min(_thread_seconds(lambda: train_block(chunk, beta_KM)) for _ in range(CPU_BLOCKS)) / beta_KM.size
        beta_KM = np.tile(beta_M, (MEASURED_STEPS, 1))
        for _ in range(2):  # plainly, then recorded: it is the replays that a run consists of
            record_block(chunk, beta_KM)
        return measured_seconds(lambda: record_block(chunk, beta_KM), device) / beta_KM.size


def _thread_seconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def _chunk_bytes(data: MemberData, config: AnnealConfig, chunk: int) -> int:
    """Memory of one chunk: weights with gradients and Adam's two moments, images, and activations."""
    images, pixels = data.values_NP.shape
    rows = max(config.batch, images)
    if config.architecture == "conv":
        # 765,000 weights, and some 200,000 activations per image through both networks, forward and backward
        weights, activations = 765_000, rows * 200_000
    else:
        pixels = network_width(pixels, config)
        weights = 2 * pixels * config.hidden + 2 * config.hidden**2
        # logits, their gradient and the temporaries of both, then the hidden layers
        activations = rows * (6 * pixels + 8 * config.hidden)
    return 4 * chunk * (4 * weights + activations + images * pixels)


def _available_bytes(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
