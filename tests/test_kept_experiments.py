"""Results that experiments keep: their tables follow from their measurements, and obey what the theory bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.freezing.summary import summarize

FOLDER = Path(__file__).parents[1] / "experiments"
Load = Callable[[Path, Sequence[str]], dict[str, ModuleType]]


def test_freezing_points_of_four_data_sets_obey_the_bounds() -> None:
    kept = FOLDER / "ifp_distributions" / "results"
    points = pd.read_csv(kept / "freezing_points.csv")
    assert points["dataset"].nunique() == 4
    key = ["dataset", "factor", "context"]
    curves = points[points["status"] == "frozen"].pivot_table(
        index=[*key, "beta_closed_form", "beta_upper"], columns=["method", "direction"], values="beta_ifp"
    )
    curves = curves.reset_index(["beta_closed_form", "beta_upper"])
    exact, cool, heat = (curves[column] for column in (("exact", "equilibrium"), ("train", "cool"), ("train", "heat")))
    # a crossing of .1 nat lies a little below the onset, and nothing is held above the upper edge
    assert (exact.dropna() >= 0.8 * curves["beta_closed_form"]).all()
    assert (exact.dropna() <= 1.02 * curves["beta_upper"]).all()
    bracket = exact.notna() & cool.notna() & heat.notna()
    assert bracket.sum() == 320
    assert (cool[bracket] <= 1.05 * exact[bracket]).mean() > 0.95
    assert (heat[bracket] >= 0.95 * exact[bracket]).mean() > 0.95
    found = summarize(points[(points["dataset"] == "sprites") & (points["method"] == "exact")])
    stored = pd.read_csv(kept / "summary.csv").query("dataset == 'sprites' and run == 'exact'")
    same = ["factor", "measure", "n", "median", "low", "high"]
    pd.testing.assert_frame_equal(
        found[same].sort_values(same[:2], ignore_index=True), stored[same].sort_values(same[:2], ignore_index=True),
        rtol=1e-4,
    )  # fmt: skip


def test_tables_of_many_seeds_follow_from_the_measures(load_experiment: Load) -> None:
    compare = load_experiment(FOLDER / "deft_vs_baselines", ("configurations", "paired", "compare"))["compare"]
    kept = FOLDER / "deft_vs_baselines" / "results" / "twelve"
    measures = pd.read_csv(kept / "measures.csv")
    last = compare.last_checkpoints(measures)
    names = list(last["configuration"].unique())
    assert (last.groupby("configuration")["seed"].nunique() == 12).all()
    for file, found in (
        ("levels.csv", compare.levels(last, names)),
        ("differences.csv", compare.differences(last, compare.pairs_of(names))),
    ):
        pd.testing.assert_frame_equal(pd.read_csv(kept / file), found, rtol=1e-3, check_dtype=False)


def test_differences_are_paired_by_seed(load_experiment: Load) -> None:
    """Six pairs whose differences are 1 to 6: the sign test's interval is their range, Student's the textbook's."""
    paired = load_experiment(FOLDER / "deft_vs_baselines", ("paired",))["paired"]
    own = pd.Series([11.0, 22, 33, 44, 55, 66, 7], index=range(7))
    reference = pd.Series([60.0, 50, 40, 30, 20, 10], index=[5, 4, 3, 2, 1, 0])
    found = paired.paired_difference(own, reference)
    assert (found["pairs"], found["higher"], found["median"]) == (6, 6, 3.5)
    assert (found["median_low"], found["median_high"]) == (1, 6)
    reach = 2.5706 * np.sqrt(3.5 / 6)  # t of 5 degrees of freedom, and the variance of 1 to 6
    assert found["mean_high"] - found["mean"] == pytest.approx(reach, rel=1e-4)
    assert np.isnan(paired.paired_difference(own[:5], reference)["median_low"])


def test_the_summary_of_correlated_trainings_follows_from_the_measures(load_experiment: Load) -> None:
    kept = FOLDER / "correlated_training" / "results"
    load_experiment(FOLDER / "deft_vs_baselines", ("paired",))
    summary = load_experiment(FOLDER / "correlated_training", ("summary",))["summary"]
    found = summary.summarise(pd.read_csv(kept / "measures.csv"))
    stored = pd.read_csv(kept / "summary.csv")
    pd.testing.assert_frame_equal(stored, found, rtol=2e-3, atol=1e-4, check_dtype=False)
    changes = summary.changes(pd.read_csv(kept / "measures.csv"))
    pd.testing.assert_frame_equal(pd.read_csv(kept / "changes.csv"), changes, rtol=2e-3, atol=1e-4, check_dtype=False)
    assert stored.loc[stored["trained"] != summary.ALIKE, "pairs"].min() >= 5


def test_the_summary_without_labels_follows_from_the_measures(load_experiment: Load) -> None:
    kept = FOLDER / "unsupervised" / "results"
    load_experiment(FOLDER / "deft_vs_baselines", ("configurations", "images", "measure", "paired"))
    run = load_experiment(FOLDER / "unsupervised", ("run",))["run"]
    found, stored = run.summarise(pd.read_csv(kept / "measures.csv")), pd.read_csv(kept / "summary.csv")
    # five digits are kept of a reconstruction of 30 nats, and differences are of two of them
    pd.testing.assert_frame_equal(stored, found, rtol=2e-3, atol=1e-3, check_dtype=False)
    assert not len(pd.read_csv(kept / "pressures.csv"))


def test_the_summary_of_topdis_follows_from_the_measures(load_experiment: Load) -> None:
    kept = FOLDER / "topdis" / "results"
    load_experiment(FOLDER / "deft_vs_baselines", ("paired",))
    summary = load_experiment(FOLDER / "topdis", ("summary",))["summary"]
    measures, stored = pd.read_csv(kept / "measures.csv"), pd.read_csv(kept / "summary.csv")
    pd.testing.assert_frame_equal(
        stored, summary.summarise(measures), rtol=2e-3, atol=1e-3, check_dtype=False
    )  # five digits are kept of a reconstruction of 30 nats, and differences are of two of them
    assert stored.loc[stored["gamma"] > 0, "pairs"].min() >= 3
