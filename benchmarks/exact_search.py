"""Is what exact annealing calls the equilibrium the lowest state? Held against descents from random posteriors.

    python benchmarks/exact_search.py [--hearts 60] [--shapes 60] [--starts 30] [--minimum 100]

Two checks, and a table of each in benchmarks/RESULTS.md.

1. The strongest transitions of sprites, orientation of the heart and shape: each context must freeze, cross the
   threshold between 0.8 of the lower edge and 1.001 of the upper one, and at every record of the equilibrium no descent
   from random posteriors may end lower by more than 1e-4 nat of KL (the fifth of them that is lowest after 50 steps is
   followed to the end).
2. `exact_minimum` on small random data sets (3 to 12 images of 2 to 20 pixels), at three betas each: in how many of
   them does a descent from random posteriors, or from random orders of the images, end lower by more than that?
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch
from scipy.special import ndtri

from ifp.analysis.freezing.points import freezing_points
from ifp.datasets.factors import FactorTraversal
from ifp.datasets.sprites import Sprites
from ifp.exact.annealing import exact_annealing
from ifp.exact.ideal_vae import make_batch
from ifp.exact.lowest import exact_minimum
from ifp.exact.solutions import States, penalised_nats
from ifp.exact.solve import solve
from ifp.likelihood import Bernoulli
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.reduction import reduce_traversal

ALLOWED = 1e-4
"""How far above another state's objective a record may be, in nats of KL (objective over beta)."""
HEART = 2


def random_gain(images: np.ndarray, betas: np.ndarray, nats: np.ndarray, starts: int, seed: int) -> np.ndarray:
    """How much lower [B] than `nats` the best descent from random posteriors ends, in units of beta."""
    reduced = reduce_traversal(images, Bernoulli())
    batch = make_batch([reduced], Bernoulli(), "cpu")
    n = len(images)
    generator = np.random.default_rng(seed)
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    gains = []
    for beta, known in zip(betas, nats, strict=True):
        spread = generator.uniform(0.3, 1.5, size=(starts, 1))
        means = spread * generator.normal(size=(starts, n))
        # every other start has its images in a random order at equal distances: deeper, and without near coincidences
        means[1::2] = np.array([quantiles[generator.permutation(n)] for _ in range(starts // 2)])
        log_stds = np.log(generator.uniform(0.15, 0.9, size=(starts, 1))) * np.ones((1, n))
        state = States(torch.from_numpy(means[:, :, None]), torch.from_numpy(log_stds[:, :, None]))
        level = torch.full((starts,), float(beta), dtype=torch.float64)
        rows = torch.zeros(starts, dtype=torch.long)
        # after some steps the best fifth goes on to its minima
        found = solve(batch.take(rows), state, level, torch.ones_like(level), power=0.0, max_evaluations=50, rough=True)
        best = penalised_nats(found, 0.0).argsort()[: max(1, starts // 5)]
        at = level[best]
        found = solve(
            batch.take(rows[best]), found.states.take(best), at, torch.ones_like(at), power=0.0, tolerance=1e-8
        )
        lowest = min(float(penalised_nats(found, 0.0).min()), float(batch.collapsed_nats_M[0]))
        gains.append((known - lowest) / beta)
    return np.array(gains)


def check_context(starts: int, traversal: FactorTraversal) -> dict[str, float | str]:
    """The first check on one traversal of sprites."""
    torch.set_num_threads(1)
    images = Sprites().traversal_images(traversal)
    began = time.process_time()
    trace = exact_annealing(images)
    seconds = time.process_time() - began
    row = int(np.flatnonzero(trace.direction_M == "equilibrium")[0])
    points = freezing_points(trace).iloc[row]
    known = np.isfinite(trace.beta_MT[row])
    beta = trace.beta_MT[row][known]
    nats = trace.recon_nats_MT[row][known] + beta * trace.total_kl_nats_MT[row][known]
    gain = random_gain(images, beta, nats, starts, seed=1)
    return {
        "factor": traversal.factor,
        "context": "-".join(map(str, traversal.context)),
        "status": str(points["status"]),
        "over_lower": points["beta_ifp"] / trace.beta_closed_form_M[row],
        "over_upper": points["beta_ifp"] / trace.beta_upper_M[row],
        "worst_gain": float(gain.max()),
        "at_beta": float(beta[gain.argmax()] / trace.beta_closed_form_M[row]),
        "seconds": seconds,
    }


def check_minimum(starts: int, number: int) -> tuple[float, float]:
    """The second check on one small random data set: the largest gain of three betas, and the seconds per beta took."""
    torch.set_num_threads(1)
    generator = np.random.default_rng((5, number))
    n, pixels = int(generator.integers(3, 13)), int(generator.integers(2, 21))
    images = generator.random((n, pixels))
    if number % 2:
        images = (images < generator.uniform(0.3, 0.7)).astype(float)
        images[0], images[1] = 0.0, 1.0  # so that something varies
    betas = freezing_bounds(images, upper=False).beta_closed_form_M[0] * generator.uniform(0.1, 1.05, size=3)
    began = time.process_time()
    nats = exact_minimum(images, betas)
    seconds = (time.process_time() - began) / 3
    return float(random_gain(images, betas, nats, starts, seed=2).max()), seconds


def main() -> None:
    """Run both checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hearts", type=int, default=60, help="orientations of the heart; 0 for none")
    parser.add_argument("--shapes", type=int, default=60, help="traversals of shape; 0 for none")
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--minimum", type=int, default=100, help="small random data sets")
    parser.add_argument("--minimum-starts", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    dataset = Sprites()
    chosen = []
    if options.hearts:
        drawn = dataset.sample_traversals("orientation", 5 * options.hearts, seed=3)
        chosen += [t for t in drawn if t.context[0] == HEART][: options.hearts]
    if options.shapes:
        chosen += dataset.sample_traversals("shape", options.shapes, seed=3)
    with ProcessPoolExecutor(options.processes) as pool:
        for result in pool.map(partial(check_context, options.starts), chosen):
            good = result["status"] == "frozen" and float(result["worst_gain"]) <= ALLOWED
            good &= float(result["over_lower"]) >= 0.8 and float(result["over_upper"]) <= 1.001
            words = [f"{k} {v:.5f}" if isinstance(v, float) else f"{v:22}" for k, v in result.items()]
            print("ok  " if good else "FAIL", *words, flush=True)
        gains = []
        for number, (gain, seconds) in enumerate(
            pool.map(partial(check_minimum, options.minimum_starts), range(options.minimum))
        ):
            gains.append(gain)
            print(
                "ok  " if gain <= ALLOWED else "FAIL",
                f"set {number:3} gain {gain:.6f} seconds {seconds:.2f}",
                flush=True,
            )
    if gains:
        print(f"sets in which random starts end lower: {sum(g > ALLOWED for g in gains)} of {len(gains)}")


if __name__ == "__main__":
    main()
