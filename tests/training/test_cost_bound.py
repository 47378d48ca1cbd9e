"""A dry run of a whole data set ends in time whatever the size, and what it extrapolates follows the law it should."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ifp.analysis.joint.cost import seconds_of_all
from ifp.cli import main
from ifp.datasets.catalog import as_dataset
from ifp.training import cost
from ifp.training.chunks import borders
from ifp.training.config import TrainConfig
from ifp.training.setup import set_up


class Clock:
    """A clock that only work moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    held = Clock()
    monkeypatch.setattr(time, "perf_counter", held)
    return held


@pytest.mark.parametrize("power", [1.0, 1.7, 3.0])
@pytest.mark.parametrize(("size", "scale"), [(5, 1.0), (8, 1e-3), (200, 1e-6), (1000, 1e-9), (3000, 1e-4)])
def test_measuring_is_extrapolated_by_its_own_power(clock: Clock, power: float, size: int, scale: float) -> None:
    def work(latents: int) -> None:
        clock.now += scale * latents**power

    found = seconds_of_all(work, size, 8.0)
    spent = clock.now
    assert spent <= 8.0 or spent == pytest.approx(scale * min(size, 8) ** power)  # the first is measured in any case
    if spent > scale * min(size, 8) ** power:  # two sizes or more
        assert found == pytest.approx(scale * size**power, rel=1e-6)


@pytest.mark.parametrize("batch", [1, 16, 64, 4096])
@pytest.mark.parametrize(("fixed", "each"), [(0.001, 1e-4), (0.05, 0.01), (0.2, 0.2), (3.0, 0.5)])
def test_steps_of_large_batches_are_extrapolated_in_a_straight_line(
    clock: Clock, batch: int, fixed: float, each: float
) -> None:
    class Trainer:
        def __init__(self, size: int) -> None:
            self.size = size

        def run(self, steps: int) -> None:
            clock.now += steps * (fixed + each * self.size)

    make: Callable[[int], Trainer] = Trainer
    found, _ = cost._step_seconds(make, batch, torch.device("cpu"))  # type: ignore[arg-type]
    of_probe = fixed + each * min(batch, cost.PROBE_BATCH)
    assert clock.now <= 2 * of_probe + 4 * cost.MOST_SECONDS + 4 * fixed
    true = fixed + each * batch
    if 4 * of_probe < cost.MOST_SECONDS or batch <= cost.PROBE_BATCH:
        assert found == pytest.approx(true, rel=1e-6)
    else:  # one small batch was all there was time for: never less than the truth
        assert true <= found <= true * of_probe / (each * cost.PROBE_BATCH) * 1.001


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> str:
    images = np.zeros((36, 8, 8), np.uint8)
    factors = np.stack(np.meshgrid(range(6), range(6), indexing="ij"), axis=-1).reshape(-1, 2)
    for number, (x, y) in enumerate(factors):
        images[number, y : y + 3, x : x + 3] = 255
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=images, factors=factors)
    return f"npz:{path}"


FAST = ("--architecture", "mlp", "--hidden", "16", "--steps", "24", "--records", "12", "--seeds", "1", "--quiet")


@pytest.mark.parametrize("ends", [(), ("--beta-max", "0.5"), ("--beta-min", "30"), ("--law", "author")])
def test_a_dry_run_looks_for_no_range_of_beta(
    squares: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: tuple[str, ...]
) -> None:
    def never(*args: object, **more: object) -> None:
        raise AssertionError

    for name in ("joint_edges", "conditional_edges"):
        monkeypatch.setattr(f"ifp.theory.joint_edges.{name}", never)
    # the one without ends is large, so that its cost is extrapolated
    size = ["--latents", "3", "--batch", "32"] if ends else ["--latents", "300", "--batch", "3000"]
    arguments = ["anneal", "--whole", "--dataset", squares, *FAST, *ends, *size]
    found = CliRunner().invoke(main, [*arguments, "--dry-run", "--out", str(tmp_path / "run")])
    assert found.exit_code == 0, found.output
    assert "to measure information afterwards" in found.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_the_run_that_is_there(squares: str, tmp_path: Path) -> None:
    arguments = ["anneal", "--whole", "--dataset", squares, *FAST, "--latents", "2", "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(main, arguments).exit_code in (0, 1)
    assert CliRunner().invoke(main, [*arguments, "--dry-run"]).exit_code == 0
    other = CliRunner().invoke(main, [*arguments, "--dry-run", "--batch", "9"])
    assert other.exit_code == 2
    assert "holds another run (batch 64 there, 9 now)" in other.output


def test_the_information_of_every_record_and_network_counts(squares: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ticking(Clock):
        def __call__(self) -> float:
            self.now += 1e-9
            return self.now

    clock = Ticking()
    monkeypatch.setattr(time, "perf_counter", clock)

    def slow(mean_ND: np.ndarray, logvar_ND: np.ndarray, factors_NF: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
        assert mean_ND.shape == logvar_ND.shape == (36, 10)
        assert (factors_NF.shape, sizes) == ((36, 2), (6, 6))
        clock.now += 0.5
        return np.zeros((10, 2))

    config = TrainConfig(dataset=squares, architecture="mlp", hidden=16, steps=30, records=6, seeds=3, batch=8)
    found = cost.train_cost(set_up(as_dataset(squares), config, device="cpu"), posterior_nmi=slow)
    assert found.seconds == pytest.approx(0.5 * len(borders(config)) * 3, rel=1e-3)
