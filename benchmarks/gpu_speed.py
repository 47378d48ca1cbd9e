"""(c) to (e): how fast are the engine, the trainer and the exact curves?

Shapes: M members, K steps of a block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from attempts import Attempts
from gpu_engine import Emit, annealing_members, engine_speed
from plain_loop import plain_loop_steps_per_second
from training import IMAGES, ordinary_images_per_second, our_images_per_second

from ifp.annealing.config import preset_config
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import start_chunk
from ifp.datasets.catalog import load_dataset
from ifp.exact.annealing import exact_annealing
from ifp.networks.convolution_choice import pass_seconds
from ifp.networks.convolutional import ConvNetwork
from ifp.system.timing import measured_seconds
from ifp.training.images import load_images

PRECISIONS = ("tf32", "bfloat16", "float32")
CONV_MINUTES, CONV_RATIO, TRAINING_RATIO = 3.0, 30.0, 10.0
"""The goals: 200 conv members x 8,000 steps, the engine against the ordinary loop, training 8 seeds against it."""
AUTHOR_STEPS = 8000
CASES = ((64, "tf32"), (32, "tf32"), (64, "bfloat16"), (32, "bfloat16"), (64, "float32"))
"""Batch and precision; the preset's batch is 64, and 32 is what the ordinary loop gets from traversals of 32 images."""


def conv(device: str, smoke: bool, emit: Emit) -> None:
    """(c) 200 convolutional members as the author's preset trains them, and the ordinary loop on the same card."""
    attempts = Attempts(emit)
    members = annealing_members(2 if smoke else 200)
    emit("\n| (c) conv, annealing | member-steps/s | against the ordinary loop | 8,000 steps of all, min | goals |")
    emit("|---|---|---|---|---|")
    plain = _plain(attempts, members, "conv", 4 if smoke else 300, device)
    emit(f"| ordinary loop, batch {len(members[0].images)}, one network | {plain:,.0f} | 1 | | |")
    on_cpu = device == "cpu"
    for batch, precision in [(8, "float32")] if smoke else [(64, "float32")] if on_cpu else CASES:
        settings: dict[str, Any] = {"batch": batch, "precision": precision}
        settings |= {"steps": 4, "records": 2} if smoke else {}
        speed, form, memory = engine_speed(attempts, members, "author", settings, device, smoke, emit)
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
        what = f"one pass forward and back, {precision}"
        seconds = attempts.value(what, lambda precision=precision: _forms(members, precision, device), "")
        emit(f"| {what}: {seconds} | | | | |")
    attempts.settle()


def mlp(device: str, smoke: bool, emit: Emit) -> None:
    """(c) 1,024 members of the MLP."""
    attempts = Attempts(emit)
    members = annealing_members(4 if smoke else 1024)
    plain = _plain(attempts, members, "mlp", 20 if smoke else 500, device)
    emit("\n| (c) mlp, annealing | member-steps/s | against the ordinary loop |\n|---|---|---|")
    emit(f"| ordinary loop, one network | {plain:,.0f} | 1 |")
    for precision in ("float32",) if device == "cpu" else PRECISIONS:
        settings = {"batch": 32, "precision": precision}
        speed, _, memory = engine_speed(attempts, members, "standard", settings, device, smoke, emit)
        emit(f"| {len(members)} members, {precision}, {memory} | {speed:,.0f} | {speed / plain:.1f} |")
    attempts.settle()


def training(device: str, smoke: bool, emit: Emit) -> None:
    """(d) Whole-data training."""
    import training as ordinary

    attempts = Attempts(emit)
    if smoke:
        ordinary.IMAGES = 256
    steps = 2 if smoke else 1000
    dataset = load_dataset("sprites")
    images = load_images(dataset, 256 if smoke else IMAGES, 0, device)
    emit("\n| (d) training on a whole data set, conv, batch 64 | images/s | against the ordinary loop | goal |")
    emit("|---|---|---|---|")
    plain = attempts.value("ordinary loop", lambda: ordinary_images_per_second(dataset, steps, device), math.nan)
    emit(f"| ordinary loop, one network, {steps} steps | {plain:,.0f} | 1 | |")
    for seeds in (2 if smoke else 8, 1):
        for precision in ("float32",) if device == "cpu" else PRECISIONS:
            what = f"{seeds} seeds, {precision}"
            settings = dataset, images, seeds, steps, device, precision
            speed = attempts.value(what, lambda settings=settings: our_images_per_second(*settings), math.nan)
            goal = _goals((speed / plain >= TRAINING_RATIO, f"{TRAINING_RATIO:g} x"), smoke=smoke) if seeds > 1 else ""
            emit(f"| {what} | {speed:,.0f} | {speed / plain:.1f} | {goal} |")
    attempts.settle()


def exact(device: str, smoke: bool, emit: Emit) -> None:
    """(e) Exact curves of 8 traversals on a CPU thread and on the device, and of 64 there."""
    images = [m.images for m in annealing_members(2 if smoke else 64)]
    few = images[: 1 if smoke else 8]
    torch.set_num_threads(1)
    here = measured_seconds(lambda: exact_annealing(few), "cpu") / len(few)
    emit(f"\n(e) exact curves: {here:.2f} s per traversal of posX on one CPU thread ({len(few)} as a batch)")
    for batch in (few, images):
        there = measured_seconds(lambda batch=batch: exact_annealing(batch, device=device), device) / len(batch)
        ratio = f"{len(batch)} as a batch, ratio {here / there:.1f}"
        emit(f"(e) exact curves: {there:.2f} s per traversal on {device} ({ratio})")


def _plain(attempts: Attempts, members: Sequence[Member], architecture: str, steps: int, device: str) -> float:
    """Steps per second of the ordinary loop on the images of the first member."""
    images = members[0].images
    measure = lambda: plain_loop_steps_per_second(images, architecture, steps, device=device)  # noqa: E731
    return attempts.value("ordinary loop", measure, math.nan)


def _forms(members: Sequence[Member], precision: str, device: str) -> str:
    config = preset_config("author", dataset="sprites")
    chunk = start_chunk(members, data_of(members, config), config, device)
    seconds = pass_seconds(ConvNetwork((1, 64, 64), config.latents), chunk.ensemble.parameters, precision)
    return ", ".join(f"{type(form).__name__} {1e3 * value:.1f} ms" for form, value in seconds.items())


def _goals(*goals: tuple[bool, str], smoke: bool) -> str:
    if smoke:
        return "not at these sizes"
    return ", ".join(f"{text} {'met' if met else '**not met**'}" for met, text in goals)
