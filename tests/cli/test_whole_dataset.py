"""`ifp anneal --whole` as a user runs it: tables and figure, resuming after SIGKILL, and one sentence for mistakes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.testing import assert_allclose

from ifp.analysis.joint.points import joint_freezing_points
from ifp.analysis.joint.settings import heat_config, whole_config
from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.cli import main
from ifp.codes import kl_nats
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.joint_edges import joint_edges

FAST = [
    "--architecture", "mlp", "--hidden", "32", "--latents", "3", "--batch", "32", "--steps", "900", "--records", "20",
    "--seeds", "2", "--learning-rate", "5e-3", "--threads", "1",
]  # fmt: skip
COOL = ["--direction", "cool"]
BETAS = ["--beta-max", "20", "--beta-min", "0.05"]


@pytest.fixture(scope="module")
def squares_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square of 3 sizes at 6 x 6 places, 108 images: enough for the noise floor of the NMI to be small."""
    images, factors = [], []
    for size, x, y in np.ndindex(3, 6, 6):
        image = np.zeros((12, 12), dtype=np.uint8)
        image[y : y + 3 + size, x : x + 3 + size] = 255
        images.append(image)
        factors.append((size, x, y))
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=np.array(images), factors=np.array(factors), factor_names=np.array(["size", "x", "y"]))
    return path


@pytest.fixture(scope="module")
def squares(squares_npz: Path) -> str:
    return f"npz:{squares_npz}"


def whole(*args: str) -> Result:
    return CliRunner().invoke(main, ["anneal", "--whole", *args])


