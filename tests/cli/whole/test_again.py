"""`ifp anneal --whole` a second time: nothing measured twice, another threshold, after SIGKILL, from its settings."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from .command import BETAS, COOL, FAST, NO_FIGURES, Ran, whole


def test_the_same_command_measures_nothing_twice(run: tuple[Path, Ran], squares: str) -> None:
    out, _ = run
    before = (out / "whole.json").stat().st_mtime_ns
    result = whole("--dataset", squares, *FAST, *BETAS, "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    assert "2 of 2 networks are done" in result.stderr
    assert "Information" not in result.stderr
    assert (out / "whole.json").stat().st_mtime_ns == before
    found = json.loads(result.stdout)
    assert {row["factor"] for row in found["joint_summary"]} == {"size", "x", "y"}
    assert all(Path(path).exists() for path in found["figures"])
    assert found["noise_nats"] > 0
    # runs of format 2 hold intervals of peaks that are not theirs: those are measured again
    assert json.loads((out / "whole.json").read_text())["format"] == "ifp whole 3"


def test_another_threshold_measures_again_without_training(run: tuple[Path, Ran], squares: str, tmp_path: Path) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    result = whole("--dataset", squares, *FAST, *BETAS, *COOL, *NO_FIGURES, "--threshold", "0.5", "--out", str(copy))
    assert result.exit_code == 0, result.output
    assert "Training" not in result.stderr
    highest = [
        points.loc[(points["kind"] == "latent") & (points["direction"] == "cool"), "beta_ifp"].max()
        for points in (pd.read_csv(folder / "joint_freezing_points.csv") for folder in (copy, run[0]))
    ]
    assert highest[0] < highest[1]


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_goes_on_to_the_same_bits(squares: str, tmp_path: Path) -> None:
    arguments = ["--dataset", squares, *FAST, *BETAS, "--seeds", "1", "--steps", "300", "--records", "12"]
    cut, undisturbed = tmp_path / "cut", tmp_path / "undisturbed"
    command = [sys.executable, "-c", "from ifp.cli import main; main()", "anneal", "--whole", *arguments]
    command += ["--out", str(cut), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not (cut / "records.csv").exists():
            assert time.monotonic() < deadline
            assert running.poll() is None, running.stderr.read() if running.stderr else ""
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    for out in (cut, undisturbed):
        assert whole(*arguments, "--out", str(out)).exit_code == 0
    for name in (
        "records.csv", "heat/records.csv", "mi.csv", "derivative.csv", "joint_information.csv",
        "joint_freezing_points.csv", "figures/joint_annealing.pdf",
    ):  # fmt: skip
        assert (cut / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_a_config_runs_again_one_network_alone_to_the_same_numbers(run: tuple[Path, Ran], tmp_path: Path) -> None:
    out, _ = run
    again = tmp_path / "again"
    result = whole(
        "--config", str(out / "run.json"), "--seeds", "1", "--threads", "1", *COOL, *NO_FIGURES, "--out", str(again)
    )
    assert result.exit_code == 0, result.output
    first = pd.read_csv(out / "mi.csv").query("seed == 0")
    pd.testing.assert_frame_equal(pd.read_csv(again / "mi.csv"), first, check_exact=True)


def test_codes_that_are_missing_are_said(run: tuple[Path, Ran], squares: str, tmp_path: Path) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    (copy / "codes" / "seed-0" / "step-000450.npz").unlink()
    result = whole("--dataset", squares, *FAST, *BETAS, "--threshold", "0.2", "--out", str(copy))
    assert result.exit_code == 2
    assert "step-000450.npz, the codes of a record, is missing or of another run" in result.stderr
