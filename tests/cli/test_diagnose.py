"""`ifp diagnose` as a user runs it: numbers of models whose optimum is known, every family, and every mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

from ifp.checkpoints import encoded_runs as records
from ifp.checkpoints.families.registry import families
from ifp.cli import main
from ifp.seeds import numpy_generator

from ..checkpoints import exact_vaes as exact
from ..checkpoints.families import family_files, family_files_b
from ..checkpoints.files.hostile_files import hostile_files

FAST = [
    "--images",
    "1000",
    "--permutations",
    "20",
    "--bootstraps",
    "20",
    "--metrics",
    "none",
    "--format",
    "none",
    "--no-joint",
]


def diagnose(*args: object, fast: bool = True) -> Result:
    return CliRunner().invoke(main, ["diagnose", *map(str, args), *(FAST if fast else []), "--quiet"])


def content_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "diagnosis.json").read_text(), parse_constant=pytest.fail)
    return content


def done(*args: object, out: Path) -> dict[str, Any]:
    result = diagnose(*args, "--out", out)
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stderr == ""
    return content_of(out)


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    return exact.write_grid(tmp_path_factory.mktemp("data") / "grid.npz")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exact.write_components(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three factors at step 0; at step 1 the third is below the noise; the names tell another order."""
    folder = tmp_path_factory.mktemp("series")
    exact.write_components(folder / "model-2.pt", step=0)
    exact.write_components(folder / "model-1.pt", step=1, sigma2=0.04)
    return folder


# --- numbers --------------------------------------------------------------------------------------------------------


def test_the_numbers_of_a_known_optimum(grid: str, model: Path, tmp_path: Path) -> None:
    content = done(model, "--dataset", grid, out=tmp_path)
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    # equal-width bins tell all 10 values of a latent's own factor apart, and the grid makes the others independent
    np.testing.assert_allclose(content["nmi"]["histogram"], np.eye(exact.LATENTS, 3), atol=1e-6)
    posterior = np.array(content["nmi"]["posterior"])
    assert np.diag(posterior).min() > 0.6
    assert (posterior - np.eye(exact.LATENTS, 3) * posterior).max() < 1e-6
    checkpoint = content["about"]["checkpoint"]
    cost, error = (checkpoint["reconstruction_nats"][name] for name in ("value", "standard_error"))
    assert cost == pytest.approx(3 * exact.SIGMA2, abs=5 * error)
    assert error < 0.1 * cost
    assert (checkpoint["step"], checkpoint["latents"], checkpoint["image_shape"]) == (100, 4, [1, 3, 6])
    np.testing.assert_allclose(checkpoint["self_test"]["moments"], 1, atol=1e-4)
    assert checkpoint["self_test"]["passed"]
    assert checkpoint["self_test"]["warning"] == ""
    assert checkpoint["self_test"]["reconstruction_explained"] > 0.99
    assert content["factor_names"] == list(exact.NAMES)
    parts = content["decomposition"]
    assert parts["index_code_mi_nats"] + parts["total_correlation_nats"] + parts["dimwise_kl_nats"] == pytest.approx(
        parts["kl_nats"], abs=1e-9
    )


def test_metrics_of_a_perfect_model_under_a_correlation(grid: str, model: Path, tmp_path: Path) -> None:
    """MIG falls by what the factors share, in entropies; minimality and sufficiency stay at 1 (Almudévar et al.)."""
    sigma = 0.1
    given = ["--correlate", "first,second", "--sigma", str(sigma)]
    metrics = ["--images", "10000", "--metrics", "mig,minimality", "--out", tmp_path]
    result = diagnose(model, "--dataset", grid, *FAST, *given, *metrics, fast=False)
    assert result.exit_code == 0, result.output
    content = content_of(tmp_path)
    c = np.arange(10) / 9
    table = np.exp(-0.5 * ((c[:, None] - c) / sigma) ** 2)
    table /= table.sum()
    entropy = -(table.sum(1) * np.log(table.sum(1))).sum()
    shared = 2 * entropy + (table * np.log(table)).sum()
    scores = content["about"]["metrics"]
    expected = np.mean([1 - shared / entropy, 1 - shared / entropy, 1])
    assert scores["mig"]["value"] == pytest.approx(expected, abs=0.01)
    assert scores["minimality"]["value"] == pytest.approx(1, abs=1e-6)
    assert scores["minimality"]["sufficiency"] == pytest.approx(1, abs=1e-6)
    data = content["about"]["dataset"]
    assert data["regime"]["pairs"] == [["first", "second", sigma]]
    assert data["regime"]["shared_nats"] == pytest.approx([shared], abs=0.01)
    assert data["different_images"] < 1000
    assert f"first and second (sigma {sigma:g}, {data['regime']['shared_nats'][0]:.2f} nats shared)" in result.stdout
    # the reading rests on images that are all alike, on which the moments are right
    np.testing.assert_allclose(content["about"]["checkpoint"]["self_test"]["moments"], 1, atol=1e-4)
    with np.load(next((tmp_path / "codes").glob("*.npz"))) as kept:
        assert np.corrcoef(kept["factors"][:, 0], kept["factors"][:, 1])[0, 1] > 0.9


