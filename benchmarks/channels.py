"""Similarity of all pairs of channels: matrix products against a loop over pairs, and the memory of many channels.

    python benchmarks/channels.py [--models 20] [--points 1000] [--threads 2] [--many 500]

Posteriors are made up: 10 latents per model, some of which recur in other models, from narrow to wide. The loop is
written in NumPy, in float32 as ours, three times: as the definition reads, NMI and VI of a pair from its five
informations (an eighth of the pairs, times 8); with all that is of one channel taken out of the loop, so that for a
pair both ready Bhattacharyya distances are added and the mean of exp(-sum) is taken; and with the coefficients ready
too, so that it only multiplies and adds. NumPy does all three on one core. Ours starts from means and log-variances and
also gives the upper bounds; it is timed between the pieces of the loops, so that other work on the machine slows both.
CPU seconds are of all threads together, and other work changes them less. Memory is the largest resident one of a
process that does nothing else, PyTorch included.

Shapes: C channels, N points, P pieces.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

import ifp
from ifp.fingerprints.fingerprints import GaussianFingerprints
from ifp.fingerprints.models import Channel, Similarity
from ifp.fingerprints.similarity import measure_similarity
from ifp.seeds import numpy_generator

LATENTS = 10
PIECES = 8
"""P: the loops are cut into so many; ours runs once after each."""
Bits = Callable[[int, int], float]


def made_up_posteriors(models: int, points: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean and logvar, [N, 1] each, of all latents of all models."""
    rng = numpy_generator(0, "benchmarks", "channels")
    shared_ND = rng.uniform(-1.7, 1.7, size=(points, LATENTS))
    means, logvars = [], []
    for _ in range(models):
        signal_ND = (shared_ND + 0.1 * rng.normal(size=shared_ND.shape))[:, rng.permutation(LATENTS)]
        sigma_D = rng.choice([0.03, 0.1, 0.3, 0.7], size=LATENTS)
        means += list((np.sqrt(1 - sigma_D**2) * signal_ND).T[:, :, None])
        logvars += list((2 * np.log(sigma_D) + 0.2 * rng.normal(size=signal_ND.shape)).T[:, :, None])
    return means, logvars


def distances(mean_N1: np.ndarray, logvar_N1: np.ndarray) -> np.ndarray:
    """Bhattacharyya distances of one latent, [N, N], float32."""
    variance_N1 = np.exp(logvar_N1)
    middle_NN = (variance_N1 + variance_N1.T) / 2
    apart_NN = (mean_N1 - mean_N1.T) ** 2 / (8 * middle_NN)
    return (apart_NN + (np.log(middle_NN) - (logvar_N1 + logvar_N1.T) / 2) / 2).astype(np.float32)


