"""`ifp diagnose` of a series, of two models and of several."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ifp.cli import main

from ...checkpoints import exact_vaes as exact
from .command import FAST, content_of, diagnose, done, table


def test_a_series_is_ordered_by_the_steps_inside_the_files(grid: str, series: Path, tmp_path: Path) -> None:
    content = done(series, "--dataset", grid, out=tmp_path)
    assert [entry["step"] for entry in content["about"]["series"]] == [0, 1]
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(0.04), atol=1e-4)
    changes = table(tmp_path, "changes").set_index(["estimator", "factor", "measure", "span"])
    # bins of the mean see nothing of the noise: all or nothing of a factor's information is there
    leakage = changes.loc["histogram"].xs(("leakage", "at_end"), level=("measure", "span"))
    assert leakage["within_noise"].to_dict() == {"first": True, "second": True, "third": False}
    assert leakage.loc["third", "change_nmi"] > 0.95
    # the posterior does
    leakage = changes.loc["posterior"].xs(("leakage", "at_end"), level=("measure", "span"))
    assert (leakage["low"] > 0.5).all()
    assert {path.name for path in tmp_path.iterdir()} >= {"series.csv", "steps.csv", "changes.csv"}


def test_files_named_one_by_one_are_a_series_on_demand(grid: str, series: Path, tmp_path: Path) -> None:
    files = sorted(series.iterdir())
    content = done(*files, "--series", "--dataset", grid, out=tmp_path / "out")
    assert [entry["step"] for entry in content["about"]["series"]] == [0, 1]
    assert not (tmp_path / "out" / "runs.csv").exists()


def test_a_series_without_steps_is_counted_and_the_user_told(grid: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for number, name in enumerate(("model-a1.pt", "model-a2.pt")):
        path = exact.write_components(folder / name, sigma2=(0.04, exact.SIGMA2)[number])
        stored = torch.load(path)
        del stored["global_step"]
        torch.save(stored, path)
    shutil.move(folder / "model-a1.pt", folder / "model.pt")
    shutil.move(folder / "model-a2.pt", folder / "model0.pt")
    args = ["diagnose", str(folder / "model.pt"), str(folder / "model0.pt"), "--series", "--dataset", grid, *FAST]
    result = CliRunner().invoke(main, [*args, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "do not all say their step; they are counted 0, 1, 2" in result.stderr
    assert table(tmp_path / "out", "steps")["step"].unique().tolist() == [0, 1]


def test_the_last_checkpoint_written_twice_counts_once(grid: str, series: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(series, folder)
    (folder / "run.json").write_text('{"format": "ifp-vae"}')
    shutil.copy(folder / "model-1.pt", folder / "last.pt")
    content = done(folder, "--dataset", grid, out=tmp_path / "out")
    assert [entry["step"] for entry in content["about"]["series"]] == [0, 1]


def test_two_runs_are_compared(tmp_path: Path) -> None:
    # latents of equal variance may be turned into each other: as good an optimum, and full diffusion
    steps = (10, 10, 6)
    grid = exact.write_grid(tmp_path / "grid.npz", steps=steps)
    turn = np.eye(exact.LATENTS)
    turn[:2, :2] = np.array([[1, 1], [-1, 1]]) / 2**0.5
    a = exact.write_components(tmp_path / "a.pt", steps=steps)
    b = exact.write_components(tmp_path / "b.pt", steps=steps, mixing_DD=turn)
    out = tmp_path / "out"
    content = done(a, b, "--dataset", grid, out=out)
    assert content["kl_nats"] == pytest.approx(content_of(out / "a")["kl_nats"], abs=1e-4)
    rows = table(out, "comparison")
    rows = rows[(rows["estimator"] == "posterior") & (rows["measure"] == "excess_nmi2")].set_index("factor")
    assert (rows.loc[["first", "second"], "difference"] > 0.1).all()
    assert (rows.loc[["first", "second"], "low"] > 0).all()
    assert abs(rows.loc["third", "difference"]) < 0.01
    factors = table(out, "factors")
    carriers = factors[factors["estimator"] == "posterior"].set_index("factor")["carriers"]
    np.testing.assert_allclose(carriers, [2, 2, 1], atol=0.05)
    runs = table(out, "runs")
    assert len(runs) == 2
    assert runs["udr"].notna().all()


def test_three_runs_side_by_side_with_udr(grid: str, model: Path, tmp_path: Path) -> None:
    copies = [shutil.copy(model, tmp_path / f"{name}.pt") for name in "abc"]
    result = diagnose(*copies, "--dataset", grid, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Models side by side" in result.stdout
    runs = table(tmp_path / "out", "runs")
    np.testing.assert_allclose(runs["udr"], 0.9, atol=1e-6)  # of equal models: Lasso's penalty of 0.1 is missing from 1
    np.testing.assert_allclose(runs["kl_nats"], exact.kl_nats().sum(), rtol=1e-4)
    assert [path.name for path in sorted((tmp_path / "out").iterdir()) if path.is_dir()] == [
        "1-a.pt", "2-b.pt", "3-c.pt", "codes",
    ]  # fmt: skip
