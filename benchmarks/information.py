"""Information of latents on factors: one checkpoint's seconds, and histogram MI against a loop over scikit-learn's.

    python benchmarks/information.py [--images 10000] [--latents 10]

Codes are made up, with factors of 3, 6, 40, 32 and 32 values: some latents follow one factor, some several, and the
rest have collapsed. Nothing is rendered or encoded. Both sides of the ratio are measured in turn in the same run.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy
import sklearn
from sklearn.metrics import mutual_info_score

import ifp
from ifp.analysis.information.decomposition import decompose_kl
from ifp.analysis.information.mutual_information import histogram_mi_nats
from ifp.analysis.information.per_latent import ESTIMATORS, measure_information
from ifp.codes import Codes
from ifp.seeds import numpy_generator

SIZES = (3, 6, 40, 32, 32)
ROUNDS = 7
CALLS = 21
"""Of the faster side in a round, whose median is taken: one call is too short to time."""


def made_up_codes(num_images: int, num_latents: int, *, narrow: bool = False) -> Codes:
    """Codes of posteriors from narrow to collapsed; `narrow` makes all narrow, which is the most work."""
    rng = numpy_generator(0, "benchmarks", "information")
    factors_NF = np.stack([rng.integers(size, size=num_images) for size in SIZES], axis=1)
    weights_FD = rng.dirichlet(np.full(len(SIZES), 0.3), size=num_latents).T
    signal_ND = (factors_NF / SIZES) @ weights_FD
    signal_ND = (signal_ND - signal_ND.mean(axis=0)) / signal_ND.std(axis=0)
    sigma_D = (
        np.full(num_latents, 0.02) if narrow else np.resize([0.03, 0.05, 0.1, 0.2, 0.5, 1, 1, 1, 1, 1], num_latents)
    )
    mean_ND = np.sqrt(1 - np.minimum(sigma_D, 0.9999) ** 2) * signal_ND
    logvar_ND = np.tile(2 * np.log(sigma_D), (num_images, 1))
    return Codes(mean_ND, logvar_ND, factors_NF, ("shape", "scale", "orientation", "posX", "posY"), SIZES)


def one_pair_at_a_time(codes: Codes) -> np.ndarray:
    """Histogram MI as in disentanglement_lib: bin each latent, then scikit-learn on every pair."""
    bins = [np.digitize(z_N, np.histogram(z_N, 20)[1][:-1]) for z_N in codes.mean_ND.T]
    return np.array([[mutual_info_score(values_N, b_N) for values_N in codes.factors_NF.T] for b_N in bins])


def seconds(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def histogram_row(codes: Codes) -> str:
    """Medians over rounds in which both sides were measured in turn."""
    loop, ours, ratio = [], [], []
    for _ in range(ROUNDS):
        loop.append(seconds(lambda: one_pair_at_a_time(codes)))
        calls = [seconds(lambda: histogram_mi_nats(codes.mean_ND, codes.factors_NF)) for _ in range(CALLS)]
        ours.append(statistics.median(calls))
        ratio.append(loop[-1] / ours[-1])
    apart = np.abs(one_pair_at_a_time(codes) - histogram_mi_nats(codes.mean_ND, codes.factors_NF)).max()
    return (
        f"| {1e3 * statistics.median(loop):.1f} | {1e3 * statistics.median(ours):.2f} | {statistics.median(ratio):.0f} "
        f"({min(ratio):.0f} to {max(ratio):.0f}) | {apart:.0e} |"
    )


def checkpoint_row(name: str, codes: Codes) -> str:
    """Seconds of each part of one checkpoint, 100 permutations and 200 bootstraps."""
    spent = [seconds(lambda e=estimator: measure_information(codes, e)) for estimator in ESTIMATORS]
    decomposition = seconds(lambda: decompose_kl(codes))
    return f"| {name} | {spent[0]:.2f} | {spent[1]:.2f} | {sum(spent):.2f} | {decomposition:.2f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--latents", type=int, default=10)
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.processor() or 'CPU'}, {os.cpu_count()} cores, "
          f"python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"scikit-learn {sklearn.__version__}, ifp {ifp.__version__}\n")  # fmt: skip
    usual = made_up_codes(options.images, options.latents)
    print(f"{options.images} images x {options.latents} latents x {len(SIZES)} factors of {SIZES} values\n")
    print("| loop over mutual_info_score, ms | histogram_mi_nats, ms | ratio | largest difference, nats |")
    print("|---|---|---|---|")
    print(histogram_row(usual), flush=True)
    print("\n| one checkpoint, 100 permutations, 200 bootstraps | histogram, s | posterior, s | both, s | "
          "KL decomposition, s |\n|---|---|---|---|---|")  # fmt: skip
    print(checkpoint_row("half the latents collapsed", usual), flush=True)
    print(checkpoint_row("all latents narrow", made_up_codes(options.images, options.latents, narrow=True)))


if __name__ == "__main__":
    main()
