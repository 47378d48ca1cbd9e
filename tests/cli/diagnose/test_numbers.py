"""`ifp diagnose` on models whose optimum is known: numbers, what is written, and the reading that is chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ifp.cli import main

from ...checkpoints import exact_vaes as exact
from .command import FAST, content_of, diagnose, done, table


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


def test_few_images_have_no_metrics_and_are_told(grid: str, model: Path, tmp_path: Path) -> None:
    few = [*FAST, "--images", "500", "--metrics", "quick", "--out", tmp_path]
    result = CliRunner().invoke(main, ["diagnose", *map(str, [model, "--dataset", grid, *few])])
    assert result.exit_code == 0, result.output
    assert "Metrics are left out: of 500 images they are mostly bias, and 1,000 are needed." in result.stdout
    assert content_of(tmp_path)["about"]["metrics"] == {}


def test_what_is_written_and_printed(grid: str, model: Path, tmp_path: Path) -> None:
    result = diagnose(model, "--dataset", grid, "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "diagnosis.json", "latents.csv", "factors.csv", "nmi.csv", "traversals.npz", "codes",
        "checksums.json",
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


def test_an_average_in_the_file_is_said_and_chosen(grid: str, model: Path, tmp_path: Path) -> None:
    both = torch.load(model)
    average = exact.write_components(tmp_path / "average.pt", sigma2=0.0012)  # near the beta that the file states
    both["state_dict_ema"] = torch.load(average)["state_dict"]
    torch.save(both, tmp_path / "both.pt")
    content = done(tmp_path / "both.pt", "--dataset", grid, out=tmp_path / "a")
    np.testing.assert_allclose(content["kl_nats"], exact.kl_nats(), atol=1e-4)
    said = {entry["what"]: entry["value"] for entry in content["about"]["checkpoint"]["assumptions"]}
    assert said["weights"].endswith("holds 'state_dict_ema' (`reading=ifp.ReadingOptions(weights='state_dict_ema')`)")
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
