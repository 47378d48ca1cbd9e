"""Models whose channels are known, a run of them over beta, and what `ifp channels` found in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ...checkpoints import exact_vaes as exact
from ...fingerprints.ensembles import turned, write_models, write_run
from .command import SEEDS, channels, done

BETA_T = [100.0, 10.0, 1.0]


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    return exact.write_grid(tmp_path_factory.mktemp("data") / "grid.npz")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_models(tmp_path_factory.mktemp("models"), 5)


def kl_nats(scale: float) -> np.ndarray:
    """KL [T, D] of latents in the order of the factors: the first freezes from beta 100 on, the third never."""
    return np.array([[0.0, 0.0, 0.0, 0.0], [0.2, 0.0, 0.05, 0.0], [1.0, 0.4, 0.06, 0.0]]) * scale


@pytest.fixture(scope="session")
def cooled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of a run whose beta fell; the third factor is there in the last checkpoint only."""
    order = [np.abs(turned(seed)).argmax(axis=0) for seed in range(SEEDS)]
    return write_run(
        tmp_path_factory.mktemp("runs") / "cooled", SEEDS, sigma2_of_step={100: 0.04, 150: exact.SIGMA2},
        step_T=[50, 100, 150], beta_T=BETA_T,
        kl_nats_STD=np.stack([kl_nats(1 + seed / 10)[:, at] for seed, at in enumerate(order)]),
    )  # fmt: skip


@pytest.fixture(scope="session")
def found(grid: str, models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the five models' comparison on all images of the grid."""
    out = tmp_path_factory.mktemp("found")
    done(*models, "--dataset", grid, out=out)
    return out


@pytest.fixture(scope="session")
def mapped(cooled: Path, grid: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the cooled run's checkpoints, all of them, with figures; and what was printed."""
    out = tmp_path_factory.mktemp("mapped")
    args = [cooled, "--dataset", grid, "--points", 200, "--along-training", "--format", "png", "--out", out]
    result = channels(*args, figures=True)
    assert result.exit_code == 0, (result.output, result.exception)
    return out, result.stdout
