"""`ifp anneal --whole --method multi-rate` as a user runs it, alone and beside cooled networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.testing import assert_allclose

import ifp
from ifp.cli import main

from .command import BETAS, FAST, whole

SHORT = ["--method", "multi-rate", *FAST, "--steps", "160", "--seeds", "1", "--records", "12"]


@pytest.fixture(scope="module")
def beside(run: tuple[Path, Result], squares: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Multi-rate networks beside those that were cooled and heated, in the folder inside theirs."""
    out = Path(shutil.copytree(run[0], tmp_path_factory.mktemp("beside") / "run"))
    return out, whole("--dataset", squares, *SHORT, "--out", str(out))


def test_it_reads_the_whole_curve_beside_cooling_and_heating(beside: tuple[Path, Result]) -> None:
    out, result = beside
    assert result.exit_code == 0, result.output
    for text in ("Joint freezing points", "in the bracket", "Amortised response", "upper bound", "Linear theory"):
        assert text in result.stdout
    folder = out / "multi-rate"
    curves = pd.read_csv(folder / "response_curves.csv")
    # the range of the cooled run, as many betas as --records says
    assert_allclose(curves["beta"], np.geomspace(20, 0.05, 12), rtol=1e-9)
    assert_allclose(curves["objective_nats"], curves["recon_nats"] + curves["beta"] * curves["kl_nats"], rtol=1e-9)
    latents = curves.filter(regex=r"^kl_nats_\d$")
    assert latents.iloc[-1].max() > 1  # at the lowest beta much is held
    assert_allclose(latents.sum(axis=1), curves["kl_nats"], rtol=0.1)  # of other images
    summary = pd.read_csv(folder / "response_summary.csv").set_index("factor")
    there = pd.read_csv(out / "joint_summary.csv").set_index("factor")
    for column in ("cool_median", "heat_median"):
        assert_allclose(summary[column], there.loc[summary.index, column])
    for _, row in summary.dropna(subset=["median", "cool_median", "heat_median"]).iterrows():
        low, high = sorted([row["cool_median"], row["heat_median"]])
        inside = low <= row["median"] <= high
        assert row["place"] == ("inside" if inside else "below" if row["median"] < low else "above")


def test_the_objective_is_compared_on_the_same_images_and_noise(beside: tuple[Path, Result]) -> None:
    out, _ = beside
    objective = pd.read_csv(out / "multi-rate" / "response_objective.csv")
    records = pd.read_csv(out / "records.csv")
    best = objective[["cool_nats", "heat_nats"]].min(axis=1)
    assert_allclose(objective["excess_nats"], objective["multi_rate_nats"] - best)
    # at a beta between two records, between their parts
    row = objective.iloc[6]
    parts = []
    for _, of_seed in records.groupby("seed"):
        of_seed = of_seed.sort_values("beta")
        at = [
            np.interp(np.log(row["beta"]), np.log(of_seed["beta"]), of_seed[name]) for name in ("recon_nats", "kl_nats")
        ]
        parts.append(at[0] + row["beta"] * at[1])
    assert_allclose(row["cool_nats"], np.mean(parts))
    # far above the edge all hold nothing: the mean image, scored alike
    assert abs(objective["excess_nats"].iloc[1]) < 0.05 * objective["cool_nats"].iloc[1]


def test_the_same_command_finds_everything_done_and_draws_again(beside: tuple[Path, Result], squares: str) -> None:
    out, first = beside
    folder = out / "multi-rate"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".csv", ".png", ".pt")}
    assert any(path.name == "multi_rate.png" for path in before)
    again = whole("--dataset", squares, *SHORT, "--out", str(out))
    assert again.exit_code == 0, again.output
    assert again.stdout == first.stdout
    assert {path: path.read_bytes() for path in before} == before
    drawn = CliRunner().invoke(main, ["plot", str(folder), "--width", "neurips", "--format", "png"])
    assert drawn.exit_code == 0, drawn.output
    shown = pd.read_csv(folder / "figures" / "multi_rate.csv")
    assert set(shown["shows"]) == {"curve", "point", "objective", "beside", "edge"}


