"""Ensembles on disk whose channels are known: the exact VAEs of `tests.checkpoints`, turned, and runs made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..checkpoints import exact_vaes as exact


def turned(seed: int) -> np.ndarray:
    """Another order and other signs of the latents, which hold the same."""
    rng = np.random.default_rng(seed)
    return np.eye(exact.LATENTS)[rng.permutation(exact.LATENTS)] * rng.choice([-1.0, 1.0], exact.LATENTS)


def write_models(folder: Path, count: int, *, sigma2: float = exact.SIGMA2) -> list[Path]:
    """Checkpoints that agree but for order and signs of their latents."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        exact.write_components(folder / f"model-{name}.pt", sigma2=sigma2, mixing_DD=turned(at))
        for at, name in enumerate("abcdefgh"[:count])
    ]


def write_run(
    folder: Path,
    seeds: int,
    *,
    sigma2_of_step: dict[int, float],
    step_T: Sequence[int],
    beta_T: Sequence[float],
    kl_nats_STD: np.ndarray,
    unfinished: Sequence[tuple[int, str]] = (),
    data: tuple[str, str] | None = None,
) -> Path:
    """The folder of an `ifp train` run, with these records [seeds, T, D] and a checkpoint at each step given."""
    folder.mkdir(parents=True)
    records: dict[str, np.ndarray] = {"factor_names": np.array(exact.NAMES)}
    for seed in range(seeds):
        place = folder / f"seed-{seed}"
        place.mkdir()
        (place / "run.json").write_text(json.dumps({"format": "ifp-vae", "seed": seed}))
        for step, sigma2 in sigma2_of_step.items():
            exact.write_components(place / f"step-{step:06d}.pt", step=step, sigma2=sigma2, mixing_DD=turned(seed))
        records |= {
            f"{seed}_step": np.array(step_T),
            f"{seed}_beta": np.array(beta_T, dtype=float),
            f"{seed}_kl_nats": kl_nats_STD[seed],
        }
    np.savez(folder / "records.npz", **records)
    standing = {str(seed): {"status": "finished", "step": step_T[-1]} for seed in range(seeds)}
    standing |= {str(seed): {"status": status, "step": 0} for seed, status in unfinished}
    about = {"dataset": dict(zip(("name", "checksum"), data, strict=True))} if data else {}
    (folder / "run.json").write_text(json.dumps({"format": "ifp-train", "seeds": standing, **about}))
    return folder


def latent_bits(sigma2: float = exact.SIGMA2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each factor's latent on the whole grid: lower and upper bound of I(X; U), and I(X; U, U'), bits.

    The grid is a product, so that the mean over all images is that over the values of the one factor that the latent
    holds.
    """
    values = np.arange(exact.SIZES[0])
    found = []
    for variance in exact.component_variances():
        mean_V = np.sqrt(variance - sigma2) * (values - values.mean()) / values.std() / np.sqrt(variance)
        apart_VV = (mean_V[:, None] - mean_V) ** 2 / (sigma2 / variance)
        kernels = (np.exp(-apart_VV / 8), np.exp(-apart_VV / 2), np.exp(-apart_VV / 4))
        found.append([-np.log2(kernel.mean(axis=1)).mean() for kernel in kernels])
    lower_F, upper_F, two_F = np.array(found).T
    return lower_F, upper_F, two_F