def test_a_series_under_a_correlation_is_its_last_checkpoint(grid: str, series: Path, tmp_path: Path) -> None:
    content = done(series, "--dataset", grid, "--correlate", "first,second", "--inverse", out=tmp_path)
    assert content["about"]["dataset"]["regime"]["inverse"]
    with np.load(next((tmp_path / "codes").glob("*.npz"))) as kept:
        assert np.corrcoef(kept["factors"][:, 0], kept["factors"][:, 1])[0, 1] < -0.7
    assert content["about"]["checkpoint"]["step"] == 1
    assert len(content["about"]["series"]) == 1


def test_the_codes_of_a_function_are_tested_on_images_that_are_all_alike(
    grid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimum as a function: its moments are 1 on the grid, and far from it where the factors are correlated."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savez(tmp_path / "parts.npz", *exact.components()[:2], exact.components()[3])
    (tmp_path / "optimum_of_correlated.py").write_text(
        "import numpy as np, torch\n"
        "weight, logvar, middle = (torch.from_numpy(a).float() for a in np.load('parts.npz').values())\n"
        "def encode(images):\n"
        "    mean = (images.flatten(1) - middle) @ weight\n"
        "    return mean, logvar.expand_as(mean)\n"
    )
    given = ["--encoder", "optimum_of_correlated:encode", "--dataset", grid, "--out", tmp_path / "out"]
    result = diagnose(*given, "--correlate", "first,second", "--sigma", "0.05")
    assert result.exit_code == 0, result.output
    assert "self-test of the codes passed" in result.stdout
    assert "data test of the codes passed" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--correlate", "first"], "two factors and one comma"),
        (["--correlate", "first,nosuch"], "Unknown factor 'nosuch'"),
        (["--correlate", "first,second", "--sigma", "0"], "sigma must be at least"),
        (["--correlate", "first,second", "--sigma", "wide"], "sigma must be a number above 0"),
        (["--sigma", "0.2"], "add --correlate A,B"),
        (["--inverse"], "add --correlate A,B"),
    ],
)
def test_correlations_that_cannot_be(
    arguments: list[str], sentence: str, grid: str, model: Path, tmp_path: Path
) -> None:
    result = diagnose(model, "--dataset", grid, *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "out").exists()


def test_few_images_have_no_metrics_and_are_told(grid: str, model: Path, tmp_path: Path) -> None:
    few = [
        "--images",
        "500",
        "--permutations",
        "20",
        "--bootstraps",
        "20",
        "--format",
        "none",
        "--no-joint",
        "--out",
        tmp_path,
    ]
    result = CliRunner().invoke(main, ["diagnose", *map(str, [model, "--dataset", grid, *few])])
    assert result.exit_code == 0, result.output
    assert "Metrics are left out: of 500 images they are mostly bias, 1000 are the fewest." in result.stderr
    assert content_of(tmp_path)["about"]["metrics"] == {}


def test_what_is_written_and_printed(grid: str, model: Path, tmp_path: Path) -> None:
    result = diagnose(model, "--dataset", grid, "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "diagnosis.json", "latents.csv", "factors.csv", "nmi.csv", "traversals.npz", "codes",
    }  # fmt: skip
    for text in (
        "what each latent holds", "No information diffusion", "Latent 3 is collapsed", "Read as ifp (torch zip",
        "head: halves", "self-test passed", f"Results and figures in {tmp_path} (4 files).",
    ):  # fmt: skip
        assert text in result.stdout
    with np.load(tmp_path / "traversals.npz") as held:
        # latent 0 moves the first row of pixels alone, and the collapsed latent nothing
        moved = np.ptp(held["images"], axis=1).reshape(exact.LATENTS, 3, -1).max(axis=2)
    assert (moved > 0.02).tolist() == np.eye(exact.LATENTS, 3, dtype=bool).tolist()


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