def test_curves_that_are_missing_are_said_and_settings_are_taken_up(
    beside: tuple[Path, Result], squares: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(beside[0] / "multi-rate", tmp_path / "copy"))
    (folder / "curves" / "seed-0" / "step-000160.npz").unlink()
    result = whole("--dataset", squares, *SHORT, *BETAS, "--out", str(folder))
    assert result.exit_code == 2
    assert "step-000160.npz, the curves of a record, is missing or of another run" in result.stderr
    # the settings of a run that lay beside a cooled one, alone: the same network to the bit
    again = tmp_path / "again"
    config = ["--config", str(beside[0] / "multi-rate" / "run.json"), "--method", "multi-rate", "--threads", "1"]
    config += ["--format", "none"]
    result = whole(*config, "--out", str(again))
    assert result.exit_code == 0, result.output
    assert "Nothing lies beside" in result.stdout
    assert not (again / "figures").exists()
    columns = ["beta", "recon_nats", "kl_nats_0", "kl_nats_1", "kl_nats_2"]
    first, second = (pd.read_csv(path / "response_curves.csv")[columns] for path in (beside[0] / "multi-rate", again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize(
    ("table", "find", "put", "words"),
    [
        ("response_curves", "info_nats_size", "info_nats_sizes", "lacks the column 'info_nats_size'"),
        ("response_summary", "median", "middle", "lacks the column 'median'"),
        ("response_objective", "\n20.0", "\n-20.0", "must hold positive numbers"),
    ],
)
def test_tampered_tables_are_one_sentence(
    beside: tuple[Path, Result], tmp_path: Path, table: str, find: str, put: str, words: str
) -> None:
    folder = Path(shutil.copytree(beside[0] / "multi-rate", tmp_path / "copy"))
    path = folder / f"{table}.csv"
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, put, 1))
    result = CliRunner().invoke(main, ["plot", str(folder), "--trust"])
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_dry_run_says_the_cost_and_writes_nothing(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = whole("--dataset", squares, *SHORT, "--dry-run", "--json", "--out", str(out))
    cost = json.loads(result.stdout)
    assert (cost["networks"], cost["steps"]) == (1, 160)
    assert cost["reading_seconds"] > 0
    assert cost["seconds_all"] == cost["seconds"] + cost["reading_seconds"]
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--law", "geometric"], "Multi-rate networks are trained at all betas at once, so that --law has no meaning"),
        (["--direction", "cool"], "so that --direction has no meaning"),
        (["--architecture", "conv"], "takes images of shape"),
        (["--records", "5"], "records must be at least 12 with multi-rate networks"),
        (["--beta-max", "2", "--beta-min", "3"], "beta must fall"),
        (["--contexts", "3"], "--contexts is about the traversals"),
        (["--option", "gamma=1"], "is for the objectives of GANs"),
        (["--latents", "0"], "latents must be a whole number of at least 1"),
    ],
)
def test_one_sentence_for_every_mistake(squares: str, tmp_path: Path, arguments: list[str], words: str) -> None:
    result = whole("--dataset", squares, *SHORT, *arguments, "--out", str(tmp_path / "run"))
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_what_lies_beside_must_be_of_the_same_images(beside: tuple[Path, Result], tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, images=np.random.default_rng(0).integers(0, 255, (60, 12, 12), dtype=np.uint8))
    result = whole("--dataset", f"npz:{other}", *SHORT, "--out", str(beside[0]))
    assert result.exit_code == 2
    assert "that were cooled on other images" in result.stderr
    wrong = whole("--dataset", f"npz:{other}", *SHORT, "--config", str(beside[0] / "run.json"))
    assert "holds no settings of multi-rate networks" in wrong.stderr


def test_without_factors_the_latents_are_said(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 2, (64, 1, 1), dtype=np.uint8) * np.full((8, 8), 255, dtype=np.uint8)
    result = ifp.anneal_whole(
        ifp.dataset(images), method="multi-rate", steps=60, seeds=1, latents=2, hidden=32, batch=32, records=12,
        learning_rate=5e-3, threads=1, beta_max=30.0, beta_min=0.3,
    )  # fmt: skip
    assert "amortised response, no bracket" in repr(result)
    assert not len(result.tables["response_summary"])
    assert set(result.table()["kind"]) == {"latent"}
    saved = result.save(tmp_path / "saved")
    assert (saved / "figures" / "multi_rate.png").is_file()
