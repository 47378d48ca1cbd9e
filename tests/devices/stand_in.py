"""A stand-in accelerator: no number is computed, but wrong devices and waiting for the device are errors.

So is a copy between host and device within what a GPU records: it would wait, and what it brings would never change.

Run as a program of its own (`test_stand_in.py`), because it registers a device for the whole process. Each line of its
output is a part of the package that went through, and what it refuses at the end shows that it can refuse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

MISSING = "MISSING"
DEVICE = "stand_in"


def set_up_device() -> tuple[Any, Callable[[], AbstractContextManager[Any]]]:
    """Register the device; gives the mode under which its tensors can be used, and what leaves it for a while."""
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
    except ImportError as error:
        print(MISSING, error)
        sys.exit()
    _setup_privateuseone_for_python_backend(DEVICE)
    # what was made on the host outside the mode may be put on the device
    return FakeTensorMode(allow_non_fake_inputs=True), unset_fake_temporarily


class NoCopies(TorchDispatchMode):
    """Refuses copies between host and device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        ends = [value.device for value in args if isinstance(value, torch.Tensor)]
        if kwargs.get("device") is not None:
            ends.append(torch.device(kwargs["device"]))
        if "copy" in str(func) and len({end.type for end in ends}) > 1:
            raise AssertionError(f"{func} copies between host and device within what is recorded")
        return func(*args, **kwargs)


def made_on_the_host(module: Any, name: str, leave: Callable[[], AbstractContextManager[Any]]) -> None:
    """Fresh members are made on the host, whose numbers are needed there: outside the mode."""
    made = getattr(module, name)

    def outside(*arguments: Any) -> Any:
        with leave():
            return made(*arguments)

    setattr(module, name, outside)


def anneal(architecture: str, *, batch: int) -> None:
    from ifp.annealing.config import preset_config
    from ifp.annealing.members import Member, data_of
    from ifp.annealing.train import start_chunk

    side = 64 if architecture == "conv" else 4
    images = np.random.default_rng(0).integers(0, 256, (6, 1, side, side), dtype=np.uint8)
    config = preset_config(
        "quick", dataset="made", architecture=architecture, batch=batch, steps=8, records=4, latents=2, hidden=8,
    )  # fmt: skip
    members = [Member("place", (-1,), seed, "cool", images, 3.0, 4.0) for seed in range(4)]
    chunk = start_chunk(members, data_of(members, config), config, DEVICE)
    for kept in ([0, 2, 3], [1, 2])[: 1 if architecture == "conv" else 2]:
        # all of a block but the one copy to the host that ends it
        beta_KM = np.ones((2, len(chunk.ensemble)))
        inputs = chunk.noise.evaluation(), *chunk.inputs(beta_KM)
        with NoCopies():
            record_MV = chunk.block(*inputs)
        assert record_MV.shape == (len(chunk.ensemble), 3)
        assert record_MV.device.type == DEVICE
        chunk.keep(kept)


def train(objective: str, architecture: str, leave: Callable[[], AbstractContextManager[Any]]) -> None:
    from ifp.likelihood import Bernoulli
    from ifp.networks.fully_connected import PixelStatistics
    from ifp.objectives.registry import make_objective
    from ifp.training.config import TrainConfig
    from ifp.training.images import TrainingImages
    from ifp.training.trainer import Trainer, fresh_member, make_network

    side = 64 if architecture == "conv" else 4
    config = TrainConfig(
        dataset="made", objective=objective, architecture=architecture, latents=4, hidden=8, seeds=2, steps=60,
        batch=8, records=1, options={"hidden": 8, "layers": 2} if objective == "factor" else {},
    )  # fmt: skip
    made = make_objective(config.objective, **config.options)
    network = make_network(config, made, (1, side, side))
    with leave():
        mean_P = torch.full((side * side,), 0.5)
        statistics = PixelStatistics(torch.ones(side * side), mean_P, Bernoulli().output_for(mean_P))
        states = [fresh_member(config, made, network, statistics, seed) for seed in range(2)]
    images = TrainingImages(torch.zeros(20, side * side, dtype=torch.uint8).to(DEVICE), (1, side, side), np.zeros(20))
    trainer = Trainer(config, made, network, images, range(2), states)
    update = trainer._update

    def without_copies(*inputs: torch.Tensor) -> torch.Tensor:
        with NoCopies():
            return update(*inputs)

    setattr(trainer, "_update", without_copies)  # noqa: B010 - a method of one object
    trainer.run(2)


def refused(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        print(f"refused {what}: {type(error).__name__}")
    else:
        print(f"let through: {what}")


def main() -> None:
    """Every architecture and objective, then what must be refused."""
    mode, leave = set_up_device()
    from ifp.annealing import train as annealing
    from ifp.objectives.registry import OBJECTIVES

    made_on_the_host(annealing, "fresh_parameters", leave)
    with mode:
        # a traversal of 6 images is sampled by batches of 4, and held twice by batches of 16
        for architecture, batch in (("mlp", 4), ("mlp", 16), ("linear", 16), ("conv", 4)):
            anneal(architecture, batch=batch)
            print(f"anneal {architecture} {batch}")
        for objective in OBJECTIVES:
            train(objective, "mlp", leave)
            print(f"train {objective}")
        train("beta", "conv", leave)
        print("train conv")
        there, here = torch.ones(3, device=DEVICE), torch.ones(3)
        refused("mixed devices", lambda: there + here)
        refused("item", lambda: there[0].item())
        refused("float", lambda: float(there[0]))
        refused("bool", lambda: bool(there[0] > 0))
        with NoCopies():
            refused("copy to the device", lambda: here.to(DEVICE))
            refused("copy from the device", lambda: there.cpu())
            refused("copy into a tensor of the device", lambda: there.copy_(here))
            torch.zeros(3, device=DEVICE).double().copy_(there)  # within the device they are none


if __name__ == "__main__":
    main()