@pytest.fixture(scope="module")
def run(squares: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("runs") / "squares"
    return out, whole("--dataset", squares, *FAST, *BETAS, "--out", str(out))


def test_a_run_prints_and_writes_what_freezes_when(run: tuple[Path, Result]) -> None:
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
    assert (about["format"], about["status"]) == ("ifp-train", "finished")
    assert about["objective"]["options"]["beta_start"] == 20
    heated = json.loads((out / "heat" / "run.json").read_text())
    assert (heated["status"], heated["config"]["learning_rate"]) == ("finished", 1e-3)
    options = heated["objective"]["options"]
    assert (options["beta_start"], options["beta_end"], options["reseed_nats"]) == (0.05, 20, 0)
    assert {path.name for path in (out / "figures").iterdir()} == {
        "joint_annealing.pdf", "joint_annealing.png", "joint_annealing.csv",
    }  # fmt: skip


def test_the_records_are_those_of_the_kept_codes(run: tuple[Path, Result]) -> None:
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


def test_information_rises_from_nothing_to_all_of_the_images(run: tuple[Path, Result]) -> None:
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
    run: tuple[Path, Result], squares: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    result = whole("--dataset", squares, *FAST, *BETAS, "--order", "y,size", "--out", str(copy), "--quiet")
    assert result.exit_code == 0, result.output
    for name, column in (("joint_summary", "factor"), ("joint_edges", "factor"), ("joint_freezing_points", "name")):
        rows = pd.read_csv(copy / f"{name}.csv", dtype=str)
        assert rows[column].drop_duplicates().tolist()[:3] == ["y", "size", "x"], name
    lines = [line.split()[0] for line in result.stdout.splitlines() if line.split()[:1] in (["x"], ["y"], ["size"])]
    assert lines == ["y", "size", "x"]


def test_points_are_where_the_joint_information_crosses(run: tuple[Path, Result]) -> None:
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


def test_pressures_are_read_by_train_or_said_to_be_missing(run: tuple[Path, Result]) -> None:
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


def test_the_same_command_measures_nothing_twice(run: tuple[Path, Result], squares: str) -> None:
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


def test_another_threshold_measures_again_without_training(
    run: tuple[Path, Result], squares: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    result = whole("--dataset", squares, *FAST, *BETAS, *COOL, "--threshold", "0.5", "--out", str(copy))
    assert result.exit_code == 0, result.output
    assert "Training" not in result.stderr
    highest = [
        points.loc[(points["kind"] == "latent") & (points["direction"] == "cool"), "beta_ifp"].max()
        for points in (pd.read_csv(folder / "joint_freezing_points.csv") for folder in (copy, run[0]))
    ]
    assert highest[0] < highest[1]


def test_killed_at_any_moment_the_same_command_goes_on_to_the_same_bits(
    run: tuple[Path, Result], squares: str, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    arguments = ["anneal", "--whole", "--dataset", squares, *FAST, *BETAS, "--out", str(cut), "--quiet"]
    command = [sys.executable, "-c", "from ifp.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not (cut / "records.csv").exists():
            assert time.monotonic() < deadline
            assert running.poll() is None, running.stderr.read() if running.stderr else ""
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert whole("--dataset", squares, *FAST, *BETAS, "--out", str(cut)).exit_code == 0
    for name in (
        "records.csv", "heat/records.csv", "mi.csv", "derivative.csv", "joint_information.csv",
        "joint_freezing_points.csv", "figures/joint_annealing.pdf",
    ):  # fmt: skip
        assert (cut / name).read_bytes() == (run[0] / name).read_bytes(), name


def test_a_config_runs_again_one_network_alone_to_the_same_numbers(run: tuple[Path, Result], tmp_path: Path) -> None:
    out, _ = run
    again = tmp_path / "again"
    result = whole("--config", str(out / "run.json"), "--seeds", "1", "--threads", "1", *COOL, "--out", str(again))
    assert result.exit_code == 0, result.output
    first = pd.read_csv(out / "mi.csv").query("seed == 0")
    pd.testing.assert_frame_equal(pd.read_csv(again / "mi.csv"), first, check_exact=True)


def test_without_factors_latents_are_measured_all_the_same(squares_npz: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.npz"
    np.savez(bare, images=np.load(squares_npz)["images"])
    out = tmp_path / "run"
    result = whole("--dataset", f"npz:{bare}", *FAST, *BETAS, "--seeds", "1", *COOL, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "Joint freezing points" not in result.stdout
    assert "One network: its slow wandering may pass for peaks" in result.stdout
    assert len(pd.read_csv(out / "joint_summary.csv")) == 0
    points = pd.read_csv(out / "joint_freezing_points.csv")
    assert list(points["kind"]) == ["latent"] * 3
    assert not (out / "heat").exists()


def test_a_dry_run_says_the_cost_and_writes_nothing(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = whole("--dataset", squares, *FAST, "--dry-run", "--json", "--out", str(out))
    cost = json.loads(result.stdout)
    assert (cost["networks"], cost["steps"]) == (2, 900)
    assert cost["measuring_seconds"] > 0
    assert cost["seconds_all"] == 2 * cost["seconds"] + cost["measuring_seconds"]
    assert not out.exists()


def test_beta_comes_from_the_closed_form(squares: str) -> None:
    dataset = load_dataset(squares)
    settings = {"dataset": squares}
    config = whole_config(dict(settings), {}, dataset)
    edges = joint_edges(dataset)
    assert_allclose(config.options["beta_start"], 1.3 * edges.joint_edge, rtol=0.01)
    assert_allclose(config.options["beta_end"], 0.3 * edges.given_rest_F.min(), rtol=0.01)
    assert (config.architecture, config.steps) == ("mlp", 30_000)  # 12 x 12 pixels do not fit the conv network
    given = whole_config({**settings, "beta_max": 9.0, "beta_min": 3.0}, {}, dataset)
    assert (given.options["beta_start"], given.options["beta_end"]) == (9, 3)
    assert (given.seeds, given.records, given.objective) == (3, 100, "beta")
    heated = heat_config(given)
    assert (heated.options["beta_start"], heated.options["beta_end"]) == (3, 9)
    assert heated.learning_rate < given.learning_rate


def test_the_closed_form_needs_no_training(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "edges"
    result = whole("--dataset", squares, "--method", "closed-form", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "below it the collapsed state is unstable (108 images" in result.stdout
    assert "Edges of the factors" in result.stdout
    images = np.load(squares.removeprefix("npz:"))["images"]
    spectrum = pd.read_csv(out / "spectrum.csv")["beta_edge"]
    assert_allclose(spectrum[0], freezing_bounds(images).beta_closed_form_M[0], rtol=1e-5)
    assert (np.diff(spectrum) < 0).all()
    assert set(pd.read_csv(out / "figures" / "joint_edges.csv")["shows"]) == {"spectrum", "factor"}
    # the same again takes its place, anything else is left alone
    again = whole("--dataset", squares, "--method", "closed-form", "--out", str(out), "--json")
    found = json.loads(again.stdout)
    assert found["joint_edge"] == spectrum[0]
    assert {row["factor"] for row in found["joint_edges"]} == {"size", "x", "y"}
    refused = whole("--dataset", squares, "--method", "closed-form", "--out", str(tmp_path))
    assert refused.exit_code == 2
    assert "holds something else than a closed form" in refused.stderr
    drawn = CliRunner().invoke(main, ["plot", str(out), "--out", str(tmp_path / "drawn"), "--format", "png"])
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "drawn" / "joint_edges.png").is_file()


def test_what_never_freezes_is_said(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    short = ["--steps", "48", "--records", "12", "--seeds", "1", "--learning-rate", "1e-4", "--out", str(out)]
    result = whole("--dataset", squares, *FAST, "--beta-max", "900", "--beta-min", "600", *short)
    assert result.exit_code == 1
    assert "Nothing froze: no latent's KL reached 0.1 nats" in result.stderr
    points = pd.read_csv(out / "joint_freezing_points.csv")
    assert set(points["status"]) == {"never_froze"}
    assert set(points["direction"]) == {"cool", "heat"}
    assert (out / "mi.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--contexts", "3"], "--contexts is about the traversals of single factors and does not go with --whole"),
        (["--direction", "heat"], "Unknown direction of --whole 'heat': allowed are cool, both"),
        (["--law", "author", "--direction", "both"], "law author (--law) only cools"),
        (["--factor", "size"], "--factor is about the traversals"),
        (["--method", "both"], "Unknown method of --whole 'both': allowed are train, closed-form"),
        (["--preset", "author"], "Unknown preset of --whole 'author': allowed are quick, standard"),
        (["--law", "logistic"], "Unknown law 'logistic'"),
        (["--law", "author", "--beta-max", "9"], "law author (--law) has a range of its own"),
        (["--beta-max", "2", "--beta-min", "3"], "--whole cools: beta must fall"),
        (["--beta-max", "-2"], "--whole cools: beta must fall"),
        (["--architecture", "linear"], "Unknown architecture 'linear'"),
        (["--architecture", "conv"], "takes images of shape"),
        (["--threshold", "0"], "threshold_nats must be a positive number"),
        (["--records", "8", "--steps", "100"], "records must be at least 12 with --whole"),
        (["--threads", "0"], "threads must be"),
        (["--width", "wide"], "width must be"),
        (["--config", "nowhere.json"], "cannot be read as JSON"),
    ],
)
def test_one_sentence_for_every_mistake(squares: str, tmp_path: Path, arguments: list[str], words: str) -> None:
    result = whole("--dataset", squares, *FAST, *arguments, "--out", str(tmp_path / "run"))
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_sample_too_small_for_the_information_is_said(
    run: tuple[Path, Result], squares: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "known to no more" not in run[1].stdout  # all images there are
    monkeypatch.setattr("ifp.training.codes_folder.IMAGES", 40)
    monkeypatch.setattr("ifp.analysis.joint.measured.IMAGES", 40)
    out = tmp_path / "run"
    result = whole("--dataset", squares, *FAST, *BETAS, "--seeds", "1", *COOL, "--out", str(out))
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(out / "mi.csv")
    assert_allclose(rows["cap_nats"], np.log(40))
    apart = rows["mi_upper_nats"] - rows["mi_nats"] > 0.5
    assert f"Below beta {rows.loc[apart, 'beta'].max():.3g} MI is known to no more than 0.5 nats" in result.stdout


def test_no_data_set() -> None:
    assert "No data set is named" in whole(*FAST).stderr


def test_a_run_of_traversals_is_no_config_of_a_whole_one(squares: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"config": {"dataset": squares, "contexts": 3}}))
    assert "holds no settings of an `ifp anneal --whole` run" in whole("--config", str(path)).stderr


def test_codes_that_are_missing_are_said(run: tuple[Path, Result], squares: str, tmp_path: Path) -> None:
    copy = shutil.copytree(run[0], tmp_path / "copy")
    (copy / "codes" / "seed-0" / "step-000450.npz").unlink()
    result = whole("--dataset", squares, *FAST, *BETAS, "--threshold", "0.2", "--out", str(copy))
    assert result.exit_code == 2
    assert "step-000450.npz, the codes of a record, is missing or of another run" in result.stderr
