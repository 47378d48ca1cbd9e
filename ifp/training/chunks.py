"""How a training run is divided: networks into chunks that train as one batch, steps into stretches between records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from ifp.system.devices import devices_of
from ifp.system.forked import possible_threads
from ifp.training.config import TrainConfig
from ifp.training.setup import Setup
from ifp.training.trainer import can_batch

LARGEST_CHUNK = 8
"""Maximum networks per chunk on a CPU: larger chunks are not faster, and scalars per network must fit one vector to
round alike."""


def borders(config: TrainConfig) -> list[int]:
    """The steps after which networks are recorded: evenly spaced, at every checkpoint, and at the end.

    >>> borders(TrainConfig(dataset="toys", steps=10, records=3, checkpoint_every=5))
    [3, 5, 7, 10]
    """
    even = {round(config.steps * k / config.records) for k in range(1, config.records + 1)}
    every = config.checkpoint_every
    return sorted(even | (set(range(every, config.steps, every)) if every else set()) | {config.steps})


def divide(seeds: Sequence[int], step_of: Callable[[int], int], setup: Setup) -> list[list[int]]:
    """The seeds in chunks that train as one batch, each of networks that are after the same step."""
    together: dict[int, list[int]] = {}
    for seed in seeds:
        together.setdefault(step_of(seed), []).append(seed)
    if setup.device.type != "cpu":
        devices = len(devices_of(str(setup.device)))
        parts = [(group, -(-len(group) // devices)) for group in together.values()]
        return [group[start : start + size] for group, size in parts for start in range(0, len(group), size)]
    if not can_batch(setup.config, setup.network, setup.device):
        return [[seed] for seed in seeds]
    chunks = []
    for group in together.values():
        size = min(LARGEST_CHUNK, max(2, -(-len(group) // setup.threads)))  # one alone would have a twin
        chunks += [group[start : start + size] for start in range(0, len(group), size)]
    return chunks


@contextmanager
def kernel_threads(count: int) -> Iterator[None]:
    """PyTorch's kernels on `count` threads (one in a forked process), within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(possible_threads(count))
    try:
        yield
    finally:
        torch.set_num_threads(before)
