"""Runs of every past format are read, with the numbers that they were written with; newer ones are refused.

tests/data/format-0 was written before files had a number, by the code of 2026-11-22 (commit 2a4206f), from
`ifp anneal`, `ifp train` and `ifp diagnose --codes` on twelve images; their figures were taken away. The tables of the
annealing stay as that version estimated them, which later ones do better, so that `ifp plot` of it warns of
freezing_points.csv.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ifp.analysis.diffusion.results import load_results
from ifp.analysis.freezing.saved_run import read_run
from ifp.cli import main
from ifp.errors import IfpError
from ifp.fingerprints.find_models import list_trainings
from ifp.system.files import read_json
from ifp.system.format_version import KEY, VERSION

DATA = Path(__file__).parents[1] / "data"
FORMATS = sorted(DATA.glob("format-*"))


def test_there_is_a_run_of_every_past_format() -> None:
    assert [folder.name for folder in FORMATS] == [f"format-{number}" for number in range(VERSION)]
    assert all(file.stat().st_size < 50_000 for folder in FORMATS for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
def test_an_annealing_gives_the_points_that_it_was_written_with(folder: Path) -> None:
    run = read_run(folder / "anneal")
    points, stored = run.freezing_points(), pd.read_csv(folder / "anneal" / "freezing_points.csv")
    assert len(points) == len(stored) > 0
    # where a curve crosses between two records has been estimated otherwise since
    now, known = points["beta_ifp"].to_numpy(float), stored["beta_ifp"].notna().to_numpy()
    assert known.sum() >= 6
    low, high = (stored[f"beta_bracket_{end}"].to_numpy()[known] for end in ("low", "high"))
    assert ((low <= now[known]) & (now[known] <= high)).all()
    assert points["status"].tolist() == stored["status"].fillna("").tolist()


@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
def test_a_training_and_a_diagnosis_are_read(folder: Path) -> None:
    (found,), _ = list_trainings([folder / "train"])
    records = pd.read_csv(folder / "train" / "records.csv")
    assert found.history is not None
    np.testing.assert_array_equal(found.history.step_T, records["step"])
    np.testing.assert_allclose(found.history.kl_nats_TD.sum(axis=1), records["kl_nats"], rtol=1e-6)
    results = load_results(folder / "diagnosis")
    assert results.sentences()
    stored = pd.read_csv(folder / "diagnosis" / "nmi.csv")
    np.testing.assert_allclose(results.table("nmi")["nmi"], stored["nmi"])


def test_a_run_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FORMATS[0] / "anneal", tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), KEY: VERSION + 1, "ifp_version": "9.1"}))
    found = CliRunner().invoke(main, ["plot", str(tmp_path / "run")])
    assert (found.exit_code, found.output.count("\n")) == (2, 1)
    assert (
        f"was written by ifp 9.1 in the format {VERSION + 1}, and this version of ifp reads formats up to"
        in found.output
    )


@pytest.mark.parametrize("version", ["1", -1, True, None, 10**30, {}])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: object) -> None:
    (tmp_path / "run.json").write_text(json.dumps({KEY: version}))
    with pytest.raises(IfpError, match="format"):
        read_json(tmp_path / "run.json", "restore it")
