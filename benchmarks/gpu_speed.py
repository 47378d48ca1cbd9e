"""(c) to (f): how fast are the engine, the trainer and the exact curves, and what share of the device do they use?

Shapes: M members, K steps of a block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from plain_loop import plain_loop_steps_per_second
from training import IMAGES, ordinary_images_per_second, our_images_per_second

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import record_block, start_chunk
from ifp.datasets.catalog import load_dataset
from ifp.exact.annealing import exact_annealing
from ifp.networks.convolution_choice import pass_seconds
from ifp.networks.convolutional import DECODER_LAYERS, ENCODER_LAYERS, ConvNetwork
from ifp.system.timing import measured_seconds, wait_for
from ifp.training.images import load_images

Emit = Callable[[str], None]
PRECISIONS = ("tf32", "bfloat16", "float32")
CONV_MINUTES, CONV_RATIO, TRAINING_RATIO = 3.0, 30.0, 10.0
"""The goals: 200 conv members x 8,000 steps, the engine against the ordinary loop, training 8 seeds against it."""
AUTHOR_STEPS = 8000
CASES = ((64, "tf32"), (32, "tf32"), (64, "bfloat16"), (32, "bfloat16"), (64, "float32"))
"""Batch and precision; the preset's batch is 64, and 32 is what the ordinary loop gets from traversals of 32 images."""
SECONDS_EACH = 4.0
"""Of timing one thing."""


def conv(device: str, smoke: bool, emit: Emit) -> None:
    """(c) 200 convolutional members as the author's preset trains them, and the ordinary loop on the same card."""
    members = _members(2 if smoke else 200)
    emit("\n| (c) conv, annealing | member-steps/s | against the ordinary loop | 8,000 steps of all, min | goals |")
    emit("|---|---|---|---|---|")
    plain = plain_loop_steps_per_second(members[0].images, "conv", 4 if smoke else 300, device=device)
    emit(f"| ordinary loop, batch {len(members[0].images)}, one network | {plain:,.0f} | 1 | | |")
    on_cpu = device == "cpu"
    for batch, precision in [(8, "float32")] if smoke else [(64, "float32")] if on_cpu else CASES:
        settings: dict[str, Any] = {"batch": batch, "precision": precision}
        settings |= {"steps": 4, "records": 2} if smoke else {}
        speed, form, memory = _engine_speed(members, "author", settings, device, smoke, emit)
        minutes = len(members) * AUTHOR_STEPS / speed / 60
        goals = _goals(
            (minutes <= CONV_MINUTES, f"{CONV_MINUTES:g} min"), (speed / plain >= CONV_RATIO, f"{CONV_RATIO:g} x"),
            smoke=smoke,
        )  # fmt: skip
        emit(
            f"| {len(members)} members, batch {batch}, {precision}, {form}, {memory} | {speed:,.0f} | "
            f"{speed / plain:.1f} | {minutes:.1f} | {goals} |"
        )
    for precision in ("float32",) if on_cpu else PRECISIONS:
        seconds = _forms(members, precision, device)
        emit(f"| one pass forward and back, {precision}: {seconds} | | | | |")


def mlp(device: str, smoke: bool, emit: Emit) -> None:
    """(c) 1,024 members of the MLP."""
    members = _members(4 if smoke else 1024)
    plain = plain_loop_steps_per_second(members[0].images, "mlp", 20 if smoke else 500, device=device)
    emit("\n| (c) mlp, annealing | member-steps/s | against the ordinary loop |\n|---|---|---|")
    emit(f"| ordinary loop, one network | {plain:,.0f} | 1 |")
    for precision in ("float32",) if device == "cpu" else PRECISIONS:
        settings = {"batch": 32, "precision": precision}
        speed, _, memory = _engine_speed(members, "standard", settings, device, smoke, emit)
        emit(f"| {len(members)} members, {precision}, {memory} | {speed:,.0f} | {speed / plain:.1f} |")


