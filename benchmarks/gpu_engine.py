"""The annealing engine at work on a device: what `gpu_speed.py` and `gpu_peaks.py` measure.

Shapes: M members, K steps of a block.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from attempts import Attempts

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import record_block, start_chunk
from ifp.datasets.catalog import load_dataset
from ifp.system.timing import wait_for

Emit = Callable[[str], None]
SECONDS_EACH = 4.0
"""Of timing one thing."""


def annealing_members(count: int) -> list[Member]:
    """Cooling members on different traversals of posX; its images as uint8."""
    dataset = load_dataset("sprites")
    there = min(count, 256)
    traversals = dataset.sample_traversals("posX", there, seed=0)
    images = [dataset.traversal_images(t) for t in traversals]
    return [
        Member("posX", traversals[i % there].context, i // there, "cool", images[i % there], 100.0, 105.0)
        for i in range(count)
    ]


def engine_speed(
    attempts: Attempts, members: Sequence[Member], preset: str, settings: dict[str, Any], device: str, smoke: bool,
    emit: Emit,
) -> tuple[float, str, str]:  # fmt: skip
    """`_measured_speed`, or NaN where that fails."""
    what = f"{len(members)} members, " + ", ".join(f"{name} {value}" for name, value in settings.items())
    measure = lambda: _measured_speed(members, preset, settings, device, smoke, emit)  # noqa: E731
    return attempts.value(what, measure, (math.nan, "not measured", "memory not measured"))


def _measured_speed(
    members: Sequence[Member], preset: str, settings: dict[str, Any], device: str, smoke: bool, emit: Emit
) -> tuple[float, str, str]:
    """Member-steps per second with all records, the network's form, and the memory used, of one chunk of all."""
    config = preset_config(preset, dataset="sprites", **{"stop_recon_nats": 0.0, **settings})
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.init()  # before it there are no statistics to reset
        torch.cuda.reset_peak_memory_stats(device)
    chunk = start_chunk(members, data_of(members, config), config, device, lambda text: emit(f"      {text}"))
    beta_KM = np.full((config.steps // config.records, len(members)), 50.0)
    for _ in range(1 if smoke else 3):  # plainly, recorded, replayed
        record_block(chunk, beta_KM)
    wait_for(device)
    started, blocks = time.perf_counter(), 0
    while blocks == 0 or (not smoke and time.perf_counter() - started < SECONDS_EACH):
        record_block(chunk, beta_KM)
        blocks += 1
    wait_for(device)
    speed = blocks * beta_KM.size / (time.perf_counter() - started)
    # the CPU's mlp has an engine of its own
    form = type(chunk.ensemble.vaes.network).__name__ if hasattr(chunk.ensemble, "vaes") else "MlpNetwork"
    memory = f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB" if cuda else "memory not measured"
    return speed, form, memory
