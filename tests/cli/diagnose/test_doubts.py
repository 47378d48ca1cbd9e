"""`ifp diagnose` of models that are misread or do not know the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ...checkpoints import exact_vaes as exact
from .command import content_of, diagnose, done


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Other images of the same shape, with the same factors: brighter, and every row of pixels by another factor."""
    path = tmp_path_factory.mktemp("data") / "foreign.npz"
    images = 255 - (exact.grid_images()[:, ::-1].astype(int) * 2 % 256).astype(np.uint8)
    np.savez(path, images=images, factors=exact.factor_grid(), factor_names=np.array(exact.NAMES))
    return f"npz:{path}"


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