def training(device: str, smoke: bool, emit: Emit) -> None:
    """(d) Whole-data training."""
    import training as ordinary

    if smoke:
        ordinary.IMAGES = 256
    steps = 2 if smoke else 1000
    dataset = load_dataset("sprites")
    images = load_images(dataset, 256 if smoke else IMAGES, 0, device)
    emit("\n| (d) training on a whole data set, conv, batch 64 | images/s | against the ordinary loop | goal |")
    emit("|---|---|---|---|")
    plain = ordinary_images_per_second(dataset, steps, device)
    emit(f"| ordinary loop, one network, {steps} steps | {plain:,.0f} | 1 | |")
    for seeds in (1, 2 if smoke else 8):
        for precision in ("float32",) if device == "cpu" else PRECISIONS:
            speed = our_images_per_second(dataset, images, seeds, steps, device, precision)
            goal = _goals((speed / plain >= TRAINING_RATIO, f"{TRAINING_RATIO:g} x"), smoke=smoke) if seeds > 1 else ""
            emit(f"| {seeds} seeds, {precision} | {speed:,.0f} | {speed / plain:.1f} | {goal} |")


def exact(device: str, smoke: bool, emit: Emit) -> None:
    """(e) Exact curves of 64 traversals on the device, and of 8 on a CPU thread."""
    images = [m.images for m in _members(2 if smoke else 64)]
    few = images[: 1 if smoke else 8]
    torch.set_num_threads(1)
    here = measured_seconds(lambda: exact_annealing(few), "cpu") / len(few)
    emit(f"\n(e) exact curves: {here:.2f} s per traversal of posX on one CPU thread ({len(few)} as a batch)")
    there = measured_seconds(lambda: exact_annealing(images, device=device), device) / len(images)
    ratio = here / there
    emit(f"(e) exact curves: {there:.2f} s per traversal on {device} ({len(images)} as a batch), ratio {ratio:.1f}")


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
    from ifp.system.precision import set_products

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
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    members = _members(2 if smoke else 200)
    for precision in ("float32",) if device == "cpu" else ("tf32", "bfloat16"):
        settings: dict[str, Any] = {"batch": 8 if smoke else 64, "precision": precision, "steps": 4, "records": 2}
        speed, form, _ = _engine_speed(members, "author", settings, device, smoke, emit)
        tera = speed * conv_flop(len(members[0].images), settings["batch"]) / 1e12
        peak = peak_rates(device, 256 if smoke else 8192, [precision])[precision]
        emit(f"\n(f) engine, conv, {precision}, {form}: {tera:.1f} TFLOP/s, {tera / peak:.0%} of {peak:.1f} measured")
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


def _members(count: int) -> list[Member]:
    """Cooling members on different traversals of posX; its images as uint8."""
    dataset = load_dataset("sprites")
    there = min(count, 256)
    traversals = dataset.sample_traversals("posX", there, seed=0)
    images = [dataset.traversal_images(t) for t in traversals]
    return [
        Member("posX", traversals[i % there].context, i // there, "cool", images[i % there], 100.0, 105.0)
        for i in range(count)
    ]


def _engine_speed(
    members: Sequence[Member], preset: str, settings: dict[str, Any], device: str, smoke: bool, emit: Emit
) -> tuple[float, str, str]:
    """Member-steps per second with all records, the network's form, and the memory used, of one chunk of all."""
    config = preset_config(preset, dataset="sprites", **{"stop_recon_nats": 0.0, **settings})
    cuda = device.startswith("cuda")
    if cuda:
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


def _forms(members: Sequence[Member], precision: str, device: str) -> str:
    config = preset_config("author", dataset="sprites")
    chunk = start_chunk(members, data_of(members, config), config, device)
    seconds = pass_seconds(ConvNetwork((1, 64, 64), config.latents), chunk.ensemble.parameters, precision)
    return ", ".join(f"{type(form).__name__} {1e3 * value:.1f} ms" for form, value in seconds.items())


def _goals(*goals: tuple[bool, str], smoke: bool) -> str:
    if smoke:
        return "not at these sizes"
    return ", ".join(f"{text} {'met' if met else '**not met**'}" for met, text in goals)
