"""A series: known rises and falls are found with their steps, noise is called noise."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from ifp.analysis.diffusion.series import Series, SeriesRecord, make_series
from ifp.errors import IfpError

# NMI of 3 latents with 3 factors at 4 steps: shape diffuses, scale leaks, posX dips and comes back
TRUTH_TDF = np.array(
    [
        [[0.60, 0.0, 0.50], [0.05, 0.50, 0.0], [0.0, 0.0, 0.0]],
        [[0.60, 0.0, 0.20], [0.10, 0.40, 0.0], [0.0, 0.0, 0.0]],
        [[0.60, 0.0, 0.35], [0.02, 0.20, 0.0], [0.0, 0.0, 0.0]],
        [[0.60, 0.0, 0.50], [0.30, 0.20, 0.0], [0.0, 0.0, 0.0]],
    ]
)


def series_of(constructed: ModuleType, rng: np.random.Generator, truth_TDF: np.ndarray, **options: object) -> Series:
    records = [
        SeriesRecord(
            100 * (at + 1),
            f"model-{at}",
            constructed.diagnosis_of(constructed.information_of(truth_DF, rng, **options), rng),
        )
        for at, truth_DF in enumerate(truth_TDF)
    ]
    return make_series(reversed(records))  # the order of the records is by step, not as given


def test_known_rise_and_fall(constructed: ModuleType, rng: np.random.Generator) -> None:
    changes = series_of(constructed, rng, TRUTH_TDF).changes.set_index(["measure", "factor", "span"])

    rise = changes.loc[("diffusion", "shape", "at_end")]
    assert rise["change_nmi"] == pytest.approx(0.28)
    assert (rise["from_step"], rise["to_step"], rise["within_noise"]) == (300, 400, False)
    assert rise["low"] < 0.28 < rise["high"]
    fall = changes.loc[("leakage", "scale", "at_end")]
    assert fall["change_nmi"] == pytest.approx(0.3)
    assert (fall["from_step"], fall["within_noise"]) == (100, False)


def test_a_dip_that_came_back_is_not_at_the_end_but_is_the_largest(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    changes = series_of(constructed, rng, TRUTH_TDF).changes.set_index(["measure", "factor", "span"])

    assert changes.loc[("leakage", "posX", "at_end"), "within_noise"]
    assert changes.loc[("leakage", "posX", "at_end"), "change_nmi"] == pytest.approx(0, abs=1e-12)
    dip = changes.loc[("leakage", "posX", "largest")]
    assert (dip["from_step"], dip["to_step"], dip["within_noise"]) == (100, 200, False)
    assert dip["change_nmi"] == pytest.approx(0.3)


def test_frozen_step_is_the_first_record_that_holds_the_factor(
    constructed: ModuleType, rng: np.random.Generator
) -> None:
    truth_TDF = np.zeros((3, 2, 3))
    truth_TDF[1:, 0, 0], truth_TDF[2:, 1, 1] = 0.5, 0.5

    changes = series_of(constructed, rng, truth_TDF).changes.drop_duplicates("factor").set_index("factor")

    np.testing.assert_equal(changes["frozen_step"].to_list(), [200, 300, np.nan])


def test_a_floor_that_moves_is_not_a_change(constructed: ModuleType, rng: np.random.Generator) -> None:
    # the same information, read with more bias later: NMI as counted rises by 0.05, information does not
    truth_DF = TRUTH_TDF[0]
    records = [
        SeriesRecord(step, "", constructed.diagnosis_of(constructed.information_of(truth_DF, rng, bias=bias), rng))
        for step, bias in ((1, 0.01), (2, 0.06))
    ]

    series = make_series(records)

    assert series.factors.loc[series.factors["step"] == 2, "nmi2"].iloc[0] == pytest.approx(0.11)
    assert series.changes["within_noise"].all()


def test_a_flat_series_is_within_noise(constructed: ModuleType, rng: np.random.Generator) -> None:
    # the largest of 15 differences of 6 records, of 3 factors and 2 measures, all pure noise
    repeats, quiet = 60, 0
    for _ in range(repeats):
        truth_TDF = np.tile([[0.6, 0.0, 0.3], [0.0, 0.5, 0.25], [0.1, 0.0, 0.0]], (6, 1, 1))
        quiet += bool(series_of(constructed, rng, truth_TDF, noisy=True).changes["within_noise"].all())

    assert quiet / repeats >= 0.9


def test_tables_have_a_row_for_each_record(constructed: ModuleType, rng: np.random.Generator) -> None:
    series = series_of(constructed, rng, TRUTH_TDF)

    assert series.steps["step"].tolist() == [100, 200, 300, 400]
    np.testing.assert_allclose(series.steps["kl_nats"], 6)
    assert (series.steps["kl_low"] < 6).all()
    assert (series.steps["kl_high"] > 6).all()
    scale = series.factors[series.factors["factor"] == "scale"]
    assert scale["step"].tolist() == [100, 200, 300, 400]
    np.testing.assert_allclose(scale["nmi1"], TRUTH_TDF[:, 1, 1] + 0.01)


def test_what_is_no_series_is_refused(constructed: ModuleType, rng: np.random.Generator) -> None:
    diagnosis = constructed.diagnosis_of(constructed.information_of(TRUTH_TDF[0], rng), rng)
    other = dataclasses.replace(diagnosis, images_key="other")
    with pytest.raises(IfpError, match="at least 2 checkpoints, got 1"):
        make_series([SeriesRecord(1, "a", diagnosis)])
    with pytest.raises(IfpError, match="a and b are both of step 1"):
        make_series([SeriesRecord(1, "a", diagnosis), SeriesRecord(1, "b", diagnosis)])
    with pytest.raises(IfpError, match="a and b were measured on different images"):
        make_series([SeriesRecord(1, "a", diagnosis), SeriesRecord(2, "b", other)])
