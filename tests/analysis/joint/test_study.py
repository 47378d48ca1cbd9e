"""Whole data sets whose joint freezing points are known: cooled below, heated above, the truth between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifp.analysis.joint.prepared import joint_study, read_study
from ifp.analysis.joint.run import run_study
from ifp.analysis.joint.settings import whole_config
from ifp.datasets.catalog import load_dataset
from tests.analysis.joint.known_joint import CROSSINGS, SIGMA, known_arrays


@pytest.mark.slow
def test_cooling_and_heating_hold_the_known_crossings_between_them(tmp_path: Path) -> None:
    """The default length (30,000 steps, hidden 256, 3 networks) gives all four: docs/annealing.md has its table.

    Here, a tenth of the steps, a quarter of the width, and the first three factors: both are farther from the truth.
    """
    np.savez(tmp_path / "known.npz", **known_arrays(3))
    dataset = load_dataset(f"npz:{tmp_path / 'known.npz'}")
    settings = {
        "dataset": dataset.name, "likelihood": "gaussian", "sigma": SIGMA, "hidden": 64, "latents": 4, "steps": 3000,
        "records": 25, "seeds": 1, "learning_rate": 3e-3,
    }  # fmt: skip
    config = whole_config(settings, {}, dataset)
    study = joint_study(dataset, config, tmp_path / "run", device="cpu", threads=1)
    run_study(study)
    tables, about = read_study(tmp_path / "run")
    assert about["directions"] == ["cool", "heat"]
    points = tables["joint_freezing_points"].query("kind == 'factor'").set_index("name")
    assert (points["status"] == "frozen").all()
    for direction, low, high in (("cool", 0.5, 1.0), ("heat", 1.0, 1.25)):
        ratio = points.loc[points["direction"] == direction, "beta_ifp"].to_numpy() / np.array(CROSSINGS[:3])
        assert ((ratio > low) & (ratio < high)).all(), (direction, ratio)
    # the latents that hold the factors cross where those do, the fourth never held anything
    latents = tables["joint_freezing_points"].query("kind == 'latent' and direction == 'heat'")
    assert sorted(latents["status"]) == ["frozen"] * 3 + ["never_froze"]
    heated = points.loc[points["direction"] == "heat", "beta_ifp"]
    np.testing.assert_allclose(sorted(latents["beta_ifp"].dropna()), sorted(heated), rtol=0.1)
