"""Exact heating against a computation apart from it: where made-up images cross 0.1 nat for good as beta rises.

    OMP_NUM_THREADS=1 python benchmarks/exact_heating.py --sets 60     # 10 to 20 s each
    OMP_NUM_THREADS=1 python benchmarks/exact_heating.py --only 9 13 --step 0.01

The other computation minimises R + beta K by scipy's L-BFGS-B on a fixed grid of z, from the deepest state that exact
annealing recorded, while beta rises by `--step` and, where the state is left, by 3e-5. Where a state falls onto one of
several branches, which one it is may depend on the step: such sets are marked, and say nothing.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from scipy.optimize import minimize

import ifp
from ifp.exact import annealing
from ifp.exact.search import SearchResult

LEAST_STEP, THRESHOLD_NATS = 3e-5, 0.1


class Objective:
    """R + beta K of N images [N, P] and its gradient, by a sum over a grid of z; nothing of `ifp` is used."""

    def __init__(self, images: np.ndarray, likelihood: str, sigma: float, spacing: float) -> None:
        self.images, self.likelihood, self.sigma = images, likelihood, sigma
        self.grid, self.spacing = np.arange(-7, 7, spacing), spacing

    def __call__(self, state: np.ndarray, beta: float) -> tuple[float, np.ndarray]:
        count = len(self.images)
        mean, std = state[:count], np.exp(state[count:])
        z = (self.grid - mean[:, None]) / std[:, None]
        density = np.exp(-z * z / 2) / (np.sqrt(2 * np.pi) * std[:, None])
        decoded = (density.T @ self.images) / (density.sum(0) + 1e-300)[:, None]
        x = self.images
        if self.likelihood == "gaussian":
            cost = ((x**2).sum(1)[:, None] - 2 * x @ decoded.T + (decoded**2).sum(1)) / (2 * self.sigma**2)
        else:
            cost = -(x @ np.log(decoded.T + 1e-300) + (1 - x) @ np.log(1 - decoded.T + 1e-300))
        # the decoder is the best one, so that its own change costs nothing
        by_mean = (density * z / std[:, None] * cost).sum(1) * self.spacing + beta * mean
        by_log_std = (density * (z * z - 1) * cost).sum(1) * self.spacing + beta * (std**2 - 1)
        nats = (density * cost).sum() * self.spacing / count + beta * self.kl_nats(state)
        return float(nats), np.concatenate([by_mean, by_log_std]) / count

    def kl_nats(self, state: np.ndarray) -> float:
        count = len(self.images)
        mean, log_std = state[:count], state[count:]
        return float(((mean**2 + np.exp(2 * log_std) - 1) / 2 - log_std).sum() / count)

    def minimum(self, state: np.ndarray, beta: float) -> np.ndarray:
        for _ in range(4):
            options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 40}
            state = minimize(self, state, (beta,), jac=True, method="L-BFGS-B", options=options).x
        return state


def crossing(objective: Objective, state: np.ndarray, beta: float, step: float, seed: int) -> tuple[float, list[str]]:
    """The beta at which the state holds less than the threshold, and the falls on the way there."""
    rng, count = np.random.default_rng(seed), len(objective.images)
    state, now, falls = objective.minimum(state, beta), step, []
    while True:
        found = objective.minimum(state + 1e-4 * rng.standard_normal(len(state)), beta * (1 + now))
        moved, size = ((v[:count] ** 2).mean() ** 0.5 for v in (found - state, state))
        fell = moved > 0.2 * size
        if fell and now > LEAST_STEP:
            now /= 2
            continue
        before, after = objective.kl_nats(state), objective.kl_nats(found)
        if fell:
            falls.append(f"{beta:.5g}: {before:.3f} to {after:.3f}")
        if after <= THRESHOLD_NATS:
            share = 0.0 if fell else (before - THRESHOLD_NATS) / (before - after)
            return beta * (1 + now * share), falls
        state, beta, now = found, beta * (1 + now), step


def made_up(seed: int) -> tuple[np.ndarray, str, float]:
    """One-hot images, rings, random ones or bars; 4 to 12 of them."""
    rng = np.random.default_rng(seed)
    kind, count = rng.integers(4), int(rng.integers(4, 13))
    likelihood = ("gaussian", "bernoulli")[rng.integers(2)]
    sigma = float(rng.choice([0.3, 0.5, 1.0])) if likelihood == "gaussian" else 1.0
    if kind == 0:
        images = np.eye(count) * rng.uniform(0.5, 1)
    elif kind == 1:
        turns = 2 * np.pi * (np.arange(count)[:, None] / count - np.arange(3 * count) / (3 * count))
        images = np.exp(-(np.angle(np.exp(1j * turns)) ** 2) / (2 * rng.uniform(0.2, 0.6) ** 2))
    elif kind == 2:
        images = (rng.random((count, rng.integers(6, 40))) < 0.3) * 0.9 + 0.05
    else:
        width, places = int(rng.integers(1, 5)), np.arange(4 * count) - 3 * np.arange(count)[:, None]
        images = ((places >= 0) & (places < width)) * 1.0
    return np.unique(images, axis=0), likelihood, sigma


def heated(images: np.ndarray, likelihood: str, sigma: float) -> tuple[float, np.ndarray, float]:
    """The crossing of exact heating, its deepest recorded state (means, then log stds), and the beta of that."""
    first: dict[str, Any] = {}
    follow = annealing.follow

    def kept(around: Any, searched: SearchResult, *rest: Any) -> Any:
        records = follow(around, searched, *rest)
        states = searched.store.get([int(records[0]["heat"].row_T[0])]).states
        first["state"] = np.concatenate([states.mean_MND[0, :, 0].numpy(), states.log_std_MND[0, :, 0].numpy()])
        first["beta"] = float(records[0]["heat"].beta_T[0])
        return records

    annealing.follow = kept
    try:
        points = ifp.exact_annealing(images, likelihood, sigma=sigma, directions=["heat"]).freezing_points()
    finally:
        annealing.follow = follow
    return float(points["beta_ifp"].iloc[0]), first["state"], first["beta"]


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=60, help="made-up sets of images")
    parser.add_argument("--only", type=int, nargs="*", help="the numbers of these sets alone")
    parser.add_argument("--step", type=float, default=0.002, help="relative step of beta")
    given = parser.parse_args()
    for seed in given.only or range(given.sets):
        images, likelihood, sigma = made_up(seed)
        ours, state, beta = heated(images, likelihood, sigma)
        spacing = min(0.04, float(np.exp(state[len(images) :]).min()) / 5)
        theirs, falls = crossing(Objective(images, likelihood, sigma, spacing), state, beta, given.step, seed)
        said = f"set {seed}: {len(images)} images, {likelihood} {sigma:g}: {ours:.6g}, other {theirs:.6g}"
        print(f"{said}, {ours / theirs - 1:+.1e}; falls {'; '.join(falls) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
