"""`ifp anneal` as a user runs it: results, figures, resuming after SIGKILL, and one sentence for every mistake."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ifp.annealing.chunk_files import read_curves
from ifp.cli import main
from ifp.errors import IfpError

FAST = ["--contexts", "2", "--steps", "60", "--hold-steps", "20", "--records", "6", "--hidden", "16", "--batch", "12"]

NO_FIGURES = ["--format", "none"]


@pytest.fixture(scope="module")
def bars(bars_npz: Path) -> str:
    return f"npz:{bars_npz}"


def anneal(*args: str) -> Result:
    return CliRunner().invoke(main, ["anneal", *args])


@pytest.fixture(scope="module")
def run_folder(bars: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("runs") / "bars"
    result = anneal("--dataset", bars, *FAST, "--out", str(out))
    return out, result


def test_run_prints_a_table_and_writes_results_and_figures(run_folder: tuple[Path, Result]) -> None:
    out, result = run_folder
    assert result.exit_code == 0, result.output
    for text in ("width", "place", "exact", "trained, cooling", "Suggested DEFT pressures [", "freezing_points.csv"):
        assert text in result.stdout
    assert {p.name for p in out.iterdir()} == {
        "run.json", "trace.npz", "freezing_points.csv", "summary.csv", "pressures.csv", "hysteresis.csv", "figures",
        "checksums.json",
    }  # fmt: skip
    names = {p.name for p in (out / "figures").iterdir()}
    assert {"ifp_distribution.pdf", "ifp_distribution.png", "ifp_distribution.csv", "kl_trace.pdf"} <= names
    with open(out / "freezing_points.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:13] == [
        "dataset", "factor", "context", "seed", "method", "direction", "beta_ifp", "status", "beta_closed_form",
        "beta_upper", "threshold_nats", "n_images", "likelihood",
    ]  # fmt: skip
    assert len(rows) == 4 * (1 + 3 + 2)


def test_piped_output_has_no_control_codes(run_folder: tuple[Path, Result]) -> None:
    _, result = run_folder
    assert "\x1b" not in result.output
    assert "\r" not in result.output


def test_json_is_json_alone_on_stdout(run_folder: tuple[Path, Result], bars: str) -> None:
    out, _ = run_folder
    result = anneal("--dataset", bars, *FAST, "--out", str(out), "--json")
    found = json.loads(result.stdout)
    assert found["folder"] == str(out)
    assert {row["measure"] for row in found["summary"]} >= {"closed-form", "upper-edge", "exact"}
    assert all(Path(path).exists() for path in found["figures"])


def test_quiet_says_nothing_on_stderr(run_folder: tuple[Path, Result], bars: str) -> None:
    out, _ = run_folder
    assert anneal("--dataset", bars, *FAST, "--out", str(out), "--quiet", *NO_FIGURES).stderr == ""


def test_config_of_a_run_runs_it_again_to_the_same_bytes(run_folder: tuple[Path, Result], tmp_path: Path) -> None:
    out, _ = run_folder
    result = anneal(
        "--config", str(out / "run.json"), "--out", str(tmp_path / "again"), "--threads", "1", "--quiet", *NO_FIGURES
    )
    assert result.exit_code == 0, result.output
    for name in ("trace.npz", "freezing_points.csv", "summary.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_closed_form_needs_no_training(bars: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = anneal("--dataset", bars, "--method", "closed-form", "--contexts", "2", "--out", str(out), *NO_FIGURES)
    assert result.exit_code == 0, result.output
    assert "lower edge" in result.stdout
    assert "trained" not in result.stdout
    assert not (out / "figures").exists()


def test_dry_run_tells_the_cost_and_writes_nothing(bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifp.analysis.freezing.study.MEASURING_SECONDS", 0.1)
    result = anneal("--dataset", bars, *FAST, "--out", str(tmp_path / "run"), "--dry-run", "--json")
    cost = json.loads(result.stdout)
    assert cost["training"]["members"] == 8
    assert cost["training"]["steps"] == 8 * 80
    assert cost["training"]["seconds"] > 0
    assert cost["training"]["bytes_needed"] > 0
    assert cost["exact_traversals"] == 4
    text = anneal("--dataset", bars, *FAST, "--out", str(tmp_path / "run"), "--dry-run")
    assert "8 members to train, at most 640 member-steps" in text.stdout
    assert not (tmp_path / "run").exists()


def test_nothing_froze_is_exit_code_1_with_what_to_change(bars: str, tmp_path: Path) -> None:
    result = anneal(
        "--dataset", bars, *FAST, "--method", "train", "--direction", "cool", "--beta-max", "2e6", "--beta-min", "1e6",
        "--out", str(tmp_path / "run"), *NO_FIGURES,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "Nothing froze: of 4 curves 4 never_froze" in result.stderr
    assert "Lower --beta-min below" in result.stderr
    assert (tmp_path / "run" / "freezing_points.csv").exists()


MISTAKES = [
    (["--dataset", "sprits"], "Unknown dataset 'sprits'"),
    ([], "No data set is named"),
    (["--dataset", "{bars}", "--factor", "Place"], "Unknown factor 'Place': allowed are width, place; did you mean"),
    (["--dataset", "{bars}", "--preset", "fast"], "Unknown preset 'fast'"),
    (["--dataset", "{bars}", "--law", "cosine"], "Unknown law 'cosine'"),
    (["--dataset", "{bars}", "--contexts", "0"], "contexts must be a whole number of at least 1, got 0"),
    (["--dataset", "{bars}", "--contexts", "7", "--factor", "width"], "contexts must be between 1 and 6"),
    (["--dataset", "{bars}", "--threshold", "0"], "threshold_nats must be a positive number"),
    (["--dataset", "{bars}", "--sigma", "-1", "--likelihood", "gaussian"], "sigma must be a positive number"),
    (["--dataset", "{bars}", "--beta-max", "1", "--beta-min", "2"], "upside down"),
    (["--dataset", "{bars}", "--beta-max", "high"], "beta_max must be a positive number or 'auto', got 'high'"),
    (["--dataset", "{bars}", "--architecture", "conv"], "conv network takes images of shape"),
    (["--dataset", "{bars}", "--device", "cuda:7"], "device must be auto or one that is on this machine"),
    (
        ["--dataset", "{bars}", "--precision", "bfloat16", "--device", "cpu"],
        "precision bfloat16 needs a cuda device, got cpu",
    ),
    (["--dataset", "{bars}", "--threads", "0"], "threads must be"),
    (["--dataset", "{bars}", "--width", "journal"], "width"),
    (["--dataset", "{bars}", "--background", "x.png"], "background"),
    (["--dataset", "npz:missing.npz"], "missing.npz"),
    (["--config", "missing.json"], "cannot be read as JSON"),
    (["--dataset", "{bars}", "--method", "multi-rate"], "--method multi-rate goes with --whole"),
    (["--dataset", "{bars}", "--format", "eps"], "Unknown figure format 'eps'"),
    (["--dataset", "smallnorb", "--data-dir", "{empty}"], "toys"),
]


@pytest.mark.parametrize(("args", "sentence"), MISTAKES, ids=[sentence for _, sentence in MISTAKES])
def test_mistake_is_one_sentence_exit_code_2_and_nothing_written(
    args: list[str], sentence: str, bars: str, tmp_path: Path
) -> None:
    filled = [a.replace("{bars}", bars).replace("{empty}", str(tmp_path)) for a in args]
    preset = [] if "--config" in args or "--preset" in args else ["--preset", "quick"]
    result = anneal(*filled, *preset, "--out", str(tmp_path / "run"), "--quiet")
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


def trained_curves(folder: Path) -> int:
    try:
        return int((read_curves(folder).method_M == "train").sum())
    except (IfpError, FileNotFoundError):  # nothing is finished, or two chunks became one meanwhile
        return 0


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_bytes(bars: str, tmp_path: Path) -> None:
    # killed as soon as the first trained curves are on disk, with others still to come
    arguments = [
        "--dataset", bars, *FAST, "--seeds", "4", "--steps", "200", "--quiet", "--method", "train", "--threads", "1",
        *NO_FIGURES,
    ]  # fmt: skip
    command = [sys.executable, "-c", "from ifp.cli import main; main()", "anneal", *arguments]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = subprocess.Popen([*command, "--out", str(cut)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while trained_curves(cut) == 0 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < trained_curves(cut) < 4 * 4 * 2
    for out in (cut, whole):
        result = anneal(*arguments, "--out", str(out))
        assert result.exit_code == 0, result.output
    for name in ("trace.npz", "freezing_points.csv"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("name", ["cost $$", r"$\alph$", "_a_b^c", r"\frac", "[/bold]"])
def test_names_of_factors_are_text(tmp_path: Path, name: str) -> None:
    factors_NF = np.stack(np.meshgrid(range(4), range(2), indexing="ij"), axis=-1).reshape(-1, 2)
    images = np.zeros((8, 8, 8), np.uint8)
    for number, (row, width) in enumerate(factors_NF):
        images[number, row, : 4 + width] = 255
    np.savez(tmp_path / "d.npz", images=images, factors=factors_NF, factor_names=np.array([name, "bar"]))
    options = ["--dataset", f"npz:{tmp_path / 'd.npz'}", "--method", "closed-form", "--contexts", "1", "--quiet"]
    naming = ["--order", f"bar,{name}", "--label", f"{name}={name} of it", "--format", "pdf"]
    result = anneal(*options, *naming, "--out", str(tmp_path / "run"))
    assert result.exit_code == 0, result.output
    assert name in result.stdout
    with open(tmp_path / "run" / "summary.csv") as file:
        assert list(dict.fromkeys(row["factor"] for row in csv.DictReader(file))) == ["bar", name]
    assert anneal(*options, "--order", "foo", "--out", str(tmp_path / "other")).exit_code == 2
    assert not (tmp_path / "other").exists()


def test_the_order_of_a_whole_data_set_is_checked_before_the_work(tmp_path: Path) -> None:
    result = anneal("--whole", "--dataset", "toys", "--order", "categories", "--out", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert "Unknown factor 'categories': allowed are category" in result.output
    assert not (tmp_path / "run").exists()