def test_an_average_in_the_file_is_said_and_chosen(grid: str, model: Path, tmp_path: Path) -> None:
    both = torch.load(model)
    average = exact.write_components(tmp_path / "average.pt", sigma2=0.0012)  # near the beta that the file states
    both["state_dict_ema"] = torch.load(average)["state_dict"]
    torch.save(both, tmp_path / "both.pt")
    content = done(tmp_path / "both.pt", "--dataset", grid, out=tmp_path / "a")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    said = {entry["what"]: entry["value"] for entry in content["about"]["checkpoint"]["assumptions"]}
    assert (
        said["weights"] == "those under 'state_dict'; the file also holds 'state_dict_ema' (--weights state_dict_ema)"
    )
    # codes that were kept are of the other weights, and not taken
    chosen = done(tmp_path / "both.pt", "--dataset", grid, "--weights", "state_dict_ema", out=tmp_path / "a")
    np.testing.assert_allclose(chosen["kl_nats"], exact.kl_nats(0.0012), atol=1e-4)
    refused = diagnose(tmp_path / "both.pt", "--dataset", grid, "--weights", "ema", "--out", tmp_path / "b")
    assert refused.exit_code == 2
    assert "Unknown set of weights 'ema': allowed are state_dict, state_dict_ema" in refused.stderr


def test_an_image_shape_that_cannot_be_is_refused(grid: str, model: Path) -> None:
    for shape, words in (("1,3", "three whole numbers"), ("1,3,-6", "three whole numbers"), ("1,6,3", "takes images")):
        result = diagnose(model, "--dataset", grid, "--image-shape", shape)
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


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


