"""DEFT's pressures out of a run's folder: what `ifp anneal` printed is what comes back, and what cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from ifp.analysis.training.pressures_of_run import pressures_from
from ifp.cli import main
from ifp.errors import IfpError
from ifp.formats import TRAIN_FORMAT


@pytest.fixture(scope="module")
def finished(bars_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    out = tmp_path_factory.mktemp("runs") / "bars"
    arguments = ["--dataset", f"npz:{bars_npz}", "--method", "exact", "--contexts", "3", "--out", str(out), "--json"]
    result = CliRunner().invoke(main, ["anneal", *arguments])
    assert result.exit_code == 0, result.output
    return out, [row["beta"] for row in json.loads(result.stdout)["pressures"]]


@pytest.fixture
def run(finished: tuple[Path, list[float]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished[0], tmp_path / "run"))


def change(run: Path, **values: object) -> None:
    path = run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    (run / "checksums.json").unlink(missing_ok=True)  # as in a run of another version, or on other terms


def test_the_suggested_pressures_come_back(finished: tuple[Path, list[float]], bars_npz: Path) -> None:
    run, betas = finished
    assert len(betas) >= 2
    assert betas[-1] == 1
    found = pressures_from(run, dataset=f"npz:{bars_npz}", likelihood="bernoulli", sigma=0.3)  # bernoulli has no sigma
    assert found == pressures_from(run) == tuple(betas)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"There is no folder .*nowhere"):
        pressures_from(tmp_path / "nowhere")


def test_another_version_names_its_pressures(run: Path, finished: tuple[Path, list[float]]) -> None:
    change(run, ifp_version="9.0")
    with pytest.raises(
        IfpError, match=rf"was written by ifp 9\.0, this is ifp .* yourself: {finished[1][0]:g}, .*1\.$"
    ):
        pressures_from(run)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"dataset": "sprites"}, "those of the data npz:.*, not sprites"),
        ({"likelihood": "gaussian"}, "those of the likelihood bernoulli, not gaussian"),
    ],
)
def test_freezing_points_of_other_terms(run: Path, terms: dict[str, str], words: str) -> None:
    with pytest.raises(IfpError, match=words):
        pressures_from(run, **terms)  # type: ignore[arg-type]


def test_another_sigma(run: Path) -> None:
    change(run, likelihood="gaussian", sigma=0.5)
    assert pressures_from(run, likelihood="gaussian", sigma=0.5)
    with pytest.raises(IfpError, match=r"those of the sigma 0\.5, not 0\.1"):
        pressures_from(run, likelihood="gaussian", sigma=0.1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("stage,pressure\n1,3\n", "lacks the column 'beta'"),
        ("stage,beta\n1,many\n", "must hold numbers alone"),
        ("stage,beta\n1,3\n2,30\n", "do not fall"),
        ("stage,beta\n1,3\n2,\n", "must hold a number in each row"),
        ("stage,beta\n1,1\n", "found no gap"),
        ("stage,beta\n", "found no gap"),
        (None, "holds no pressures.csv yet"),
    ],
)
def test_pressures_that_cannot_be_used(run: Path, text: str | None, words: str) -> None:
    (run / "pressures.csv").unlink()
    (run / "checksums.json").unlink()  # as of a run that was stopped
    if text is not None:
        (run / "pressures.csv").write_text(text)
    with pytest.raises(IfpError, match=words):
        pressures_from(run)


@pytest.mark.parametrize(
    ("objective", "law", "words"),
    [
        (
            "beta",
            "geometric",
            "not at its end, which the same command takes up, or a run of `ifp train` whose beta",
        ),
        ("beta", "", "is a run of `ifp train`, which finds no pressures"),
        ("factor", "geometric", "is a run of `ifp train`, which finds no pressures"),
    ],
)
def test_a_training_finds_no_pressures(tmp_path: Path, objective: str, law: str, words: str) -> None:
    about = {"format": TRAIN_FORMAT, "config": {"objective": objective, "options": {"law": law}}}
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(IfpError, match=words):
        pressures_from(tmp_path)
