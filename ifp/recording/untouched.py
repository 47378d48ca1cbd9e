"""A model in the middle of its training is asked for codes and left as it was: mode, gradients, random numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def bare(model: Any) -> Any:
    """The model inside `torch.compile` and the wrappers of several devices.

    A compiled model would be compiled again for other batches, and the wrappers wait for all processes.
    """
    while True:
        if isinstance(model, _WRAPPERS):
            model = model.module
        elif isinstance(model, nn.Module) and isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        else:
            return model


@contextmanager
def untouched(*parts: Any) -> Iterator[None]:
    """Within the block the modules among `parts` are in evaluation mode, and nothing takes a gradient or autocasts.

    Afterwards every part of every module is in the mode in which it was, and the random numbers of torch (of the CPU
    and of the modules' devices), NumPy and Python go on as if nothing had been drawn.
    """
    modules = [part for part in parts if isinstance(part, nn.Module)]
    modes = [(inner, inner.training) for module in modules for inner in module.modules()]
    devices = {parameter.device for module in modules for parameter in module.parameters()}
    with ExitStack() as stack:
        stack.enter_context(random_numbers_kept(devices))
        stack.enter_context(torch.no_grad())
        for kind in {"cpu", *(device.type for device in devices)}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            for inner, _ in modes:
                inner.training = False
            yield
        finally:
            for inner, training in modes:
                inner.training = training


@contextmanager
def random_numbers_kept(devices: set[torch.device]) -> Iterator[None]:
    """After the block the global random numbers are where they were."""
    of_python, of_torch = random.getstate(), torch.get_rng_state()
    of_numpy = np.random.get_state()  # noqa: NPY002 (the user's own)
    of_devices = {device: _state(device) for device in devices if device.type in ("cuda", "mps")}
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        torch.set_rng_state(of_torch)
        for device, state in of_devices.items():
            if device.type == "cuda":
                torch.cuda.set_rng_state(state, device)
            else:
                torch.mps.set_rng_state(state)


def _state(device: torch.device) -> torch.Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.mps.get_rng_state()
