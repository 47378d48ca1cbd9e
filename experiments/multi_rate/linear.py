"""One multi-rate linear VAE on Gaussian images: is its whole curve the exact one, in every direction?

    python experiments/multi_rate/linear.py

Writes results/linear.csv: for each of 8 networks and each direction the largest error of the KL at any beta, and its
crossing of 0.1 nat beside the exact one, the eigenvalue over sigma^2 times exp(-0.2).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import ifp
from ifp.datasets.arrays import ArrayDataset
from ifp.networks.fully_connected import LinearNetwork
from ifp.networks.gated import GatedNetwork
from ifp.objectives.multi_rate import MultiRate
from ifp.training.config import TrainConfig
from ifp.training.multi_rate import set_up_multi_rate
from ifp.training.multi_rate_folder import MultiRateFolder
from ifp.training.run import train

HERE = Path(__file__).resolve().parent
SIGMA, VARIANCES, PIXELS, IMAGES = 0.08, (7.0, 3.0, 1.2), 6, 4000
RANGE = {"beta_start": 12.0, "beta_end": 0.4, "betas": 100}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, nargs="*", default=[1000, 4000, 16000])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    dataset, edges = gaussian_images()
    tables = [errors(dataset, edges, steps, given.seeds) for steps in given.steps]
    given.out.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(given.out / "linear.csv", index=False, float_format="%.4g")


def gaussian_images() -> tuple[ArrayDataset, np.ndarray]:
    """Images that are Gaussian in three directions, and their edges: eigenvalues of what was drawn over sigma^2."""
    generator = np.random.default_rng(0)
    rotation = np.linalg.qr(generator.standard_normal((PIXELS, PIXELS)))[0]
    deviation = SIGMA * np.sqrt([*VARIANCES, *(0.02,) * (PIXELS - len(VARIANCES))])
    drawn = 0.5 + (generator.standard_normal((IMAGES, PIXELS)) * deviation) @ rotation
    pixels = np.round(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
    edges = np.sort(np.linalg.eigvalsh(np.cov((pixels / 255).T, bias=True)))[::-1] / SIGMA**2
    return ifp.dataset(pixels.reshape(IMAGES, 2, 3)), edges


def errors(dataset: ArrayDataset, edges: np.ndarray, steps: int, seeds: int) -> pd.DataFrame:
    """One row per network and direction."""
    config = TrainConfig(
        dataset="arrays", objective="multi-rate", options=RANGE, architecture="mlp", latents=4, batch=64, steps=steps,
        records=20, seeds=seeds, learning_rate=5e-3, likelihood="gaussian", sigma=SIGMA,
    )  # fmt: skip
    setup = set_up_multi_rate(dataset, config, threads=1)
    assert isinstance(setup.objective, MultiRate)
    setup = replace(setup, network=GatedNetwork(LinearNetwork(config.latents), setup.objective.range))
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = MultiRateFolder(Path(place) / "run", setup)
        started = time.process_time()
        train(setup, folder)
        seconds = (time.process_time() - started) / seeds
        for seed in range(seeds):
            found = list(folder.at_betas(seed))
            beta_G = np.array([one.beta for one in found])
            kl_GD = np.stack([np.sort(one.codes.kl_nats_D())[::-1] for one in found])
            for direction, edge in enumerate(edges[: len(VARIANCES)]):
                exact_G = np.maximum(0, 0.5 * np.log(edge / beta_G))
                crossing = np.exp(np.interp(0.1, kl_GD[:, direction], np.log(beta_G)))
                rows.append(
                    {
                        "steps": steps, "seed": seed, "direction": direction, "edge": edge,
                        "exact_crossing": edge * np.exp(-0.2), "crossing": crossing,
                        "ratio": crossing / (edge * np.exp(-0.2)),
                        "largest_error_nats": np.abs(kl_GD[:, direction] - exact_G).max(),
                        "cpu_seconds": seconds,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
