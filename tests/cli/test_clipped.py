"""A default that the data or the steps do not allow is clipped, with a line; what the user typed is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ifp
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.cli import main
from ifp.datasets.npz import NpzDataset
from ifp.objectives.deft_pressures import PRESSURES
from ifp.training.config import TrainConfig
from ifp.training.presets import preset_train_config
from ifp.training.setup import set_up


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 rows, 5 columns, and a factor with one value; 8 x 8."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    grid = np.indices((3, 5, 1)).reshape(3, -1).T
    images = np.zeros((15, 8, 8), np.uint8)
    for image, (row, column, _) in zip(images, grid, strict=True):
        image[row : row + 3, column : column + 3] = 255
    np.savez(path, images=images, factors=grid, factor_names=np.array(["row", "column", "constant"]))
    return path


def run(*args: str) -> Result:
    """The command, without figures."""
    figures = ["--format", "none"] if args[0] == "anneal" else []
    return CliRunner().invoke(main, [*args, *figures])


@pytest.mark.parametrize("preset", ["quick", "standard", "author"])
def test_contexts_are_those_that_there_are(small: Path, tmp_path: Path, preset: str) -> None:
    command = ("anneal", "--dataset", f"npz:{small}", "--preset", preset, "--method", "closed-form")
    command = (*command, "--out", str(tmp_path / "run"))
    found = run(*command)
    assert found.exit_code == 0, found.output
    default = {"quick": 8, "standard": 32, "author": 32}[preset]
    assert f"Contexts: all there are, row 5, column 3, not the default of {default}." in found.stderr
    assert "Left out, because they never change while the others are held: constant." in found.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["contexts"] == default
    again = run(*command)  # the same folder
    assert again.exit_code == 0, again.output
    stored = run("anneal", "--config", str(tmp_path / "run" / "run.json"), "--out", str(tmp_path / "run"), "--json")
    assert stored.exit_code == 0, stored.output
    counts = {row["factor"]: row["n_contexts"] for row in json.loads(stored.stdout)["summary"]}
    assert counts == {"row": 5, "column": 3}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("--contexts", "6"), "contexts must be between 1 and 5"),
        (("--factor", "constant"), "the factor 'constant' never changes while the others are held"),
        (("--steps", "50", "--records", "60"), "records must be at most the number of steps, 50"),
        (("--architecture", "conv"), "The conv network takes images of shape"),
    ],
)
def test_what_was_typed_is_refused(small: Path, tmp_path: Path, typed: tuple[str, ...], sentence: str) -> None:
    found = run("anneal", "--dataset", f"npz:{small}", "--out", str(tmp_path / "run"), *typed)
    assert found.exit_code == 2
    assert sentence in found.output
    assert not (tmp_path / "run").exists()


def test_where_nothing_changes_alone(tmp_path: Path) -> None:
    images = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4)
    np.savez(tmp_path / "two.npz", images=images, factors=np.array([[0, 0], [1, 1]]))
    found = run("anneal", "--dataset", f"npz:{tmp_path / 'two.npz'}", "--out", str(tmp_path / "run"))
    assert found.exit_code == 2
    assert "no factor changes while the others are held" in found.output


def test_the_library_clips_too(small: Path) -> None:
    config = preset_config("standard", dataset="npz:small", method="closed-form")
    trace = ifp.anneal(NpzDataset(small), config)
    assert trace.factor_M.tolist() == ["row"] * 5 + ["column"] * 3


def test_records_are_no_more_than_the_steps(small: Path, tmp_path: Path) -> None:
    assert preset_config("standard", dataset="toys", steps=60).records == 60
    assert preset_config("author", dataset="toys", steps=900).records == 800
    assert preset_train_config("quick", dataset="toys", steps=10).records == 10
    command = ("anneal", "--dataset", f"npz:{small}", "--method", "train", "--preset", "author", "--steps", "4",
               "--contexts", "1", "--factor", "row")  # fmt: skip
    found = run(*command, "--out", str(tmp_path / "run"))
    assert found.exit_code in (0, 1), found.output
    assert "Records: one per step, 4." in found.stderr
    assert "Architecture: mlp, because conv" in found.stderr
    stored = run("anneal", "--config", str(tmp_path / "run" / "run.json"), "--steps", "2", "--out", str(tmp_path / "b"))
    assert stored.exit_code in (0, 1), stored.output


def test_train_on_small_images_takes_the_mlp(small: Path, tmp_path: Path) -> None:
    command = ("train", "--dataset", f"npz:{small}", "--steps", "4", "--batch", "8", "--out", str(tmp_path / "run"))
    found = run(*command)
    assert found.exit_code == 0, found.output
    assert "Architecture: mlp, because conv" in found.stderr
    assert run(*command).exit_code == 0
    refused = run(*command[:-1], str(tmp_path / "b"), "--architecture", "conv")
    assert (refused.exit_code, (tmp_path / "b").exists()) == (2, False)


DEFT = ("--objective", "deft", "--architecture", "mlp", "--steps", "8", "--records", "2", "--batch", "8", "--dry-run")
ASKS = "give your own pressures as --option betas=..., or those of an `ifp anneal` run as --pressures-from."


@pytest.mark.parametrize(
    "more",
    [
        ("--dataset", "npz:SMALL"),
        ("--dataset", "npz:SMALL", "--preset", "deft-baselines"),
        ("--dataset", "npz:SMALL", "--option", "group_size=2"),
        ("--dataset", "toys"),
        ("--dataset", "sprites-noisy"),
        ("--dataset", "sprites", "--likelihood", "gaussian"),
    ],
)
def test_deft_asks_for_pressures_where_none_are_published(small: Path, more: tuple[str, ...]) -> None:
    more = tuple(word.replace("SMALL", str(small)) for word in more)
    found = run("train", *DEFT, *more)
    assert found.exit_code == 2, found.output
    assert "There are no published DEFT pressures for" in found.output
    assert ASKS in found.output
    assert run("train", *DEFT, *more, "--option", "betas=9,1").exit_code == 0


@pytest.mark.parametrize("dataset", PRESSURES)
def test_deft_takes_what_was_published_for_the_data(dataset: str) -> None:
    betas = list(PRESSURES[dataset].betas)
    assert preset_train_config("standard", dataset=dataset, objective="deft").options["betas"] == betas
    assert preset_train_config("deft-baselines", dataset=dataset, objective="deft").options["betas"] == betas
    grouped = preset_train_config("standard", dataset=dataset, objective="deft", options={"group_size": 1})
    assert grouped.options == {"betas": betas, "group_size": 1}


def test_pressures_of_a_stored_run_do_not_move_to_other_data(small: Path, tmp_path: Path) -> None:
    config = preset_train_config("quick", dataset="sprites", objective="deft")
    (tmp_path / "run.json").write_text(json.dumps({"config": config.to_json()}))
    command = ("train", "--config", str(tmp_path / "run.json"), "--dataset", f"npz:{small}", "--dry-run")
    found = run(*command)
    assert found.exit_code == 2
    assert "are those of dataset sprites, not npz:" in found.output
    assert run(*command, "--option", "betas=9,1").exit_code == 0


def test_the_library_asks_too(small: Path) -> None:
    config = TrainConfig(dataset=f"npz:{small}", objective="deft", architecture="mlp")
    with pytest.raises(ifp.IfpError, match="no published DEFT pressures"):
        set_up(NpzDataset(small), config)
    assert AnnealConfig(dataset="toys").contexts == 8
