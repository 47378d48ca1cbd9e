"""(f) What a device reaches at its best, what share of that the annealing engine reaches, and in which kernels.

Shapes: M members, K steps of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attempts import Attempts
from gpu_engine import Emit, annealing_members, engine_speed

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import record_block, start_chunk
from ifp.networks.convolutional import DECODER_LAYERS, ENCODER_LAYERS
from ifp.system.precision import PRECISIONS, set_products
from ifp.system.timing import measured_seconds, wait_for


def peaks(device: str, smoke: bool, emit: Emit) -> None:
    """(f) What the device reaches with one large product and one large copy."""
    size = 256 if smoke else 8192
    emit("")
    for precision, tera in peak_rates(device, size, ("float32",) if device == "cpu" else PRECISIONS).items():
        emit(f"(f) product of {size} x {size} in {precision}: {tera:.1f} TFLOP/s")
    source = torch.empty((1 if smoke else 1024) * 2**20, device=device)
    target = torch.empty_like(source)
    seconds = min(measured_seconds(lambda: target.copy_(source), device) for _ in range(5))
    emit(f"(f) copy: {2 * source.numel() * 4 / seconds / 1e9:,.0f} GB/s, read and written")


def peak_rates(device: str, size: int, precisions: Sequence[str]) -> dict[str, float]:
    """TFLOP/s of one large square product."""
    found = {}
    for precision in precisions:
        if device != "cpu":
            set_products(precision)
        a, b = (torch.randn(size, size, device=device) for _ in range(2))
        if precision == "bfloat16":
            a, b = a.bfloat16(), b.bfloat16()
        a @ b
        found[precision] = 2 * size**3 / min(measured_seconds(lambda: a @ b, device) for _ in range(5)) / 1e12  # noqa: B023
    return found


def profile(device: str, smoke: bool, emit: Emit) -> None:
    """(f) The share of the peak that the engine reaches, and the ten largest kernels of its steps."""
    attempts = Attempts(emit)
    members = annealing_members(2 if smoke else 200)
    for precision in ("float32",) if device == "cpu" else ("tf32", "bfloat16"):
        settings: dict[str, Any] = {"batch": 8 if smoke else 64, "precision": precision}
        short = {**settings, "steps": 4, "records": 2}
        speed, form, _ = engine_speed(attempts, members, "author", short if smoke else settings, device, smoke, emit)
        tera = speed * conv_flop(len(members[0].images), settings["batch"]) / 1e12
        peak = peak_rates(device, 256 if smoke else 8192, [precision])[precision]
        emit(f"\n(f) engine, conv, {precision}, {form}: {tera:.1f} TFLOP/s, {tera / peak:.0%} of {peak:.1f} measured")
        attempts.value(f"kernels, {precision}", lambda short=short: _kernels(members, short, device, emit), None)
    attempts.settle()


def _kernels(members: Sequence[Member], settings: dict[str, Any], device: str, emit: Emit) -> None:
    """The ten kernels that take longest in two steps and a record."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    config = preset_config("author", dataset="sprites", **settings)
    chunk = start_chunk(members, data_of(members, config), config, device)
    beta_KM = np.full((2, len(members)), 50.0)
    record_block(chunk, beta_KM)  # the first block is launched plainly, kernel by kernel
    chunk.recordings.forget()
    activities = [ProfilerActivity.CPU] if device == "cpu" else [ProfilerActivity.CUDA]
    with record(activities=activities) as found:
        record_block(chunk, beta_KM)
        wait_for(device)
    by_device = device != "cpu"
    events = [(e.key, e.self_device_time_total if by_device else e.self_cpu_time_total, e.count)
              for e in found.key_averages()]  # fmt: skip
    total = sum(time_us for _, time_us, _ in events) or 1
    emit("\n| kernel | ms | calls | share |\n|---|---|---|---|")
    for name, time_us, calls in sorted(events, key=lambda e: -e[1])[:10]:
        emit(f"| `{name[:90].replace('|', '/')}` | {time_us / 1e3:.2f} | {calls} | {time_us / total:.0%} |")


def conv_flop(images: int, batch: int) -> float:
    """Floating point operations of one step of one member: products alone, forward and twice as many back."""
    side, encoder = 64, 0
    for _, inputs, outputs, _, padding in ENCODER_LAYERS:
        side = side // 2 if padding else 1
        encoder += (inputs or 1) * outputs * 16 * side * side
    side, decoder = 1, 0
    for _, inputs, outputs, _, padding in DECODER_LAYERS:
        decoder += inputs * (outputs or 1) * 16 * side * side
        side = 2 * side if padding else 4
    rows = min(images, batch)
    return 6.0 * (encoder * rows + decoder * rows * max(1, batch // images))
