"""`ifp shift` as a user runs it, on models whose optimum is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.analysis.shift import probes
from ifp.cli import main

from ..checkpoints import exact_vaes as exact

SHORT = [
    "--images",
    "1000",
    "--fixed-images",
    "1000",
    "--steps",
    "400",
    "--hold-steps",
    "0",
    "--records",
    "16",
    "--learning-rate",
    "0.003",
]
RANGE = ["--beta-min", "0.002", "--beta-max", "0.6"]


def shift(*args: object) -> Result:
    return CliRunner().invoke(main, ["shift", *map(str, args), "--quiet"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """grid.npz, and a run of two seeds with one checkpoint each."""
    folder = tmp_path_factory.mktemp("shift")
    exact.write_grid(folder / "grid.npz")
    exact.write_grid(folder / "unlabelled.npz", labelled=False)
    for seed in range(2):
        (folder / "run" / f"seed-{seed}").mkdir(parents=True)
        exact.write_components(folder / "run" / f"seed-{seed}" / "step-000100.pt")
    return folder


@pytest.fixture(scope="module")
def done(place: Path) -> Path:
    """The run against itself."""
    out = place / "out"
    result = shift(place / "run", place / "run", "--dataset", f"npz:{place / 'grid.npz'}", "--out", out, *SHORT, *RANGE)
    assert result.exit_code == 0, (result.output, result.exception)
    return out


def test_equal_runs_do_not_differ(done: Path) -> None:
    table = pd.read_csv(done / "shifts.csv")
    assert table["name"].tolist() == list(exact.NAMES)
    assert (table["pairs"] + table["censored"] == 2).all()
    known = table[table["pairs"] == 2]
    assert len(known) == 3
    assert (known["shift"] == 0).all()
    assert (known["ratio"] == 1).all()
    assert known["within_noise"].isna().all()  # two pairs are too few to claim anything


def test_latents_melt_in_the_order_and_near_the_place_of_the_closed_form(done: Path) -> None:
    melting = pd.read_csv(done / "melting.csv", dtype={"name": str})
    latents = melting[(melting["kind"] == "latent") & (melting["side"] == "baseline") & (melting["number"] == 0)]
    assert latents["status"].tolist() == ["melted"] * 3 + ["not_held"]
    # on the squared error a component freezes at twice its variance; KL is 0.1 nat at exp(-0.2) of that, heating late
    ratio = latents["beta_ifp"].to_numpy()[:3] / (2 * exact.component_variances() * np.exp(-0.2))
    assert (ratio > 0.9).all()
    assert (ratio < 2.5).all()
    assert (np.diff(latents["beta_ifp"].to_numpy()[:3]) < 0).all()


def test_the_folder_says_what_was_done_and_holds_the_figure(done: Path) -> None:
    about = json.loads((done / "shift.json").read_text())
    assert about["probe"]["direction"] == "heat"
    assert len(about["models"]) == 4
    assert about["models"][0]["beta"] == pytest.approx(2 * exact.SIGMA2)
    assert {path.name for path in (done / "figures").iterdir()} == {
        f"ifp_shift.{end}" for end in ("pdf", "png", "csv", "txt")
    }
    shown = pd.read_csv(done / "figures" / "ifp_shift.csv")
    assert set(shown["side"]) == {"baseline", "mitigated"}


def test_a_finished_probe_is_not_made_again(done: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("probed again")

    monkeypatch.setattr(probes, "probe", never)
    before = (done / "melting.csv").read_bytes()
    arguments = (place / "run", place / "run", "--dataset", f"npz:{place / 'grid.npz'}", "--out", done, *SHORT, *RANGE)
    result = shift(*arguments, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["format"] == "ifp shift 1"
    assert (done / "melting.csv").read_bytes() == before
    monkeypatch.undo()
    (done / "probes" / "baseline-0.npz").write_bytes(b"damaged")
    assert shift(*arguments).exit_code == 0
    assert (done / "melting.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--dataset", "npz:UNLABELLED"], "has no factors"),
        (["--probe", "heatt"], "did you mean 'heat'"),
        (["--beta-min", "5", "--beta-max", "1"], "range of beta"),
        (["--images", "10"], "at least 1000"),
        (["--threshold", "0"], "positive number"),
        (["--learning-rate", "2"], "between 0 and 1"),
        (["--width", "wide"], "width must be"),
        (["--records", "0"], "at least 1"),
    ],
)
def test_mistakes_are_one_sentence(change: list[str], said: str, place: Path, tmp_path: Path) -> None:
    change = [text.replace("UNLABELLED", str(place / "unlabelled.npz")) for text in change]
    out = tmp_path / "out"
    given = ["--dataset", f"npz:{place / 'grid.npz'}", *SHORT, *change]
    result = shift(place / "run", place / "run", "--out", out, *given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_sides_that_do_not_pair_and_paths_that_are_not_there(place: Path, tmp_path: Path) -> None:
    data = ("--dataset", f"npz:{place / 'grid.npz'}", "--out", tmp_path / "out", *SHORT, *RANGE)
    lone = tmp_path / "lone" / "seed-0"
    lone.mkdir(parents=True)
    shutil.copy(place / "run" / "seed-0" / "step-000100.pt", lone)
    result = shift(place / "run", lone.parent, *data)
    assert (result.exit_code, "do not pair" in result.stderr) == (2, True)
    result = shift(place / "run", tmp_path / "nothing", *data)
    assert (result.exit_code, "no file or folder" in result.stderr) == (2, True)
    result = shift(place / "run", place / "run")
    assert (result.exit_code, "No data set is named" in result.stderr) == (2, True)
