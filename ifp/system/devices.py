"""The devices that PyTorch computes on, checked before the work begins, and lent to the jobs of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import torch

from ifp.errors import bad_value


def check_device(device: str) -> str:
    """`device` if it is there ("auto": cuda, else cpu); raises IfpError with what is."""
    there = ["cpu"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if device == "auto":
        return "cuda" if "cuda" in there else "cpu"
    if device not in there:
        raise bad_value("device", device, f"auto or one that is on this machine ({', '.join(there)})")
    return device


def devices_of(device: str) -> list[str]:
    """The devices that a name stands for: "cuda" for all GPUs of the machine, any other for itself.

    >>> devices_of("cpu"), devices_of("cuda:1")
    (['cpu'], ['cuda:1'])
    """
    if device == "cuda":
        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [device]


def slots(device: str, threads: int) -> list[str]:
    """A device for each job that is at work at once: one per GPU, or the CPU as often as there are threads."""
    return [device] * threads if device == "cpu" else devices_of(device)


class DevicePool:
    """Devices, of which each is lent to one job at a time."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._free: SimpleQueue[str] = SimpleQueue()
        for device in devices:
            self._free.put(device)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """A device for this block, waited for where none is free."""
        device = self._free.get()
        try:
            yield device
        finally:
            self._free.put(device)