def similarity(alone_C: np.ndarray, joint_CC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """NMI and VI of all pairs from the information of each and of each pair, bits."""
    twice_C = joint_CC.diagonal()
    entropy_C = 2 * alone_C - twice_C
    shared_CC = alone_C[:, None] + alone_C - joint_CC
    return shared_CC / np.sqrt(entropy_C[:, None] * entropy_C), 2 * joint_CC - twice_C[:, None] - twice_C


def seconds(call: Callable[[], object]) -> np.ndarray:
    """Seconds that one call takes, and seconds of computing that all its threads take together."""
    started = np.array([time.perf_counter(), time.process_time()])
    call()
    return np.array([time.perf_counter(), time.process_time()]) - started


def race(name: str, channels: int, bits: Bits, alone_C: np.ndarray, ours: Callable[[], Similarity]) -> str:
    """A row of the table: the whole loop over pairs, and ours after each piece of it."""
    joint_CC = np.zeros((channels, channels))
    pairs = [(i, j) for i in range(channels) for j in range(i + 1)]

    def loop(piece: int) -> None:
        for i, j in pairs[piece::PIECES]:
            joint_CC[i, j] = joint_CC[j, i] = bits(i, j)

    found = ours()
    loop_P2, ours_P2 = np.empty((2, PIECES, 2))
    for piece in range(PIECES):
        loop_P2[piece] = seconds(lambda piece=piece: loop(piece))
        ours_P2[piece] = seconds(ours)
    ratio_P = PIECES * loop_P2[:, 0] / ours_P2[:, 0]
    (loop_s, loop_cpu_s), (ours_s, ours_cpu_s) = loop_P2.sum(0), ours_P2.mean(0)
    nmi_CC, vi_CC = similarity(alone_C, joint_CC)
    return (
        f"| {name} | {loop_s:.0f} | {ours_s:.2f} | "
        f"{loop_s / ours_s:.0f} ({ratio_P.min():.0f} to {ratio_P.max():.0f}) | {loop_cpu_s:.0f} | {ours_cpu_s:.2f} | "
        f"{np.abs(nmi_CC - found.nmi_CC).max():.0e} | "
        f"{np.abs(vi_CC - found.vi_bits_CC).max():.0e} |"
    )


def information(distance_NN: np.ndarray) -> float:
    """The lower bound, bits."""
    return float(-np.log2(np.exp(-distance_NN).mean(axis=1)).mean(dtype=float))


def race_by_definition(distance_CNN: Sequence[np.ndarray], ours: Callable[[], Similarity]) -> str:
    """A row of the table: a piece of the loop that measures a pair by the definitions of NMI and VI."""
    pairs = [(i, j) for i in range(len(distance_CNN)) for j in range(i + 1)][::PIECES]
    found, differences = ours(), []

    def loop() -> None:
        for i, j in pairs:
            u_NN, v_NN = distance_CNN[i], distance_CNN[j]
            alone, other, joint = information(u_NN), information(v_NN), information(u_NN + v_NN)
            twice, other_twice = information(2 * u_NN), information(2 * v_NN)
            nmi = (alone + other - joint) / np.sqrt((2 * alone - twice) * (2 * other - other_twice))
            vi = 2 * joint - twice - other_twice
            differences.append((abs(nmi - found.nmi_CC[i, j]), abs(vi - found.vi_bits_CC[i, j])))

    loop_2, ours_2 = PIECES * seconds(loop), np.mean([seconds(ours) for _ in range(PIECES)], axis=0)
    nmi, vi = np.max(differences, axis=0)
    return (
        f"| the definition: five informations per pair | {loop_2[0]:.0f} | {ours_2[0]:.2f} | "
        f"{loop_2[0] / ours_2[0]:.0f} | {loop_2[1]:.0f} | {ours_2[1]:.2f} | {nmi:.0e} | {vi:.0e} |"
    )


def compare(models: int, points: int) -> Similarity:
    """Ours, from means and log-variances."""
    means, logvars = made_up_posteriors(models, points)
    channels = [Channel(str(i), i // LATENTS, (i % LATENTS,)) for i in range(len(means))]
    return measure_similarity(GaussianFingerprints(means, logvars), channels)


def memory_row(models: int, points: int) -> str:
    """A row of the table of memory, measured in this process."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent, _ = seconds(lambda: compare(models, points))
    unit = 1 if sys.platform == "darwin" else 1024
    before_mb, peak_mb = (unit * kb / 1e6 for kb in (before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    return f"| {models * LATENTS} | {points} | {spent:.1f} | {before_mb:.0f} | {peak_mb:.0f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--many", type=int, default=500, help="channels whose memory is measured")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    load = "unknown" if sys.platform == "win32" else f"{os.getloadavg()[0]:.1f}"
    print(f"{time.strftime('%Y-%m-%d')}, {platform.processor() or 'CPU'}, {os.cpu_count()} cores, load {load} before, "
          f"{options.threads} threads, python {platform.python_version()}, numpy {np.__version__}, "
          f"torch {torch.__version__}, ifp {ifp.__version__}\n", flush=True)  # fmt: skip

    print("| channels | points | s | resident before, MB | largest resident, MB |\n|---|---|---|---|---|")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(memory_row, (options.many // LATENTS, options.points)), flush=True)

    means, logvars = made_up_posteriors(options.models, options.points)
    distance_CNN = [distances(mean_N1, logvar_N1) for mean_N1, logvar_N1 in zip(means, logvars, strict=True)]
    alone_C = np.array([information(distance_NN) for distance_NN in distance_CNN])

    def plain(i: int, j: int) -> float:
        return information(distance_CNN[i] + distance_CNN[j])

    def ours() -> Similarity:
        return compare(options.models, options.points)

    channels = len(means)
    print(f"\n| {channels} channels, {options.points} points, all pairs | loop, s | ours, s | ratio | loop, CPU s "
          "| ours, CPU s | largest difference, NMI | VI, bits |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    print(race_by_definition(distance_CNN, ours), flush=True)
    print(race("distances ready: add, exp, mean", channels, plain, alone_C, ours), flush=True)
    ready_CNN = [np.exp(-distance_NN) for distance_NN in distance_CNN]

    def ready(i: int, j: int) -> float:
        return float(-np.log2((ready_CNN[i] * ready_CNN[j]).mean(axis=1)).mean(dtype=float))

    print(race("coefficients ready: multiply, mean", channels, ready, alone_C, ours), flush=True)


if __name__ == "__main__":
    main()
