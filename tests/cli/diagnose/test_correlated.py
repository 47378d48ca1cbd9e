"""`ifp diagnose --correlate`: scores under a correlation of factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ...checkpoints import exact_vaes as exact
from .command import FAST, content_of, diagnose, done


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
