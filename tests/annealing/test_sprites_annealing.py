"""The whole test on a few real traversals of sprites: order of the factors, the bracket, the exact value inside it."""

from __future__ import annotations

import pandas as pd
import pytest

import ifp
from ifp.analysis.freezing.consistency import consistency
from ifp.analysis.freezing.points import freezing_points


@pytest.fixture(scope="module")
def points() -> pd.DataFrame:
    # the standard preset with a third of its steps, three contexts per factor, and without orientation, whose exact
    # curves take longer than all the others' (tests/exact has them)
    config = ifp.preset_config(
        "standard", dataset="sprites", factors=("shape", "scale", "posX", "posY"), contexts=3,
        steps=1000, records=80, batch=32,
    )  # fmt: skip
    dataset = ifp.load_dataset("sprites")
    return freezing_points(ifp.anneal(dataset, config, threads=2), dataset="sprites", factor_names=dataset.space.names)


@pytest.mark.slow
def test_members_obey_the_theory(points: pd.DataFrame) -> None:
    shares = consistency(points).set_index("check")
    assert shares.loc["exact within [0.8 lower edge, 1.02 upper edge]", "share"] == 1
    assert shares.loc["cooling below heating", "share"] >= 0.95
    for check in shares.index[2:]:
        assert shares.loc[check, "share"] >= 0.9, check
    assert (shares["of"] >= 10).all()


@pytest.mark.slow
def test_information_above_the_threshold_needs_beta_below_the_upper_edge(points: pd.DataFrame) -> None:
    equilibrium = points[points["direction"] == "equilibrium"]
    assert (equilibrium["status"] == "frozen").all()
    assert (equilibrium["beta_ifp"] <= 1.02 * equilibrium["beta_upper"]).all()
