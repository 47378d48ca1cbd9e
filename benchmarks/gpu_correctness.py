"""(b) Are the numbers of the device right? Against theory, and against the same machine's CPU.

Shapes: M members, K steps, N images, P pixels, T records, V what a record holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from attempts import Attempts
from scipy.stats import norm

from ifp.annealing import counter_noise
from ifp.annealing import train as annealing
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.ensemble import Ensemble
from ifp.annealing.members import Member, data_of
from ifp.annealing.train import Chunk, anneal_chunk, start_chunk
from ifp.datasets.catalog import load_dataset
from ifp.system.precision import PRECISIONS
from ifp.system.threads import single_threaded_kernels
from ifp.theory.closed_form import freezing_bounds
from ifp.trace import AnnealTrace

Emit = Callable[[str], None]
VARIANCE, SIGMA = 2.0, 0.25
BETA_C = VARIANCE / SIGMA**2
EXACT = BETA_C * math.exp(-0.2)
"""Where the KL of probabilistic PCA, 0.5 ln(beta_c / beta), is 0.1 nats."""
FROM_ONE_STATE, CROSSINGS = 1e-4, 0.02
"""Goals: largest relative difference of CPU and device after a step from one state; of crossings."""


def correctness(device: str, smoke: bool, emit: Emit) -> None:
    """All of it, the shortest first."""
    attempts = Attempts(emit)
    emit("\n| (b) right? | found | goal | |\n|---|---|---|---|")
    attempts.value("one step from a trained state", lambda: _from_one_state(device, emit), None)
    for precision in ("float32",) if device == "cpu" else PRECISIONS:
        what = f"linear-Gaussian oracle, {precision}"
        attempts.value(what, lambda precision=precision: _oracle(device, precision, smoke, emit), None)
    precisions = ("float32",) if device == "cpu" else PRECISIONS
    attempts.value("crossings", lambda: _crossings(device, precisions, smoke, emit), None)
    attempts.settle()


def _from_one_state(device: str, emit: Emit) -> None:
    """The record and the parameters after a step, from the state after some steps on the CPU."""
    members = _members(4)
    config = _config(8, 8)
    # the engine of the device on both, not the one that is written by hand for the CPU
    by_hand, annealing.make_ensemble = annealing.make_ensemble, Ensemble
    with counters_everywhere(), single_threaded_kernels():
        here = start_chunk(members, data_of(members, config), config, "cpu")
        beta_KM = np.full((20, len(members)), 5.0)
        here.train(*here.inputs(beta_KM))
        there = start_chunk(members, data_of(members, config), config, device)
        annealing.make_ensemble = by_hand
        _copy_state(here, there)
        inputs = [here.noise.evaluation(), *here.inputs(beta_KM[:1])]
        before, after = (here.block(*inputs), there.block(*(value.to(device) for value in inputs)).cpu())
    difference = float(((before - after).abs() / before.abs().clamp_min(1e-2)).max())
    parameters = max(
        float((a.detach() - b.detach().cpu()).abs().max() / a.detach().abs().max().clamp_min(1e-3))
        for a, b in zip(here.ensemble.parameters.values(), there.ensemble.parameters.values(), strict=True)
    )
    for name, found in (("record", difference), ("parameters", parameters)):
        emit(_row(f"one step from a trained state, {name}, CPU against device", f"{found:.1e}", FROM_ONE_STATE, found))


def _copy_state(source: Chunk, target: Chunk) -> None:
    """Parameters and what Adam remembers."""
    device = target.device
    ours, theirs = source.ensemble.vaes, target.ensemble.vaes
    with torch.no_grad():
        for name, value in theirs.parameters.items():
            value.copy_(ours.parameters[name].detach())
    moments = [
        {n: {k: v.to(device) for k, v in kept.items()} for n, kept in ours.adam.moments_of(row).items()}
        for row in range(len(ours))
    ]
    theirs.adam = type(theirs.adam)(theirs.adam.parameters, ours.adam._learning_rate, moments=moments)


def _oracle(device: str, precision: str, smoke: bool, emit: Emit) -> None:
    """Cooling must cross at or below the exact beta of a linear-Gaussian VAE, heating at or above."""
    images = 64
    along = norm.ppf((np.arange(images) + 0.5) / images)
    along *= math.sqrt(VARIANCE) / along.std()
    direction = np.random.default_rng(0).normal(size=3)
    data = along[:, None] * direction / np.linalg.norm(direction)
    members = [
        Member("line", (-1,), seed, way, data, BETA_C, BETA_C)
        for seed in range(2 if smoke else 20)
        for way in ("cool", "heat")
    ]
    config = preset_config(
        "standard", dataset="made", architecture="linear", likelihood="gaussian", sigma=SIGMA, batch=256,
        learning_rate=3e-3, precision=precision, steps=60 if smoke else 1500, hold_steps=20 if smoke else 500,
        records=20 if smoke else 100,
    )  # fmt: skip
    trace = anneal_chunk(members, config, device=device, say=emit)
    beta_M = crossings(trace)
    cool = np.array([m.direction == "cool" for m in members])
    held = np.concatenate([beta_M[cool] <= 1.05 * EXACT, beta_M[~cool] >= 0.95 * EXACT])
    share = float(held.mean())
    if smoke:
        emit("| linear-Gaussian oracle | too few steps to cross | | |")
        return
    emit(_row(f"linear-Gaussian oracle in the bracket, {precision}", f"{share:.0%}", 0.95, share, least=True))


def _crossings(device: str, precisions: tuple[str, ...], smoke: bool, emit: Emit) -> None:
    """The same 20 traversals with the same noise on the CPU, in float32, and on the device."""
    members = _members(2 if smoke else 20)
    config = _config(8 if smoke else 600, 4 if smoke else 60, hold_steps=2 if smoke else 200)
    with counters_everywhere(), single_threaded_kernels():
        expected_M = crossings(anneal_chunk(members, config))
    for precision in precisions:
        on_device = preset_config(**{**config.to_json(), "precision": precision})
        with counters_everywhere():
            found_M = crossings(anneal_chunk(members, on_device, device=device, say=emit))
        if smoke:
            emit(f"| crossings of {len(members)} traversals | too few steps to cross | | |")
            return
        ratio_M = np.abs(found_M / expected_M - 1)
        median, largest = float(np.nanmedian(ratio_M)), float(np.nanmax(ratio_M))
        crossed = f"{int(np.isfinite(ratio_M).sum())} of {len(members)} crossed on both"
        what = f"crossings, {precision}, largest difference; {crossed}"
        if precision == "float32":
            emit(_row(what, f"{largest:.2%}", CROSSINGS, largest))
        else:  # coarser rounding sends a member on another way to the same edge: the median is what must agree
            emit(f"| {what} | {largest:.2%} | | |")
        emit(_row(f"crossings, {precision}, median difference", f"{median:.2%}", CROSSINGS, median))


def _members(count: int) -> list[Member]:
    dataset = load_dataset("sprites")
    traversals = dataset.sample_traversals("posX", count, seed=0)
    images = [dataset.traversal_images(t) for t in traversals]
    edges = freezing_bounds(images)
    lower_M, upper_M = edges.beta_closed_form_M, edges.beta_upper_M
    return [
        Member("posX", t.context, 0, "cool", x, float(low), float(high))
        for t, x, low, high in zip(traversals, images, lower_M, upper_M, strict=True)
    ]


def _config(steps: int, records: int, **settings: Any) -> AnnealConfig:
    return preset_config("standard", dataset="sprites", steps=steps, records=records, batch=32, **settings)


@contextmanager
def counters_everywhere():  # type: ignore[no-untyped-def]
    """Noise by counter on the CPU too, within the block: the same numbers on both."""
    before = counter_noise.OWN_GENERATORS
    counter_noise.OWN_GENERATORS = ()
    try:
        yield
    finally:
        counter_noise.OWN_GENERATORS = before


def crossings(trace: AnnealTrace, threshold: float = 0.1) -> np.ndarray:
    """Beta [M] at which the total KL crosses the threshold for the last time, between two records; NaN for none."""
    found = []
    for beta_T, kl_T in zip(trace.beta_MT, trace.total_kl_nats_MT, strict=True):
        there = np.isfinite(kl_T)
        beta_T, log_kl_T = np.log(beta_T[there]), np.log(np.maximum(kl_T[there], 1e-9) / threshold)
        turns = np.flatnonzero((log_kl_T[:-1] < 0) != (log_kl_T[1:] < 0))
        if not len(turns):
            found.append(math.nan)
            continue
        t = int(turns[-1])
        share = log_kl_T[t] / (log_kl_T[t] - log_kl_T[t + 1])
        found.append(math.exp(beta_T[t] + share * (beta_T[t + 1] - beta_T[t])))
    return np.array(found)


def _row(what: str, found: str, goal: float, value: float, least: bool = False) -> str:
    met = value >= goal if least else value <= goal
    return f"| {what} | {found} | {'at least' if least else 'at most'} {goal:g} | {'met' if met else '**not met**'} |"
