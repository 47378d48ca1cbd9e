"""What `ifp diagnose` prints: JSON alone, tables within 80 columns, no control codes, figures on demand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ifp.cli import main

from .command import content_of, diagnose, table


def test_json_is_json_alone_on_stdout(grid: str, model: Path, tmp_path: Path) -> None:
    single = json.loads(diagnose(model, "--dataset", grid, "--json", "--out", tmp_path).stdout)
    assert single["folder"] == str(tmp_path)
    assert single["kl_nats"] == content_of(tmp_path)["kl_nats"]
    both = json.loads(diagnose(model, model, "--dataset", grid, "--json", "--out", tmp_path).stdout)
    assert set(both) == {"summary", "runs", "diagnoses"}
    assert both["summary"].startswith("Information diffusion: none; held by no single latent: none; total KL ")
    assert set(both["diagnoses"]) == {str(tmp_path), str(tmp_path / "a")}


def test_figures_and_metrics_on_demand(grid: str, model: Path, tmp_path: Path) -> None:
    sizes = ["--images", "1000", "--permutations", "20", "--bootstraps", "20"]
    args = [
        model,
        "--dataset",
        grid,
        "--out",
        tmp_path,
        *sizes,
        "--format",
        "png",
        "--metrics",
        "mig,modularity",
        "--no-joint",
    ]
    result = diagnose(*args, fast=False)
    assert result.exit_code == 0, result.output
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".png", ".csv", ".txt"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} >= {"nmi", "kl", "traversals"}
    metrics = content_of(tmp_path)["about"]["metrics"]
    assert set(metrics) == {"mig", "modularity"}
    assert metrics["mig"]["value"] == pytest.approx(1, abs=1e-6)


def test_where_the_information_went_of_two_models_side_by_side(rng: np.random.Generator, tmp_path: Path) -> None:
    factors = np.column_stack([rng.integers(4, size=(120, 2)), np.full(120, 2)])
    a, b = (factors[:, at] / 1.1 - 1.4 for at in (0, 1))
    for name, mean in (("straight", [a, b]), ("turned", [(a + b) / 2**0.5, (a - b) / 2**0.5])):
        mean_ND = np.column_stack([*mean, 1.2 * rng.normal(size=120), 0 * a])
        logvar_ND = np.tile([-6.0, -6.0, -2.0, 0.0], (120, 1))
        names = np.array(["posX", "posY", "shape"])
        np.savez(tmp_path / f"{name}.npz", mean=mean_ND, logvar=logvar_ND, factors=factors, factor_names=names)
    few = ["--permutations", "20", "--bootstraps", "20", "--metrics", "none", "--format", "none", "--quiet"]
    straight, turned = (["--codes", str(tmp_path / f"{name}.npz")] for name in ("straight", "turned"))
    named = ["--name", "A=beta-VAE", "--name", "B=DEFT", "--no-joint"]
    both = CliRunner().invoke(main, ["diagnose", *straight, *turned, *named, *few, "--out", str(tmp_path / "both")])
    one = CliRunner().invoke(main, ["diagnose", *turned, *few, "--out", str(tmp_path / "out")])
    assert both.exit_code == one.exit_code == 0, (both.output, one.output, both.exception, one.exception)
    for text in (
        "No information diffusion; posX and posY are held by one latent each; shape is constant (posterior",
        "Latent 2 is active (", "holds nothing of any known factor above the noise floor.",
        "These are 120 samples: below 1,000 intervals are wide",
        "- Information diffusion: posX in DEFT, posY in DEFT; held by no single latent: none; total KL ",
        " nats in beta-VAE and DEFT.",
    ):  # fmt: skip
        assert text in both.stdout, (text, both.stdout)
    assert "posX is held jointly by latents 0 and 1, a rotated pair, which it shares with posY: " in one.stdout
    for stdout in (both.stdout, one.stdout):
        assert not re.search(r"(?<!\+)-0\.00(?!\d)", stdout)
        assert max(len(line) for line in stdout.splitlines() if line.startswith(" ")) <= 80
    joint = table(tmp_path / "out", "joint").set_index("factor")
    assert joint["case"].to_dict() == {"posX": "rotated pair", "posY": "rotated pair", "shape": "constant"}


def test_piped_output_has_no_control_codes(grid: str, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    stored = torch.load(model)
    stored["state_dict"]["more\x1b[2J\r"] = torch.ones(2)
    torch.save(stored, path)
    result = diagnose(path, "--dataset", grid, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert r"arrays not used: more\x1b[2J\r" in result.stdout
    assert not {"\x1b", "\r"} & set(result.output)
