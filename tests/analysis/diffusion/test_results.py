"""The files: strict JSON that reads back as what was written, and csv tables beside it."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.diffusion.comparison import compare
from ifp.analysis.diffusion.diagnosis import Diagnosis, diagnose
from ifp.analysis.diffusion.results import FILE_NAME, MATRICES, Results, load_results, write_results
from ifp.analysis.diffusion.results_content import make_results
from ifp.analysis.diffusion.series import SeriesRecord, make_series
from ifp.codes import Codes
from ifp.errors import IfpError

TRUTH_DF = [[0.6, 0, 0.3], [0, 0.5, 0.2], [0, 0, 0]]


@pytest.fixture
def diagnosis(constructed: ModuleType, rng: np.random.Generator) -> Diagnosis:
    measured = [constructed.information_of(TRUTH_DF, rng, estimator=name) for name in ("histogram", "posterior")]
    result: Diagnosis = constructed.diagnosis_of(measured, rng, kl_nats_D=[2, 1, 0.001])
    return result


@pytest.fixture
def full_results(diagnosis: Diagnosis) -> Results:
    series = make_series([SeriesRecord(1, "a", diagnosis), SeriesRecord(2, "b", diagnosis)])
    about = {"path": Path("model.pt"), "assumed": {"beta": np.float64(4), "order": ("mean", "logvar")}, "bad": np.nan}
    return make_results(diagnosis, series=series, comparison=compare(diagnosis, diagnosis), about=about)


def strict(text: str) -> dict[str, object]:
    def refuse(name: str) -> object:
        raise AssertionError(f"{name} is not strict JSON")

    content: dict[str, object] = json.loads(text, parse_constant=refuse)
    return content


def test_json_is_strict_and_reads_back_the_same(full_results: Results, tmp_path: Path) -> None:
    write_results(full_results, tmp_path)

    content = strict((tmp_path / FILE_NAME).read_text(encoding="utf-8"))

    assert content == full_results.content
    assert content["about"] == {
        "path": "model.pt",
        "assumed": {"beta": 4.0, "order": ["mean", "logvar"]},
        "bad": None,
    }
    loaded = load_results(tmp_path)
    assert load_results(tmp_path / FILE_NAME).content == loaded.content
    for name in ("nmi", "factors", "latents", "series", "steps", "changes", "comparison"):
        pd.testing.assert_frame_equal(loaded.table(name), full_results.table(name))
    assert loaded.sentences() == full_results.sentences()


def test_the_file_holds_what_was_measured(diagnosis: Diagnosis, full_results: Results) -> None:
    assert full_results.content["kl_nats"] == [2, 1, 0.001]
    assert full_results.estimators == ("histogram", "posterior")
    assert full_results.estimator == "posterior"
    for estimator, measured in diagnosis.information.items():
        np.testing.assert_array_equal(full_results.matrix_DF("nmi", estimator), measured.nmi_DF)
        low_DF, nmi_DF, high_DF = (full_results.matrix_DF(name, estimator) for name in ("nmi_low", "nmi", "nmi_high"))
        true_DF = np.array(TRUTH_DF)
        assert (low_DF <= true_DF + 0.001).all()
        assert (high_DF >= true_DF - 0.001).all()
        assert (low_DF <= nmi_DF).all()
    pd.testing.assert_frame_equal(full_results.table("factors"), diagnosis.factors, check_dtype=False)
    pd.testing.assert_frame_equal(full_results.table("latents"), diagnosis.latents, check_dtype=False)


def test_csv_files(full_results: Results, tmp_path: Path) -> None:
    written = write_results(full_results, tmp_path)

    assert {path.name for path in written} == {
        "diagnosis.json", "nmi.csv", "factors.csv", "latents.csv", "series.csv", "steps.csv", "changes.csv",
        "comparison.csv",
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    nmi = pd.read_csv(tmp_path / "nmi.csv")
    assert len(nmi) == 2 * 3 * 3
    held = nmi[nmi["holds"]]
    assert held.loc[held["estimator"] == "posterior", ["latent", "factor"]].to_numpy().tolist() == [
        [0, "shape"], [0, "posX"], [1, "scale"], [1, "posX"],
    ]  # fmt: skip
    assert set(MATRICES) <= set(nmi.columns)


def test_a_second_diagnosis_leaves_nothing_of_the_first(
    full_results: Results, diagnosis: Diagnosis, tmp_path: Path
) -> None:
    write_results(full_results, tmp_path)
    write_results(make_results(diagnosis), tmp_path)

    assert not (tmp_path / "series.csv").exists()
    assert not (tmp_path / "comparison.csv").exists()
    assert load_results(tmp_path).table("series").empty
    assert load_results(tmp_path).content["compared"] is None


def test_without_labels_the_file_says_so(rng: np.random.Generator, tmp_path: Path) -> None:
    codes = Codes(rng.normal(size=(1000, 2)), np.full((1000, 2), -3.0), np.zeros((1000, 0), dtype=np.int64))

    written = write_results(make_results(diagnose(codes, bootstraps=20)), tmp_path)

    assert [path.name for path in written] == ["diagnosis.json", "latents.csv"]
    loaded = load_results(tmp_path)
    assert loaded.estimators == ()
    assert loaded.table("nmi").empty
    np.testing.assert_allclose(loaded.kl_nats_D, codes.kl_nats_D())
    assert loaded.content["decomposition"] is not None
    assert "needs labels" in loaded.sentences()[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "There is no .*give the folder"),
        ("{", "cannot be read"),
        ("[]", "holds no table of fields"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"format": "ifp diagnosis 0"}', "not a diagnosis of this version"),
        ('{"format": "ifp diagnosis 1"}', "lacks verdict"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(IfpError, match=message):
        load_results(tmp_path)


def test_unknown_names_are_refused(full_results: Results) -> None:
    with pytest.raises(IfpError, match="did you mean 'steps'"):
        full_results.table("step")
    with pytest.raises(IfpError, match="Unknown matrix"):
        full_results.matrix_DF("mi", "posterior")
    with pytest.raises(IfpError, match="Unknown estimator 'kernel'"):
        full_results.matrix_DF("nmi", "kernel")


def test_a_series_without_labels_keeps_its_kl(rng: np.random.Generator, tmp_path: Path) -> None:
    mean_ND = rng.normal(size=(1000, 2)) * [1.0, 0.01]
    before, after = (
        diagnose(
            Codes(mean_ND * scale, np.tile([-3.0, 0.0], (1000, 1)), np.zeros((1000, 0), dtype=np.int64)),
            bootstraps=20,
            decompose=False,
        )
        for scale in (0.5, 1.0)
    )
    series = make_series([SeriesRecord(1, "a", before), SeriesRecord(2, "b", after)])

    write_results(make_results(after, series=series, comparison=compare(before, after)), tmp_path)

    loaded = load_results(tmp_path)
    assert loaded.table("steps")["active"].tolist() == [1, 1]
    assert loaded.table("changes").empty
    assert loaded.table("comparison")["measure"].tolist() == ["kl_nats", "active_latents"]
    assert "Diffusion and leakage cannot be told without labels." in loaded.sentences()


def test_one_latent_and_a_factor_that_never_moves(rng: np.random.Generator) -> None:
    factors_NF = np.stack([rng.integers(4, size=1000), np.zeros(1000, dtype=np.int64)], axis=1)
    codes = Codes(factors_NF[:, :1] * 0.7, np.full((1000, 1), -3.0), factors_NF, ("moving", "still"), (4, 1))

    results = make_results(diagnose(codes, permutations=20, bootstraps=20, decompose=False))

    factors = results.table("factors")
    assert factors["held_by"].tolist() == ["0", "", "0", ""]
    assert (factors["nmi2"] == 0).all()
    assert factors["carriers"].isna().tolist() == [False, True, False, True]