def test_without_labels_the_unsupervised_part_runs(model: Path, tmp_path: Path) -> None:
    plain = exact.write_grid(tmp_path / "plain.npz", labelled=False)
    result = diagnose(model, "--dataset", plain, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "that needs labels" in result.stdout
    content = content_of(tmp_path / "out")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    assert content["decomposition"]["kl_nats"] == pytest.approx(exact.kl_nats().sum(), rel=0.1)
    assert content["nmi"] == {}
    runs = diagnose(model, model, model, "--dataset", plain, "--out", tmp_path / "several")
    assert runs.exit_code == 0, runs.output
    np.testing.assert_allclose(table(tmp_path / "several", "runs")["udr"], 0.9, atol=1e-6)


# --- codes and functions --------------------------------------------------------------------------------------------


def test_kept_codes_are_read_by_codes_to_the_same_numbers(grid: str, model: Path, tmp_path: Path) -> None:
    content = done(model, "--dataset", grid, out=tmp_path / "out")
    (kept,) = (tmp_path / "out" / "codes").iterdir()
    again = done("--codes", kept, out=tmp_path / "again")
    for name in ("kl_nats", "nmi", "floor_nmi", "nmi_low", "factor_names", "factor_sizes"):
        assert again[name] == content[name], name
    assert again["about"]["checkpoint"]["reader"] == "codes given as arrays"


def test_codes_without_factors(model: Path, rng: np.random.Generator, tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", mean=rng.normal(size=(1000, 3)), logvar=np.full((1000, 3), -2.0))
    content = done("--codes", tmp_path / "codes.npz", out=tmp_path / "out")
    assert content["nmi"] == {}
    assert len(content["kl_nats"]) == 3


ENCODERS = """
import torch

def exact(images):
    state = torch.load({model!r})["state_dict"]
    x = images.flatten(1) - state["mean_P"]
    weight = state["encoder.0.weight"][:, :4]
    return x @ weight, state["encoder.logvar.bias"].expand(len(x), -1)

def raising(images):
    raise RuntimeError("no such layer")

def leaving(images):
    raise SystemExit(0)

def one(images):
    return images.flatten(1)

def short(images):
    return images.flatten(1)[:1], images.flatten(1)[:1]

calls = []

def changing(images):
    calls.append(images)
    wide = 2 + (len(calls) > 1)
    return images.flatten(1)[:, :wide], images.flatten(1)[:, :wide]

def diverged(images):
    return images.flatten(1) * float("nan"), images.flatten(1)

number = 3
"""


@pytest.fixture
def own_encoder(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "encoders_of_test_diagnose"
    (tmp_path / f"{name}.py").write_text(ENCODERS.format(model=str(model)))
    (tmp_path / "leaving_at_once.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_a_function_of_ones_own(grid: str, own_encoder: str, tmp_path: Path) -> None:
    content = done("--encoder", f"{own_encoder}:exact", "--dataset", grid, out=tmp_path / "out")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    np.testing.assert_allclose(content["nmi"]["histogram"], np.eye(exact.LATENTS, 3), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (":raising", "RuntimeError: no such layer"),
        (":leaving", "SystemExit"),
        (":one", "must take a float tensor"),
        (":short", "of shape [250, latents], got [1, 18]"),
        (":changing", "gives 2 latents for some images, 3 for others"),
        (":diverged", "NaN or infinite"),
        (":number", "is not a function"),
        (":missing", "has no attribute 'missing'"),
        ("", "must be package.module:function"),
    ],
)
def test_a_function_that_is_no_encoder(
    function: str, sentence: str, grid: str, own_encoder: str, tmp_path: Path
) -> None:
    result = diagnose("--encoder", f"{own_encoder}{function}", "--dataset", grid, "--out", tmp_path / "out")
    check_mistake(result, sentence, tmp_path / "out")


@pytest.mark.parametrize("module", ["no_such_module", "leaving_at_once"])
def test_a_module_that_cannot_be_imported(module: str, grid: str, own_encoder: str, tmp_path: Path) -> None:
    result = diagnose("--encoder", f"{module}:encode", "--dataset", grid, "--out", tmp_path / "out")
    check_mistake(result, "cannot be imported", tmp_path / "out")


# --- output ---------------------------------------------------------------------------------------------------------


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
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".png", ".csv"}
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
        "These are 120 images: below 1,000 intervals are wide",
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


def test_a_diverged_decoder_is_told_and_the_codes_are_measured_on_demand(
    grid: str, model: Path, tmp_path: Path
) -> None:
    for value in (float("nan"), float("inf")):
        stored = torch.load(model)
        stored["state_dict"]["decoder.out.bias"].fill_(value)
        torch.save(stored, tmp_path / "model.pt")
        content = done(tmp_path / "model.pt", "--dataset", grid, "--anyway", out=tmp_path / "out")
        self_test = content["about"]["checkpoint"]["self_test"]
        assert not self_test["passed"]
        assert "misread" in self_test["warning"]
        np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)


# --- models that are misread or do not know the images ---------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Other images of the same shape, with the same factors: brighter, and every row of pixels by another factor."""
    path = tmp_path_factory.mktemp("data") / "foreign.npz"
    images = 255 - (exact.grid_images()[:, ::-1].astype(int) * 2 % 256).astype(np.uint8)
    np.savez(path, images=images, factors=exact.factor_grid(), factor_names=np.array(exact.NAMES))
    return f"npz:{path}"


def test_without_trust_there_is_no_verdict_but_what_is_wrong_and_what_to_try(
    model: Path, foreign: str, tmp_path: Path
) -> None:
    result = diagnose(model, "--dataset", foreign, "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    # a linear decoder draws all that lies in its plane, so the reading is confirmed and the data are not
    assert "self-test not passed, but confirmed" in result.stdout
    assert "data test FAILED" in result.stdout
    assert "No verdict on " in result.stderr
    assert "dimension-wise" in result.stderr
    assert "What to try: --dataset with the images that it was trained on" in result.stderr
    assert "what each latent holds" not in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"codes"}
    shown = json.loads(diagnose(model, "--dataset", foreign, "--out", tmp_path / "out", "--json").stdout)
    (doubtful,) = shown["doubtful"].values()
    assert shown["verdict"] is None
    assert len(doubtful["doubts"]) == 1
    assert not doubtful["data_test"]["passed"]


def test_anyway_gives_the_numbers_and_no_verdict(grid: str, model: Path, foreign: str, tmp_path: Path) -> None:
    result = diagnose(model, "--dataset", foreign, "--anyway", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "what each latent holds" in result.stdout
    assert "held by" not in result.stdout.split("- No verdict on")[1]
    content = content_of(tmp_path)
    assert content["verdict"].keys() == {"checkpoint"}
    assert all(sentence.startswith("No verdict on ") for sentence in content["verdict"]["checkpoint"])
    assert not content["about"]["checkpoint"]["data_test"]["passed"]
    both = diagnose(model, model, "--dataset", foreign, "--anyway", "--out", tmp_path / "two")
    assert both.exit_code == 0, both.output
    assert content_of(tmp_path / "two")["verdict"].keys() == {"checkpoint"}
    trusted = done(model, "--dataset", grid, "--anyway", out=tmp_path / "own")
    assert trusted["about"]["checkpoint"]["data_test"]["passed"]
    assert "No information diffusion" in trusted["verdict"]["checkpoint"][0]


def test_a_stated_reading_wins_but_is_tested(grid: str, model: Path, tmp_path: Path) -> None:
    result = diagnose(model, "--dataset", grid, "--variance", "log-sigma", "--out", tmp_path)
    assert result.exit_code == 1, result.output
    assert "read as 'variance log variance'" in result.stderr
    assert "leave the option out" in result.stderr
    content = done(model, "--dataset", grid, "--variance", "log-variance", out=tmp_path)
    said = {entry["what"]: entry for entry in content["about"]["checkpoint"]["assumptions"]}
    assert (said["variance"]["value"], said["variance"]["source"]) == ("log variance", "an option")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)


def test_codes_and_functions_get_the_self_test_that_needs_no_decoder(
    grid: str, own_encoder: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    result = diagnose("--encoder", f"{own_encoder}:exact", "--dataset", grid, "--out", tmp_path / "out")
    assert "self-test of the codes passed" in result.stdout
    assert "data test of the codes passed" in result.stdout
    mean = rng.normal(size=(1000, 3)) * 0.9**0.5
    for factor, words in ((1.0, "passed"), (3.0, "NOT PASSED")):
        np.savez(tmp_path / "codes.npz", mean=factor * mean, logvar=np.full((1000, 3), np.log(0.1)))
        result = diagnose("--codes", tmp_path / "codes.npz", "--out", tmp_path / "out")
        assert result.exit_code == 0
        assert f"self-test of the codes {words}" in result.stdout
        assert ("log sigma" in result.stdout) == (words != "passed")


# --- one file of every family ---------------------------------------------------------------------------------------

FIRST = {
    "yanndubs": "yanndubs 32", "dent": "dent chen_mlp", "rtqichen": "rtqichen mlp", "1konny": "1konny B",
    "amir-abdi": "amir-abdi shallow",
}  # fmt: skip
SECOND = {
    "erow": "erow dense", "erow_groups": "groups added", "disent": "disent dense", "pythae": "pythae dense",
    "antixk": "antixk tc", "google": "google conv",
}  # fmt: skip


def labelled_images(path: Path, image_shape: tuple[int, int, int]) -> str:
    """1,000 images: a bright bar at 10 places, of 10 brightnesses, on 10 backgrounds."""
    factors = np.stack(np.meshgrid(range(10), range(10), range(10), indexing="ij"), axis=-1).reshape(-1, 3)
    channels, rows, columns = image_shape
    images = np.empty((len(factors), rows, columns, channels), dtype=np.uint8)
    images[:] = 8 * factors[:, 2, None, None, None]
    for image, (place, brightness, _) in zip(images, factors, strict=True):
        image[:, place * columns // 10 : (place + 1) * columns // 10] = 100 + 15 * brightness
    np.savez(path, images=images, factors=factors, factor_names=np.array(["place", "brightness", "ground"]))
    return f"npz:{path}"


def write_of_family(family: str, folder: Path) -> tuple[Path, tuple[int, int, int], int]:
    """The file, the image shape and the number of latents."""
    if family == "ifp":
        return exact.write_components(folder / "model.pt"), exact.IMAGE_SHAPE, exact.LATENTS
    if family in FIRST:
        kind = family_files.FILES[FIRST[family]]
        network = family_files.make(FIRST[family])
        with torch.no_grad():
            network.state_dict()[f"{kind.head}.weight"].mul_(2)
        return family_files.write(folder, FIRST[family], network), kind.image_shape, family_files.LATENTS
    example = family_files_b.EXAMPLES[SECOND[family]]()
    example.weights["of.nobody"] = np.ones(2, np.float32)
    if family == "pythae":
        (folder / "model_config.json").write_text(json.dumps(example.config))
    return family_files_b.write(folder, example), example.image_shape, example.latents


@pytest.mark.slow
@pytest.mark.parametrize("family", families())
def test_one_file_of_every_family_in_one_command(family: str, tmp_path: Path) -> None:
    path, image_shape, latents = write_of_family(family, tmp_path)
    data = labelled_images(tmp_path / "data.npz", image_shape)
    # random weights hold no model of the images
    checkpoint = done(path, "--dataset", data, "--anyway", out=tmp_path / "out")["about"]["checkpoint"]
    assert checkpoint["family"] == families()[family].title
    assert (checkpoint["image_shape"], checkpoint["latents"]) == (list(image_shape), latents)
    said = {entry["what"]: entry for entry in checkpoint["assumptions"]}
    assert len(said) == len(checkpoint["assumptions"])
    assert set(said) >= {"head", "variance", "activation", "input", "likelihood", "beta"}
    for entry in said.values():
        assert entry["value"]
        assert entry["source"] in {
            "the file", "the shapes", "the code base", "an option", "the self-test", "a guess",
        }  # fmt: skip
    if family in SECOND:
        assert checkpoint["unused_arrays"] == ["of.nobody"]
    assert checkpoint["self_test"]["readings"]
    assert np.isfinite(checkpoint["reconstruction_nats"]["value"])


# --- mistakes -------------------------------------------------------------------------------------------------------


def check_mistake(result: Result, sentence: str, out: Path) -> None:
    """One sentence on stderr, exit code 2, and nothing written but codes that were encoded rightly."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert sentence in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert {path.name for path in out.glob("*")} <= {"codes"}
    assert not list(out.rglob("*partial*"))


MISTAKES = [
    ([], "Nothing to diagnose is named"),
    (["{model}"], "No data set is named"),
    (["{model}", "--dataset", "sprits"], "Unknown dataset 'sprits'"),
    (["{model}", "--dataset", "npz:missing.npz"], "missing.npz"),
    (["{model}", "--dataset", "npz:{tmp}/wider.npz"], "takes images of shape (1, 3, 6)"),
    (["{model}", "--dataset", "{grid}", "--codes", "x.npz"], "PATH and --codes exclude each other"),
    (["{model}", "--dataset", "{grid}", "--encoder", "a:b"], "PATH and --encoder exclude each other"),
    (["--codes", "x.npz", "--dataset", "{grid}"], "brings its own factors"),
    (["--codes", "{tmp}/x.npz"], "There is no file"),
    (["--codes", "{model}"], "has no array of numbers 'mean'"),
    (["{tmp}/missing.pt", "--dataset", "{grid}"], "There is no file or folder"),
    (["{tmp}/empty", "--dataset", "{grid}"], "holds no checkpoint"),
    (["{tmp}/two", "--dataset", "{grid}"], "holds 2 runs"),
    (["{tmp}/latents", "--dataset", "{grid}"], "different numbers of latents"),
    (["{tmp}/diverged.pt", "--dataset", "{grid}"], "NaN or infinite"),
    (["{tmp}/cut.pt", "--dataset", "{grid}"], "cut short"),
    (["{tmp}/script.pt", "--dataset", "{grid}"], "of none of the families"),
    (["{tmp}/hostile/zip_reduce_system", "--dataset", "{grid}"], "asks its reader to call"),
    (["{tmp}/hostile/encoder.pkl", "--dataset", "{grid}"], "plain Python pickle"),
    (["{tmp}/hostile/tar", "--dataset", "{grid}"], "tar archive"),
    (["{tmp}/hostile/zip_module", "--dataset", "{grid}"], "whole module of the class"),
    (["{model}", "--dataset", "{tmp}/few.npz"], "write npz:"),
    (["{model}", "--dataset", "npz:{tmp}/few.npz"], "holds 49 images and at least 50 are needed"),
    (["{model}", "--dataset", "{grid}", "--family", "betavae"], "Unknown family 'betavae'"),
    (["{model}", "--dataset", "{grid}", "--family", "yanndubs"], "cannot be rebuilt"),
    (["{model}", "--dataset", "{grid}", "--activation", "maxout"], "Unknown activation 'maxout'"),
    (["{model}", "--dataset", "{grid}", "--head", "thirds"], "Unknown head 'thirds'"),
    (["{model}", "--dataset", "{grid}", "--variance", "sigma"], "Unknown variance 'sigma'"),
    (["{model}", "--dataset", "{grid}", "--stage", "-1"], "stage must be"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0"], "two numbers"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0,0"], "STD positive"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "nan,1"], "both finite"),
    (["{model}", "--dataset", "{grid}", "--pixel-scaling", "0,inf"], "both finite"),
    (["{model}", "--dataset", "{grid}", "--metrics", "migs"], "Unknown metric 'migs'"),
    (["{model}", "--dataset", "{grid}", "--width", "journal"], "width must be"),
    (["{model}", "--dataset", "{grid}", "--format", "svg"], "Unknown figure format 'svg'"),
    (["{model}", "--dataset", "{grid}", "--format", "none,pdf"], "none stands alone"),
    (["{model}", "--dataset", "{grid}", "--format", ","], "--format must name"),
    (["{model}", "--dataset", "{grid}", "--name", "beta-VAE"], "--name must be a letter, = and a name"),
    (["{model}", "--dataset", "{grid}", "--name", "B=DEFT"], "names a model that is not there: model A alone is given"),
    (["{model}", "--dataset", "{grid}", "--images", "49"], "images must be a whole number of at least 50"),
    (["{model}", "--dataset", "{grid}", "--permutations", "19"], "permutations must be"),
    (["{model}", "--dataset", "{grid}", "--bootstraps", "0"], "bootstraps must be"),
    (["{model}", "--dataset", "{grid}", "--device", "cuda:7"], "device must be"),
    (["{model}", "--dataset", "{grid}", "--background", "x.png"], "background"),
]


@pytest.fixture(scope="module")
def mistaken(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a user can name wrongly."""
    folder = tmp_path_factory.mktemp("mistaken")
    for name in ("empty", "two/a", "two/b", "latents", "hostile"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(model, folder / "two" / name / "model.pt")
    shutil.copy(model, folder / "latents" / "step-1.pt")
    stored = torch.load(model)
    for name in ("encoder.mean.weight", "encoder.mean.bias", "encoder.logvar.weight", "encoder.logvar.bias"):
        stored["state_dict"][name] = stored["state_dict"][name][..., :3]
    stored["state_dict"]["decoder.0.weight"] = stored["state_dict"]["decoder.0.weight"][:3]
    torch.save(stored, folder / "latents" / "step-2.pt")
    stored = torch.load(model)
    stored["state_dict"]["encoder.1.weight"].fill_(float("nan"))
    torch.save(stored, folder / "diverged.pt")
    whole = model.read_bytes()
    (folder / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old files are read all the same
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "script.pt"))
    np.savez(folder / "few.npz", images=exact.grid_images()[:49], factors=exact.factor_grid()[:49])
    np.savez(folder / "wider.npz", images=np.full((1000, 3, 7), 99, np.uint8), factors=exact.factor_grid())
    hostile_files(folder / "hostile", folder / "sentinel")
    yield folder
    assert not (folder / "sentinel").exists()


@pytest.mark.parametrize(("args", "sentence"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    args: list[str], sentence: str, model: Path, grid: str, mistaken: Path, tmp_path: Path
) -> None:
    filled = [arg.format(model=model, grid=grid, tmp=mistaken) for arg in args]
    out = tmp_path / "out"
    check_mistake(CliRunner().invoke(main, ["diagnose", *FAST, *filled, "--quiet", "--out", str(out)]), sentence, out)


ARRAYS: list[tuple[str, Callable[[dict[str, np.ndarray]], dict[str, Any]], str]] = [
    ("no mean", lambda a: {"mu": a["mean"], "logvar": a["logvar"]}, "no array of numbers 'mean'"),
    ("objects", lambda a: a | {"mean": np.array([[None]])}, "Python objects"),
    ("complex", lambda a: a | {"mean": a["mean"] + 0j}, "no array of numbers 'mean'"),
    ("single number", lambda a: {"mean": np.float64(1), "logvar": np.float64(1)}, "must be [images, latents]"),
    ("flat", lambda a: a | {"mean": a["mean"][:, 0]}, "must be [images, latents]"),
    ("shapes", lambda a: a | {"logvar": a["logvar"][:, :2]}, "mean and logvar must both be"),
    ("nan", lambda a: a | {"mean": a["mean"] * np.nan}, "NaN or infinite"),
    ("fewer factors", lambda a: a | {"factors": a["factors"][:9]}, "factors must be"),
    ("fractions", lambda a: a | {"factors": a["factors"] / 2}, "must be integers"),
    ("names", lambda a: a | {"factor_names": np.array(["a"])}, "factor_names needs 3 different strings"),
    ("equal names", lambda a: a | {"factor_names": np.array(["a", "a", "b"])}, "3 different strings"),
    ("empty name", lambda a: a | {"factor_names": np.array(["a", "", "b"])}, "none of them empty"),
    ("small sizes", lambda a: a | {"factor_sizes": np.array([2, 2, 2])}, "outside 0 ... size - 1"),
    ("huge sizes", lambda a: a | {"factor_sizes": np.array([10**9, 10, 10])}, "1,000,000,000 values, and at most"),
    ("sizes of text", lambda a: a | {"factor_sizes": np.array(["a", "b", "c"])}, "3 whole numbers"),
    ("few images", lambda a: {name: array[:49] for name, array in a.items()}, "at least 50 are needed"),
]


@pytest.mark.parametrize(("change", "sentence"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS])
def test_codes_that_are_none(
    change: Callable[[dict[str, np.ndarray]], dict[str, Any]], sentence: str, tmp_path: Path
) -> None:
    mean = numpy_generator(0, "tests", "codes").normal(size=(1000, 4))
    arrays = {"mean": mean, "logvar": np.full_like(mean, -2), "factors": exact.factor_grid()}
    np.savez(tmp_path / "codes.npz", **change(arrays))
    check_mistake(diagnose("--codes", tmp_path / "codes.npz", "--out", tmp_path / "out"), sentence, tmp_path / "out")


def test_codes_of_different_images_are_not_compared(rng: np.random.Generator, tmp_path: Path) -> None:
    mean = rng.normal(size=(1000, 2))
    for name, factors in (("a", exact.factor_grid()), ("b", exact.factor_grid()[::-1])):
        np.savez(tmp_path / f"{name}.npz", mean=mean, logvar=mean, factors=factors)
    result = diagnose("--codes", tmp_path / "a.npz", "--codes", tmp_path / "b.npz", "--out", tmp_path / "out")
    check_mistake(result, "codes of different images", tmp_path / "out")


# --- resuming -------------------------------------------------------------------------------------------------------


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each encoding of a whole sample had."""
    calls: list[int] = []
    real = records.encode_images

    def counted(encode: Any, images: np.ndarray, *rest: Any) -> Any:
        calls.append(len(images))
        return real(encode, images, *rest)

    monkeypatch.setattr(records, "encode_images", counted)
    return calls


def test_codes_are_kept_and_a_changed_checkpoint_is_encoded_again(
    grid: str, series: Path, encoded: list[int], tmp_path: Path
) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(series, folder)
    first = done(folder, "--dataset", grid, out=out)
    assert encoded == [1000, 1000]
    again = done(folder, "--dataset", grid, out=out)
    assert encoded == [1000, 1000]
    assert again == first
    exact.write_components(folder / "model-1.pt", step=1, sigma2=0.02)
    changed = done(folder, "--dataset", grid, out=out)
    assert len(encoded) == 3
    np.testing.assert_allclose(changed["kl_nats"], exact.kl_nats(0.02), atol=1e-4)
    done(folder, "--dataset", grid, "--head", "interleaved", "--anyway", out=out)
    assert len(encoded) == 5


def test_the_same_command_gives_the_same_bytes(grid: str, series: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        done(series, "--dataset", grid, out=tmp_path / name)
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert len(files) > 8
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    done(series, "--dataset", grid, out=tmp_path / "a")
    assert {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_killed_command_leaves_whole_files_only_and_resumes(grid: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for step in range(30):
        exact.write_components(folder / f"step-{step}.pt", step=step)
    command = [sys.executable, "-c", "from ifp.cli import main; main()", "diagnose", str(folder), "--dataset", grid]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*command, *FAST, "--quiet", "--out", str(out)], env=environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not list((out / "codes").glob("*.npz")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = sorted((out / "codes").glob("*.npz"))
    assert 0 < len(kept) < 30
    assert {path.name for path in out.iterdir()} == {"codes"}
    for path in kept:
        with np.load(path) as arrays:
            assert all(arrays[name].size for name in ("mean", "logvar", "key"))
    cut, whole = done(folder, "--dataset", grid, out=out), done(folder, "--dataset", grid, out=tmp_path / "whole")
    assert cut == whole
    assert not list(out.rglob("*partial*"))
