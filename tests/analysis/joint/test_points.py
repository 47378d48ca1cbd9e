"""Joint freezing points: where curves cross the threshold, their medians over networks, and their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint import joint_freezing_points as joint
from ifp.analysis.joint import summarize_joint

from .known_curves import EDGES, LINEAR, curves


@pytest.mark.parametrize("direction", ["cool", "heat"])
def test_joint_freezing_points_are_at_the_threshold_wherever_beta_ends(direction: str) -> None:
    for lowest in (1.0, 2.0):
        beta = np.geomspace(200, lowest, 100)[:: 1 if direction == "cool" else -1]
        info_TF = curves(LINEAR, beta)
        info_TF[1::2] = np.nan  # measured at every second record alone
        table = joint(beta, curves((*LINEAR, 0.5), beta), info_TF, ["a", "b", "c"], direction=direction, seed=2)
        assert list(table["kind"]) == ["factor"] * 3 + ["latent"] * 4
        known = table[table["status"] == "frozen"]
        assert_allclose(known["beta_ifp"], np.array(LINEAR * 2) * np.exp(-0.2), rtol=0.02)
        assert set(table["direction"]) == {direction}
        # what never held anything did not fail to melt
        assert dict(table.iloc[-1])["status"] == "never_froze"


def test_what_is_held_to_the_end_of_heating_never_melted() -> None:
    beta = np.geomspace(1, 60, 40)
    table = joint(beta, curves((300.0, 20.0), beta), np.empty((40, 0)), [], direction="heat", seed=0)
    assert list(table["status"]) == ["never_melted", "frozen"]
    cooled = joint(beta[::-1], curves((300.0, 20.0), beta[::-1]), np.empty((40, 0)), [], direction="cool", seed=0)
    assert list(cooled["status"]) == ["frozen_at_start", "frozen"]


def rows(factor: str, direction: str, betas: list[float], status: str = "frozen") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": "factor", "name": factor, "direction": direction, "seed": range(len(betas)), "beta_ifp": betas,
            "status": [status if np.isnan(beta) else "frozen" for beta in betas], "beta_half_nmi": 3.0,
        }
    )  # fmt: skip


def test_intervals_are_over_networks_and_empty_with_fewer_than_six() -> None:
    few, many = [8.0, 7.0, 9.0], [8.0, 7.0, 9.0, 6.0, 10.0, 8.5, 7.5]
    points = pd.concat(
        [rows("a", "cool", few), rows("a", "heat", few), rows("b", "cool", many), rows("b", "heat", many)]
    )
    table = summarize_joint(points, EDGES).set_index("factor")
    assert table.loc["a", ["cool_median", "heat_median", "cool_frozen"]].tolist() == [8, 8, 3]
    assert table.loc["a", ["cool_low", "cool_high", "heat_low", "heat_high"]].isna().all()
    assert table.loc["b", ["cool_low", "cool_median", "cool_high"]].tolist() == [6, 8, 10]
    assert table["beta_alone"].tolist() == [9, 1]


def test_censored_networks_take_part_by_their_side() -> None:
    nan = np.nan
    points = pd.concat([
        rows("a", "cool", [5.0, 4.0, nan], "never_froze"), rows("a", "heat", [9.0, 8.0, nan], "never_melted"),
        rows("b", "cool", [nan, nan, 3.0], "never_froze"), rows("b", "heat", [nan] * 3, "never_melted"),
    ])  # fmt: skip
    table = summarize_joint(points, EDGES).set_index("factor")
    assert table.loc["a", ["cool_median", "heat_median"]].tolist() == [4, 9]
    assert table.loc["b", ["cool_median", "heat_median"]].isna().all()
    assert table.loc["b", ["networks", "cool_frozen", "heat_frozen"]].tolist() == [3, 1, 0]


def test_one_measure_orders_all_factors_of_a_whole_data_set() -> None:
    known = pd.DataFrame({"factor": list("abc"), "cool_median": [1, 9, 3.0], "heat_median": [2, 3, 4.0]})
    edges = known.assign(beta_given_rest=[5, 0, 7.0], beta_alone=[1, 99, 1.0])
    assert joint_order(edges) == ["b", "c", "a"]
    assert joint_order(edges.assign(heat_median=[2, np.nan, 4])) == ["c", "a", "b"]  # b never froze
    assert joint_order(edges[["factor", "beta_given_rest"]], ["a"]) == ["a", "c", "b"]
    # what never froze stands below what did, whatever its edge
    never = edges.assign(
        cool_median=[1, 9, np.nan], heat_median=[2, 3, np.nan], cool_bound=["", "", "<"], heat_bound=["", "", "<"]
    )
    assert joint_order(never) == ["b", "a", "c"]
    assert joint_order(never.assign(cool_bound=["", "", ">"], heat_bound=["", "", ">"])) == ["c", "b", "a"]
    assert joint_order(edges.iloc[:0]) == []


def test_a_bracket_holds_the_records_either_side_of_the_crossing_of_the_information() -> None:
    # heated: the last record above the threshold is at 19.665, and nothing is measured from 21.555 on
    beta_T = np.array([10.0, 12.0, 14.0, 16.0, 18.0, 19.665, 21.555, 23.628])
    info_TF = np.array([[0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.0, 0.0]]).T
    (row,) = joint(beta_T, np.zeros((8, 0)), info_TF, ["shape"], direction="heat", seed=0).to_dict("records")
    assert_allclose((row["beta_bracket_low"], row["beta_bracket_high"]), (19.665, 21.555))
    # linear in nats where one of the two is 0: two thirds of the way in ln beta
    assert row["beta_ifp"] == pytest.approx(19.665 * (21.555 / 19.665) ** (2 / 3))
