"""`ifp diagnose --metrics topology-lite` and `ifp directions` on a model whose optimum is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ifp
from ifp.cli import main

from ...checkpoints import exact_vaes as exact
from .command import done, table


def test_every_active_latent_has_a_difference(grid: str, model: Path, tmp_path: Path) -> None:
    """500 images are enough: the measure needs no factors and few codes."""
    content = done(model, "--dataset", grid, "--metrics", "topology-lite", "--images", "500", out=tmp_path)
    numbers = content["about"]["metrics"]["topology-lite"]
    latents = table(tmp_path, "topology")
    active = np.flatnonzero(exact.kl_nats() >= 0.1)
    assert sorted(latents["latent"]) == active.tolist()
    assert (latents["metric"] == "topology-lite").all()
    assert latents["minmax"].is_monotonic_increasing
    assert numbers["value"] == pytest.approx(latents["minmax"].mean())
    assert (numbers["active"], numbers["settings"]["batch"]) == (len(active), 64)
    assert numbers["ratio"] == pytest.approx(numbers["value"] / numbers["random_value"])


def test_without_a_decoder_it_is_left_out_and_said() -> None:
    position = np.arange(400) % 8
    codes = ifp.Codes(np.stack([position / 2.3 - 1.5, np.zeros(400)], axis=1), np.full((400, 2), [-4.0, 0.0]))
    result = ifp.diagnose(codes, joint=False, metrics="topology-lite")
    assert "topology-lite is left out: no decoder." in result.verdict()  # type: ignore[union-attr]
    assert "images they are mostly bias" not in result.verdict()  # type: ignore[union-attr]


def test_directions_of_a_checkpoint(grid: str, model: Path, tmp_path: Path) -> None:
    options = [
        "--steps",
        "3",
        "--restarts",
        "0",
        "--batch",
        "16",
        "--batches",
        "2",
        "--images",
        "500",
        "--format",
        "png",
    ]
    run = ["directions", str(model), "--dataset", grid, *options, "--quiet", "--out", str(tmp_path / "out")]
    done_once = CliRunner().invoke(main, run)
    assert done_once.exit_code == 0, done_once.output
    assert "directions, mean MinMax" in done_once.stdout
    assert (tmp_path / "out" / "figures" / "ifp_directions.png").is_file()


def test_directions_need_a_data_set(model: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["directions", str(model), "--out", str(tmp_path / "out")])
    assert found.exit_code == 2
    assert "No data set is named; add --dataset NAME" in found.stderr
    assert not (tmp_path / "out").exists()
