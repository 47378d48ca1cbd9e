"""`ifp anneal --whole` as a user runs it: its tables and figures agree with each other and with theory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from ifp.analysis.joint.points import joint_freezing_points
from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.codes import kl_nats
from ifp.errors import IfpError

from .command import BETAS, COOL, FAST, NO_FIGURES, Ran, whole


def test_a_run_prints_and_writes_what_freezes_when(run: tuple[Path, Ran]) -> None:
    out, result = run
    assert result.exit_code == 0, result.output
    for text in (
        "Peaks of -dMI/dbeta",
        "Steps of -2 dMI/dln(beta), latents at work",
        "noise of MI",
        "Linear theory: joint edge and the eigenvalues after it 16.42, 15.93",
        "Joint freezing points",
        "given the rest",
        "size",
    ):
        assert text in result.stdout
    assert "\x1b" not in result.output
    about = json.loads((out / "run.json").read_text())
    assert (about["format"], about["status"], about["whole"]) == ("ifp-train", "finished", ["cool", "heat"])
    assert about["objective"]["options"]["beta_start"] == 20
    heated = json.loads((out / "heat" / "run.json").read_text())
    assert (heated["status"], heated["config"]["learning_rate"]) == ("finished", 1e-3)
    options = heated["objective"]["options"]
    assert (options["beta_start"], options["beta_end"], options["reseed_nats"]) == (0.05, 20, 0)
    assert {path.name for path in (out / "figures").iterdir()} == {
        "joint_annealing.pdf", "joint_annealing.png", "joint_annealing.csv", "joint_annealing.txt",
    }  # fmt: skip


def test_the_records_are_those_of_the_kept_codes(run: tuple[Path, Ran]) -> None:
    out, _ = run
    rows = pd.read_csv(out / "mi.csv")
    assert list(rows["seed"]) == [0] * 20 + [1] * 20
    # beta of the last update before the record: update 45 of 900 for the first
    assert_allclose(rows["beta"][:20], 20 * (0.05 / 20) ** ((np.arange(45, 901, 45) - 1) / 900), rtol=1e-6)
    last = np.load(out / "codes" / "seed-1" / "step-000900.npz")
    assert last["mean"].shape == (108, 3)  # the data set has no more images
    kl_D = kl_nats(last["mean"].astype(float), last["logvar"].astype(float)).mean(0)
    assert_allclose(rows.filter(regex=r"kl_nats_\d").iloc[-1], kl_D, rtol=1e-9)
    assert_allclose(rows["kl_nats"].iloc[-1], kl_D.sum(), rtol=1e-9)


def test_information_rises_from_nothing_to_all_of_the_images(run: tuple[Path, Ran]) -> None:
    out, _ = run
    rows = pd.read_csv(out / "mi.csv")
    assert_allclose(rows["cap_nats"], np.log(108))
    for _, one in rows.groupby("seed"):
        assert one["mi_nats"].iloc[0] < 0.05
        assert one["mi_nats"].iloc[-1] > 0.8 * np.log(108)
        assert one["mi_nats"].max() <= np.log(108) + 1e-9
        assert one["nmi1_size"].iloc[0] < 0.02
        assert one[["nmi1_size", "nmi1_x", "nmi1_y"]].iloc[-1].max() > 0.1
    assert rows[["nmi1_size", "nmi1_x", "nmi1_y"]].to_numpy().max() <= 1
    factors = pd.read_csv(out / "joint_summary.csv").set_index("factor")
    assert set(factors.index) == {"size", "x", "y"}
    assert (factors["networks"] == 2).all()
    assert factors[["cool_low", "heat_low"]].isna().all().all()  # two networks make no interval
    # the places say more of the pixels than the size does, so they freeze first
    assert factors.loc["size", "beta_alone"] < factors.loc[["x", "y"], "beta_alone"].min()


def test_figures_and_tables_take_the_order_that_is_asked_for(
    run: tuple[Path, Ran], squares: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    result = whole("--dataset", squares, *FAST, *BETAS, "--order", "y,size", "--out", str(copy), "--quiet")
    assert result.exit_code == 0, result.output
    for name, column in (("joint_summary", "factor"), ("joint_edges", "factor"), ("joint_freezing_points", "name")):
        rows = pd.read_csv(copy / f"{name}.csv", dtype=str)
        assert rows[column].drop_duplicates().tolist()[:3] == ["y", "size", "x"], name
    lines = [line.split()[0] for line in result.stdout.splitlines() if line.split()[:1] in (["x"], ["y"], ["size"])]
    assert lines == ["y", "size", "x"]


def test_points_are_where_the_joint_information_crosses(run: tuple[Path, Ran]) -> None:
    out, _ = run
    points = pd.read_csv(out / "joint_freezing_points.csv", dtype={"name": str})
    curves = pd.read_csv(out / "joint_information.csv")
    assert len(points) == 2 * 2 * (3 + 3)
    assert set(points["status"]) <= {"frozen", "never_froze", "never_melted", "frozen_at_start"}
    # redone from the curves beside them
    for (direction, seed), of in curves.groupby(["direction", "seed"]):
        columns = [of.filter(regex=f"^{kind}_nats_").to_numpy() for kind in ("kl", "info")]
        again = joint_freezing_points(
            of["beta"].to_numpy(), *columns, ["size", "x", "y"], direction=str(direction), seed=int(str(seed))
        )
        there = points[(points["direction"] == direction) & (points["seed"] == seed)].set_index(["kind", "name"])
        there = there.loc[list(zip(again["kind"], again["name"], strict=True))]
        assert list(again["status"]) == list(there["status"])
        assert_allclose(again["beta_ifp"], there["beta_ifp"])
    assert (points["status"] == "frozen").sum() > 6
    # heating starts where cooling ended
    both = points[points["kind"] == "factor"].pivot_table(
        index=["name", "seed"], columns="direction", values="beta_ifp"
    )
    assert (both["heat"] > both["cool"]).sum() >= (both.notna().all(axis=1)).sum() - 1


def test_pressures_are_read_by_train_or_said_to_be_missing(run: tuple[Path, Ran]) -> None:
    out, result = run
    stages = pd.read_csv(out / "pressures.csv")
    if len(stages):
        betas = pressures_from(out)
        assert list(betas) == sorted(betas, reverse=True)
        assert betas[-1] == 1
        assert "Suggested DEFT pressures" in result.stdout
    else:
        reason = json.loads((out / "whole.json").read_text())["why_empty"]["pressures"]
        assert f"No DEFT pressures are suggested. {reason}" in result.stdout
        with pytest.raises(IfpError, match="no gap between"):
            pressures_from(out)


def test_without_factors_latents_are_measured_all_the_same(squares_npz: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.npz"
    np.savez(bare, images=np.load(squares_npz)["images"])
    out = tmp_path / "run"
    result = whole("--dataset", f"npz:{bare}", *FAST, *BETAS, "--seeds", "1", *COOL, *NO_FIGURES, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "Joint freezing points" not in result.stdout
    assert "One network: its slow wandering may pass for peaks" in result.stdout
    assert len(pd.read_csv(out / "joint_summary.csv")) == 0
    points = pd.read_csv(out / "joint_freezing_points.csv")
    assert list(points["kind"]) == ["latent"] * 3
    assert not (out / "heat").exists()


def test_what_never_freezes_is_said(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    short = ["--steps", "48", "--records", "12", "--seeds", "1", "--learning-rate", "1e-4", *NO_FIGURES]
    result = whole("--dataset", squares, *FAST, "--beta-max", "900", "--beta-min", "600", *short, "--out", str(out))
    assert result.exit_code == 1
    assert "Nothing froze: no latent's KL reached 0.1 nats" in result.stderr
    points = pd.read_csv(out / "joint_freezing_points.csv")
    assert set(points["status"]) == {"never_froze"}
    assert set(points["direction"]) == {"cool", "heat"}
    assert (out / "mi.csv").is_file()


def test_a_sample_too_small_for_the_information_is_said(
    run: tuple[Path, Ran], squares: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "known to no more" not in run[1].stdout  # all images there are
    monkeypatch.setattr("ifp.training.codes_folder.IMAGES", 40)
    monkeypatch.setattr("ifp.analysis.joint.measured.IMAGES", 40)
    out = tmp_path / "run"
    result = whole("--dataset", squares, *FAST, *BETAS, "--seeds", "1", *COOL, *NO_FIGURES, "--out", str(out))
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(out / "mi.csv")
    assert_allclose(rows["cap_nats"], np.log(40))
    apart = rows["mi_upper_nats"] - rows["mi_nats"] > 0.5
    assert f"Below beta {rows.loc[apart, 'beta'].max():.3g} MI is known to no more than 0.5 nats" in result.stdout
