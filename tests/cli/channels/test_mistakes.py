"""Every mistake with `ifp channels` is one sentence and exit code 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ...checkpoints import exact_vaes as exact
from .command import channels

MISTAKES = [
    ([], "No model is named"),
    (["{one}"], "No data set is named"),
    (["{one}", "--codes", "x.npz"], "--codes are of images of their own"),
    (["--codes", "x.npz", "--dataset", "{grid}"], "brings its own factors"),
    (["--codes", "x.npz", "--along-training"], "--along-training is about the checkpoints"),
    (["--codes", "x.npz"], "Hotspots need at least 5 models, got 1"),
    (
        ["{one}", "--dataset", "{grid}"],
        "Hotspots need at least 5 models, got 1: give more, or compare these alone with",
    ),
    (["{models}", "--dataset", "sprits"], "Unknown dataset 'sprits'"),
    (
        ["{models}", "--dataset", "{grid}", "--points", "1001"],
        "holds 1,000 images; --points must be 1000 or less",
    ),
    (["{models}", "--dataset", "{grid}", "--by", "layer"], "Unknown kind of channel 'layer'"),
    (["{models}", "--dataset", "{grid}", "--by", "group"], "A group size goes with channels by group"),
    (["{models}", "--dataset", "{grid}", "--group-size", "2"], "A group size goes with channels by group"),
    (["{models}", "--dataset", "{grid}", "--by", "group", "--group-size", "3"], "divides the 4 latents"),
    (["{models}", "--dataset", "{grid}", "--distance", "cka"], "Unknown distance 'cka'"),
    (["{models}", "--dataset", "{grid}", "--min-samples", "1"], "min_samples must be"),
    (["{models}", "--dataset", "{grid}", "--min-samples", "99"], "min_samples must be"),
    (["{models}", "--dataset", "{grid}", "--threshold", "0"], "threshold must be a positive number"),
    (["{models}", "--dataset", "{grid}", "--device", "cuda:7"], "device must be"),
    (["{models}", "--dataset", "{grid}", "--width", "journal"], "width must be"),
    (["{models}", "--dataset", "{grid}", "--format", "eps"], "Unknown figure format 'eps'"),
    (["{models}", "--dataset", "{grid}", "--head", "thirds"], "Unknown head 'thirds'"),
    (["{models}", "--dataset", "npz:{tmp}/wider.npz"], "takes images of shape (1, 3, 6)"),
    (["{models}", "{tmp}/diverged.pt", "--dataset", "{grid}"], "diverged.pt: The posteriors hold NaN or infinite"),
    ([f"{{tmp}}/poor-{at}.pt" for at in range(1, 6)] + ["--dataset", "{grid}"], "One channel of all models holds"),
    (["{tmp}/dead.pt", "--dataset", "{grid}", "--no-hotspots"], "No channel holds more than 0.01 bits"),
]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a user can name wrongly."""
    import torch

    folder = tmp_path_factory.mktemp("mistaken")
    np.savez(folder / "wider.npz", images=np.full((1000, 3, 7), 99, np.uint8), factors=exact.factor_grid())
    stored = torch.load(exact.write_components(folder / "diverged.pt"))
    stored["state_dict"]["encoder.1.weight"].fill_(float("nan"))
    torch.save(stored, folder / "diverged.pt")
    exact.write_components(folder / "dead.pt", sigma2=1.0)
    for name in "12345":  # one of them holds the first factor, and nothing holds more
        exact.write_components(folder / f"poor-{name}.pt", sigma2=0.1 if name == "1" else 1.0)
    return folder


@pytest.mark.parametrize(("args", "sentence"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    args: list[str], sentence: str, models: list[Path], grid: str, mistaken: Path, tmp_path: Path
) -> None:
    filled: list[str] = []
    for arg in args:
        filled += map(str, models) if arg == "{models}" else [arg.format(one=models[0], grid=grid, tmp=mistaken)]
    result = channels(*filled, "--out", tmp_path / "out", figures="--format" in args)
    assert result.exit_code == 2, (result.output, result.exception)
    assert sentence in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()
