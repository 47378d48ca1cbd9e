"""The public VAE on `sprites`: what single latents hide and a forest finds, the joint bound finds too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

import ifp
from ifp.analysis.information.joint_information import measure_joint
from ifp.codes import Codes
from ifp.datasets.sprites import Sprites

IMAGES = 4000


@pytest.fixture(scope="module")
def codes(fixtures_dir: Path) -> Codes:
    folder = fixtures_dir / "public-checkpoints" / "VAE_dsprites"
    return ifp.read_checkpoints(folder, Sprites(), images=IMAGES).last.codes


@pytest.mark.slow
def test_a_forest_finds_the_position_and_so_does_the_bound(codes: Codes) -> None:
    at = codes.factor_names.index("posX")
    fit, test = slice(0, 3200), slice(3200, IMAGES)
    forest = RandomForestRegressor(30, max_features=0.5, random_state=0)
    forest.fit(codes.mean_ND[fit], codes.factors_NF[fit, at])
    assert r2_score(codes.factors_NF[test, at], forest.predict(codes.mean_ND[test])) > 0.9

    one = Codes(codes.mean_ND, codes.logvar_ND, codes.factors_NF[:, [at]], ("posX",), (32,))
    found = measure_joint(one, permutations=20, scored=800).table.iloc[0]
    # a residual of 10 % of the variance, were it Gaussian, would leave 1.15 nats; the codes hold more than that
    assert found["joint_low"] > -0.5 * np.log(0.1)
    assert found["diffusion_share"] > 0.6
    assert len(found["set_latents"].split("; ")) >= 4
