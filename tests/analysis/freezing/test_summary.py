"""The summary table and the suggested pressures, on points whose order is known."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.figures.plot_page import paper_style
from ifp.analysis.freezing.by_measure import measured_values
from ifp.analysis.freezing.plot_distribution import plot_freezing_points
from ifp.analysis.freezing.points import COLUMNS, freezing_points
from ifp.analysis.freezing.pressures import pressure_stages, suggest_pressures
from ifp.analysis.freezing.report import report_caption
from ifp.analysis.freezing.summary import SUMMARY_COLUMNS, summarize, summary_texts
from ifp.analysis.tables import json_rows, write_csv


def points_of(factor: str, method: str, direction: str, betas: list[object], edge: float = np.nan) -> pd.DataFrame:
    """One member per entry: a beta, or the name of a status; tried betas were 1 to 1000."""
    rows = []
    for number, beta in enumerate(betas):
        frozen = not isinstance(beta, str)
        status = "frozen" if frozen else beta
        rows.append(
            {
                "dataset": "d", "factor": factor, "context": f"*-{number}", "seed": 0, "method": method,
                "direction": direction, "beta_ifp": beta if frozen else np.nan, "status": status,
                "beta_closed_form": edge, "beta_upper": edge, "threshold_nats": 0.1, "n_images": 9,
                "likelihood": "bernoulli",
                "beta_bracket_low": 1000.0 if status in ("never_melted", "frozen_at_start") else np.nan,
                "beta_bracket_high": 1.0 if status == "never_froze" else np.nan,
                "nuisance": "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def table_of(*parts: pd.DataFrame) -> pd.DataFrame:
    return summarize(pd.concat(parts, ignore_index=True))


def row_of(table: pd.DataFrame, factor: str, measure: str) -> pd.Series:
    return table[(table["factor"] == factor) & (table["measure"] == measure)].iloc[0]


def test_a_whole_run(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=9), dataset="sprites")
    table = summarize(points)
    assert tuple(table.columns) == SUMMARY_COLUMNS
    assert len(table) == 25
    for factor in synthetic.FACTORS:
        cool, exact, heat = (row_of(table, factor, measure)["median"] for measure in ("cool", "exact", "heat"))
        assert cool < exact < heat
    shape = row_of(table, "shape", "cool")
    assert (shape["n"], shape["n_censored"], shape["frozen"], shape["never_froze"]) == (9, 1, 8, 1)
    assert row_of(table, "posY", "heat")["diverged"] == 1
    assert row_of(table, "posY", "heat")["n"] == 8


def test_edges_count_once_a_traversal_and_exact_means_equilibrium() -> None:
    parts = [
        points_of("a", "exact", direction, [beta] * 3, edge=edge)
        for direction, beta, edge in (("cool", 5.0, 7.0), ("heat", 6.0, 7.0), ("equilibrium", 5.5, 7.0))
    ]
    table = table_of(*parts)
    assert row_of(table, "a", "closed-form")["n"] == 3
    assert row_of(table, "a", "exact")["median"] == 5.5
    assert row_of(table_of(parts[0]), "a", "exact")["median"] == 5.0


def test_censored_members_count_in_the_median() -> None:
    row = row_of(table_of(points_of("a", "train", "cool", ["never_froze", 10.0, 20.0, 30.0, 40.0])), "a", "cool")
    assert (row["median"], row["bound"], row["n"], row["n_censored"]) == (20.0, "", 5, 1)


@pytest.mark.parametrize(
    ("direction", "betas", "bound", "median"),
    [
        ("cool", ["never_froze", "never_froze", 10.0], "<", 1.0),
        ("heat", ["never_melted", "never_melted", 10.0], ">", 1000.0),
        ("cool", ["frozen_at_start"] * 3, ">", 1000.0),
        ("heat", ["never_froze"] * 3, "<", 1.0),
    ],
)
def test_a_median_among_the_censored_is_a_bound(direction: str, betas: list[object], bound: str, median: float) -> None:
    row = row_of(table_of(points_of("a", "train", direction, betas)), "a", direction)
    assert (row["bound"], row["median"]) == (bound, median)


def test_only_diverged_members_give_a_blank() -> None:
    table = table_of(points_of("a", "train", "cool", ["diverged", "diverged"]))
    row = row_of(table, "a", "cool")
    assert np.isnan(row["median"])
    assert (row["n"], row["diverged"]) == (0, 2)
    texts = summary_texts(table)
    assert texts["cool"].tolist() == ["-"]
    assert texts["censored"].tolist() == ["cool: 2 diverged"]


def test_an_open_interval_says_so() -> None:
    table = table_of(points_of("a", "train", "cool", ["never_froze", "never_froze", 10.0, 20.0, 30.0, 40.0]))
    row = row_of(table, "a", "cool")
    assert row["median"] == 15.0
    assert np.isnan(row["low"])
    assert summary_texts(table)["cool"].tolist() == ["15 (open, 40)"]


@pytest.mark.parametrize(("contexts", "text"), [(5, "30"), (6, "35 (10, 60)"), (9, "50 (20, 80)")])
def test_fewer_than_six_contexts_have_no_interval(contexts: int, text: str) -> None:
    table = table_of(points_of("a", "train", "cool", [10.0 * (n + 1) for n in range(contexts)]))
    assert summary_texts(table)["cool"].tolist() == [text]


def test_contexts_that_share_a_nuisance_are_one_cluster() -> None:
    """Twelve contexts of six instances: the median and its interval are those of the six medians."""
    points = points_of(
        "a", "exact", "equilibrium", [10.0, 12.0, 20.0, 22.0, 30.0, 32.0, 40.0, 42.0, 50.0, 52.0, 60.0, 62.0]
    )
    points["nuisance"] = [str(n // 2) for n in range(12)]
    row = row_of(table_of(points), "a", "exact")
    assert (row["n_contexts"], row["n_clusters"], row["n"]) == (12, 6, 12)
    assert (row["median"], row["low"], row["high"]) == (36.0, 11.0, 61.0)
    assert summary_texts(table_of(points))["contexts"].tolist() == ["12 in 6 clusters"]
    points["nuisance"] = [str(n // 3) for n in range(12)]  # four instances: no interval
    assert np.isnan(row_of(table_of(points), "a", "exact")["low"])


def test_points_of_before_have_no_nuisance() -> None:
    points = points_of("a", "exact", "equilibrium", [10.0, 12.0, 20.0, 22.0, 30.0, 32.0]).drop(columns="nuisance")
    assert row_of(table_of(points), "a", "exact")["n_clusters"] == 6


def test_an_edge_of_zero_takes_part_in_the_median() -> None:
    """Traversals of equal images never freeze, at any beta above 0."""
    parts = [points_of("a", "closed-form", "", [""], edge=edge).assign(context=f"*-{edge}") for edge in (0.0, 5.0, 6.0)]
    row = row_of(table_of(*parts), "a", "closed-form")
    assert (row["median"], row["n"], row["n_censored"], row["never_froze"]) == (5.0, 3, 1, 1)


def test_csv_and_json(tmp_path: Path, synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=3), dataset="sprites")
    write_csv(points, tmp_path / "freezing_points.csv")
    again = pd.read_csv(tmp_path / "freezing_points.csv", keep_default_na=False, na_values={"beta_ifp": [""]})
    np.testing.assert_array_equal(again["beta_ifp"], points["beta_ifp"])
    assert again["status"].tolist() == points["status"].tolist()
    assert json.loads(json.dumps(json_rows(points), allow_nan=False))[0]["factor"] == "shape"
    assert [path.name for path in tmp_path.iterdir()] == ["freezing_points.csv"]


def test_pressures_lie_in_the_gaps() -> None:
    parts = [
        points_of("low", "exact", "equilibrium", [9.0, 10.0, 11.0]),
        points_of("high", "exact", "equilibrium", [90.0, 100.0, 110.0]),
        points_of("middle", "exact", "equilibrium", [30.0, 32.0, 34.0]),
    ]
    stages = pressure_stages(pd.concat(parts, ignore_index=True))
    assert stages["factors"].tolist() == ["high", "middle", "low"]
    assert stages["separation"][:2].tolist() == [1, 1]
    np.testing.assert_allclose(stages["beta"], [np.sqrt(90 * 34), np.sqrt(30 * 11), 1], rtol=5e-3)
    assert suggest_pressures(pd.concat(parts)) == stages["beta"].tolist()


def test_factors_that_overlap_share_a_stage() -> None:
    parts = [
        points_of("a", "exact", "cool", [20.0, 30.0, 40.0]),
        points_of("b", "exact", "cool", [25.0, 35.0, 45.0]),
        points_of("c", "exact", "cool", [5.0, 6.0, 7.0]),
    ]
    assert pressure_stages(pd.concat(parts))["factors"].tolist() == ["b,a", "c"]


def test_outliers_do_not_join_what_most_members_separate() -> None:
    """At 100 or so 9 of 10 upper and 9 of 10 lower members are on their own side, though the ranges overlap."""
    parts = [
        points_of("a", "exact", "cool", [*np.linspace(110, 200, 9), 40.0]),
        points_of("b", "exact", "cool", [*np.linspace(30, 90, 9), 150.0]),
    ]
    stages = pressure_stages(pd.concat(parts))
    assert stages["separation"][0] == pytest.approx(0.9)
    assert stages["beta"].tolist() == [pytest.approx(np.sqrt(90 * 110), rel=5e-3), 1]


def test_one_factor_needs_one_stage() -> None:
    assert suggest_pressures(points_of("a", "exact", "cool", [20.0, 30.0])) == [1.0]


def test_gaps_below_one_are_not_used() -> None:
    parts = [points_of("a", "exact", "cool", [1.1, 1.2]), points_of("b", "exact", "cool", [0.1, 0.2])]
    assert suggest_pressures(pd.concat(parts)) == [1.0]


def test_pressures_fall_back_on_the_bracket_then_on_the_edges() -> None:
    trained = [
        points_of("a", "train", "cool", [50.0, 50.0], edge=99.0), points_of("a", "train", "heat", [200.0, 200.0]),
        points_of("b", "train", "cool", [5.0, 5.0], edge=9.0), points_of("b", "train", "heat", [20.0, 20.0]),
    ]  # fmt: skip
    stages = pressure_stages(pd.concat(trained))
    assert (stages["measure"][0], stages["beta"][0]) == ("trained bracket", pytest.approx(np.sqrt(100 * 10), rel=5e-3))
    edges = [points_of("a", "closed-form", "", [""], edge=90.0), points_of("b", "closed-form", "", [""], edge=10.0)]
    assert suggest_pressures(pd.concat(edges)) == [30.0, 1.0]


@pytest.mark.parametrize("status", ["never_froze", "frozen_at_start", "diverged"])
def test_censored_factors_do_not_break_the_pressures(status: str) -> None:
    parts = [points_of("a", "train", "cool", [20.0, 30.0]), points_of("b", "train", "cool", [status, status])]
    assert suggest_pressures(pd.concat(parts)) == [1.0]


def test_measures_keep_every_member(synthetic: ModuleType, rng: np.random.Generator) -> None:
    points = freezing_points(synthetic.sprites_like_trace(rng, contexts=4))
    values = measured_values(points)
    assert values["measure"].value_counts().to_dict() == dict.fromkeys(
        ["closed-form", "upper-edge", "exact", "cool", "heat"], 20
    )
    assert np.isposinf(values.loc[values["status"] == "never_melted", "order_beta"]).all()


def test_a_median_over_fewer_contexts_says_so() -> None:
    """Of an unfinished run, or one with diverged networks, columns of one table are of different contexts."""
    parts = [
        points_of("a", "exact", "equilibrium", [10.0, 20.0, 30.0, 40.0]),
        points_of("a", "train", "cool", [15.0]),
        points_of("a", "train", "heat", ["diverged", "diverged", 35.0, 45.0]),
        points_of("b", "exact", "equilibrium", [1.0, 2.0]),
    ]
    table = table_of(*parts)
    texts = summary_texts(table).set_index("factor")
    assert texts.loc["a", ["contexts", "exact", "cool", "heat"]].tolist() == ["4", "25", "15 (1 of 4)", "40 (2 of 4)"]
    assert texts.loc["b", "exact"] == "1.5"
    assert "(1 of 4): the median is over that many" in report_caption(table)
    assert "that many" not in report_caption(table_of(parts[0]))


def test_a_bracket_over_fewer_contexts_is_told_below_the_figure() -> None:
    parts = [
        points_of("a", "exact", "equilibrium", [10.0, 20.0, 30.0, 40.0]),
        points_of("a", "train", "cool", [15.0]),
        points_of("a", "train", "heat", [35.0]),
    ]
    with paper_style():
        label = plot_freezing_points(pd.concat(parts, ignore_index=True), kind="strip").get_xlabel()
        assert "bracket of fewer contexts: a 1 of 4" in label
        alone = plot_freezing_points(parts[0], kind="strip").get_xlabel()
    assert "fewer contexts" not in alone
