"""`ifp anneal --whole`: its settings, its cost, the closed form without training, and one sentence for mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from ifp.analysis.joint.settings import heat_config, whole_config
from ifp.cli import main
from ifp.datasets.catalog import load_dataset
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.joint_edges import joint_edges

from .command import FAST, whole


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
    assert_allclose(config.options["beta_end"], 0.3 * np.nanmedian(edges.given_rest_FC, axis=1).min(), rtol=0.01)
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--contexts", "3"], "--contexts is about the traversals of single factors and does not go with --whole"),
        (["--direction", "heat"], "Unknown direction of --whole 'heat': allowed are cool, both"),
        (
            ["--law", "author", "--direction", "both"],
            "The author's law only cools; add --direction cool, or",
        ),
        (["--factor", "size"], "--factor is about the traversals"),
        (["--method", "both"], "Unknown method of --whole 'both': allowed are train, closed-form"),
        (["--preset", "author"], "Unknown preset of --whole 'author': allowed are quick, standard"),
        (["--law", "logistic"], "Unknown law 'logistic'"),
        (["--law", "author", "--beta-max", "9"], "The author's law has a range of its own"),
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


def test_no_data_set() -> None:
    assert "No data set is named" in whole(*FAST).stderr


def test_a_run_of_traversals_is_no_config_of_a_whole_one(squares: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"config": {"dataset": squares, "contexts": 3}}))
    assert "holds no settings of an `ifp anneal --whole` run" in whole("--config", str(path)).stderr
