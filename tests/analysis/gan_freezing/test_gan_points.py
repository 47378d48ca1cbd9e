"""Freezing points of GANs from made-up records with known crossings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.gan_freezing.points import ALWAYS, FROZE, MELTED, NEVER, freezing_points, summarise
from ifp.errors import IfpError

PRESSURES = np.geomspace(1e4, 1, 41)


def records(seed: int = 0, *, froze_at: float = 100.0, melts_at: float = 1000.0) -> pd.DataFrame:
    """Pressure falls and rises. Code 0 holds ln(p / pressure), code 1 nothing, code 2 always 1 nat."""
    down = PRESSURES
    pressure = np.concatenate([[1e4, 1e4], down, down[-2::-1]])
    edge = np.concatenate([np.full(2 + len(down), froze_at), np.full(len(down) - 1, melts_at)])
    held = np.log(edge / pressure)
    bound = np.maximum(held, -0.176)
    return pd.DataFrame(
        {
            "seed": seed,
            "step": 100 * np.arange(len(pressure)),
            "pressure": pressure,
            "bound_nats_0": bound,
            "bound_nats_1": np.full(len(pressure), -0.176),
            "bound_nats_2": np.ones(len(pressure)),
            "posterior_nmi1_x": np.maximum(held, 0) / np.log(froze_at) / 2,
            "posterior_nmi1_y": np.full(len(pressure), 0.01),
        }
    )


def found(points: pd.DataFrame, direction: str, name: str) -> pd.Series:
    return points[(points["direction"] == direction) & (points["name"] == name)].iloc[0]


def test_codes_cross_the_threshold_and_factors_half_of_their_last_nmi() -> None:
    points = freezing_points(records(), ["x", "y"], threshold_nats=0.1, hold_steps=150)
    # ln(p / pressure) = 0.1, in straight lines of ln pressure exactly
    assert found(points, "cool", "0")["pressure"] == pytest.approx(100 * np.exp(-0.1), rel=1e-9)
    assert found(points, "heat", "0")["pressure"] == pytest.approx(1000 * np.exp(-0.1), rel=1e-9)
    assert found(points, "cool", "0")["info_weight"] == pytest.approx(np.exp(0.1) / 100, rel=1e-9)
    assert found(points, "cool", "x")["pressure"] == pytest.approx(100**0.5, rel=1e-9)  # half of ln 100
    statuses = {name: found(points, "cool", name)["status"] for name in ("0", "1", "2", "y")}
    assert statuses == {"0": FROZE, "1": NEVER, "2": ALWAYS, "y": NEVER}
    assert found(points, "heat", "0")["status"] == MELTED


def test_the_summary_orders_the_codes_of_each_network_by_their_freezing() -> None:
    swapped = records(1, froze_at=400).rename(columns={"bound_nats_0": "bound_nats_1", "bound_nats_1": "bound_nats_0"})
    points = freezing_points(pd.concat([records(0), swapped]), ["x", "y"])
    summary = summarise(points).set_index("name")
    assert list(summary.index) == ["x", "y", "1", "2", "3"]
    assert summary.loc["1", "cool_held"] == 2  # the code that is always held
    assert np.isnan(summary.loc["1", "cool_median"])
    assert summary.loc["2", "cool_median"] == pytest.approx((100 + 400) / 2 * np.exp(-0.1))
    assert summary.loc["2", ["cool_froze", "heat_melted", "seeds"]].tolist() == [2, 2, 2]
    assert summary.loc["3", ["cool_froze", "cool_held"]].tolist() == [0, 0]


def test_a_sweep_that_only_cools_has_one_direction() -> None:
    cooled = records().iloc[: 2 + len(PRESSURES)]
    assert set(freezing_points(cooled, ["x"])["direction"]) == {"cool"}
    with pytest.raises(IfpError, match="at least 2 records in each direction, got 1"):
        freezing_points(cooled.iloc[-1:], ["x"])
