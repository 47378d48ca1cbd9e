"""`ifp diagnose --codes` and `--encoder`: arrays and functions of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ifp.cli import main
from ifp.seeds import numpy_generator

from ...checkpoints import exact_vaes as exact
from .command import FAST, check_mistake, content_of, diagnose, done


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


def test_a_function_of_ones_own(grid: str, own_encoder: str, tmp_path: Path) -> None:
    content = done("--encoder", f"{own_encoder}:exact", "--dataset", grid, out=tmp_path / "out")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    np.testing.assert_allclose(content["nmi"]["histogram"], np.eye(exact.LATENTS, 3), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (":raising", "RuntimeError: no such layer"),
        (":leaving", "SystemExit"),
        (":one", "returned a Tensor; return (mean, logvar)"),
        (":short", "of shape [250, latents], got [1, 18]"),
        (":changing", "gives 2 latents for some images, 3 for others"),
        (":diverged", "NaN or infinite"),
        (":number", "is not a function"),
        (":missing", "has no attribute 'missing'"),
        ("", "is named as package.module:function"),
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
    check_mistake(result, "different samples, or of the same samples in another order", tmp_path / "out")


def test_posteriors_of_cells_give_the_numbers_of_the_same_arrays(rng: np.random.Generator, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
    kind, size = np.arange(400) % 3, np.arange(400) / 7
    mean, variance = kind[:, None] - 1 + 0.1 * rng.normal(size=(400, 2)), np.full((400, 2), 0.25)
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file["obs/_index"], file["obs/size"] = np.arange(400), size
        file["obs/kind/codes"], file["obs/kind/categories"] = kind.astype(np.int8), np.array([b"a", b"b", b"c"])
        file["obsm/latent_qzm"], file["obsm/latent_qzv"] = mean, variance
    factors = np.stack([kind, np.arange(400) // 100], axis=1)
    np.savez(tmp_path / "codes.npz", mean=mean, logvar=np.log(variance), factors=factors, factor_names=["kind", "size"])
    expected = done("--codes", tmp_path / "codes.npz", out=tmp_path / "arrays")
    asked = ("--codes", tmp_path / "cells.h5ad", "--factors", "kind,size")
    found = done(*asked, "--bins", "size:4", out=tmp_path / "cells")
    for name in ("kl_nats", "nmi", "floor_nmi", "nmi_low", "factor_names", "factor_sizes"):
        assert found[name] == expected[name], name
    check_mistake(diagnose(*asked, "--out", tmp_path / "out"), "holds numbers (400 different", tmp_path / "out")
    check_mistake(diagnose(*asked, "--bins", "size", "--out", tmp_path / "out"), "NAME:NUMBER", tmp_path / "out")
    mistake = diagnose("--codes", tmp_path / "codes.npz", "--factors", "kind", "--out", tmp_path / "out")
    check_mistake(mistake, "for .h5ad files", tmp_path / "out")
    mistake = diagnose("a.pt", "--dataset", "sprites", "--factors", "kind", "--out", tmp_path / "out")
    check_mistake(mistake, "add --codes", tmp_path / "out")


def test_a_number_of_images_does_not_sample_codes_and_that_is_said(rng: np.random.Generator, tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", mean=rng.normal(size=(400, 2)), logvar=np.full((400, 2), -2.0))
    codes = ("--codes", tmp_path / "codes.npz", "--out", tmp_path / "out")
    words = "--images is about images to encode; the codes of 400 samples are measured, not of 300."
    for images in (300, 400, 10_000):
        result = CliRunner().invoke(main, ["diagnose", *FAST, *map(str, codes), "--images", str(images)])
        assert result.exit_code == 0, result.output
        assert (words in result.stderr) == (images == 300)
        assert content_of(tmp_path / "out")["settings"]["images"] == 400


def test_the_warning_about_cells_speaks_of_their_variance(rng: np.random.Generator, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file["obs/_index"] = np.arange(400)
        file["obsm/latent_qzm"], file["obsm/latent_qzv"] = 3 * rng.normal(size=(400, 2)), np.full((400, 2), 0.1)
    result = diagnose("--codes", tmp_path / "cells.h5ad", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "self-test of the codes NOT PASSED" in result.stdout
    said = " ".join(result.stdout.split())
    assert "is what --variance-key names the variance (qz.scale**2), not the standard deviation" in said
