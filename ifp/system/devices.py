"""The device that PyTorch computes on, checked before the work begins."""

from __future__ import annotations

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
