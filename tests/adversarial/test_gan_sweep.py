"""`ifp anneal --whole --objective infogan`: settings, files, what is refused, and that it goes on where it was left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import ifp
from ifp.analysis.gan_freezing.study import plan_sweep, read_sweep
from ifp.cli import main
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError

SMALL: dict[str, Any] = {"hidden": 16, "latents": 2, "steps": 20, "records": 4, "seeds": 1, "hold_steps": 10}


def test_a_sweep_is_a_training_with_a_moving_weight(tmp_path: Path, two_bars: FactorDataset) -> None:
    said: list[str] = []
    result = ifp.anneal_whole(
        two_bars, objective="ic-gan", options={"noise": 1}, out=tmp_path / "run", threads=1, beta_max=100.0,
        say=said.append, **SMALL,
    )  # fmt: skip
    records = pd.read_csv(tmp_path / "run" / "records.csv")
    assert len(records) == 8
    assert records["step"].max() == 10 + 2 * 20
    assert records["pressure"].min() == pytest.approx(1, rel=0.3)
    assert np.allclose(records["pressure"] * records["info_weight"], 1)
    about = json.loads((tmp_path / "run" / "gan_sweep.json").read_text())
    assert about["pressure"] == [1.0, 100.0]
    assert "adversarial training, no equilibrium" in about["mark"]
    assert "no equilibrium" in repr(result)
    assert "after Wang and Yao, detached" in repr(result)
    assert "no equilibrium" in result.notes()[0]
    assert set(result.points["direction"]) == {"cool", "heat"}
    again = read_sweep(tmp_path / "run")
    pd.testing.assert_frame_equal(again.table(), result.table(), check_dtype=False)
    before = (tmp_path / "run" / ".resume" / "seed-0.pt").read_bytes()
    ifp.anneal_whole(
        two_bars, objective="ic-gan", options={"noise": 1}, out=tmp_path / "run", threads=1, beta_max=100.0, **SMALL
    )
    assert (tmp_path / "run" / ".resume" / "seed-0.pt").read_bytes() == before
    names = {path.name for path in ifp.plot(tmp_path / "run", formats="png", out=tmp_path / "figures")}
    assert names == {"ifp_gan_freezing.png", "ifp_gan_freezing.csv", "ifp_gan_freezing.txt"}
    saved = result.save(tmp_path / "saved")
    pd.testing.assert_frame_equal(read_sweep(saved).table(), result.table(), check_dtype=False)
    both = pd.read_csv(ifp.plot([tmp_path / "run", saved], formats="png", out=tmp_path / "both", names=["a", "b"])[1])
    for _, rows in both.groupby("run"):
        assert np.allclose(rows["pressure"], records["pressure"])
    assert set(both["run"]) == {"a", "b"}
    for field in ("dataset", "objective"):
        left = {name: value for name, value in about.items() if name != field}
        (saved / "gan_sweep.json").write_text(json.dumps(left))
        with pytest.raises(IfpError, match=f"gan_sweep.json: .*{field}"):
            read_sweep(saved)


def test_the_plan_says_how_the_weight_moves(two_bars: FactorDataset) -> None:
    plan = plan_sweep(two_bars, "arrays", "infogan", {"steps": 100, "beta_max": 1000.0}, preset="quick")
    config, objective = plan.prepared.setup.config, plan.prepared.setup.objective
    assert (config.steps, objective.hold_steps, objective.law) == (220, 20, "up-down")
    assert (objective.weight_start, objective.weight_end) == (1e-3, 1.0)
    cool = plan_sweep(two_bars, "arrays", "infogan", {"steps": 100}, direction="cool")
    assert (cool.prepared.setup.config.steps, cool.prepared.setup.objective.law) == (120, "up")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"likelihood": "gaussian"}, "A GAN has no likelihood, so likelihood has no meaning for infogan"),
        ({"factors": ["left"]}, "measures every factor, so `factors` has no meaning for infogan; leave it out"),
        ({"law": "author"}, "moves geometrically, so `law` has no meaning for infogan"),
        ({"foo": 1}, "Unknown setting of a sweep of infogan"),
        ({"beta_max": 0.5}, "beta_min must be positive and below beta_max, 0.5, got 1"),
        ({"options": {"info_weight": 1}}, "info_weight is the sweep's own"),
        ({"method": "closed-form"}, "A GAN has no closed form and no exact curve; leave `method` out"),
        ({"method": "exact"}, "A GAN has no closed form and no exact curve; leave `method` out"),
        ({"config": "run.json"}, "takes no `config`; leave it out"),
        ({"objective": "factor"}, "objective of ifp.anneal_whole"),
        (
            {"objective": "beta", "options": {"noise": 1}},
            "is for the objectives of GANs, infogan and ic-gan; leave",
        ),
    ],
)
def test_what_is_refused(two_bars: FactorDataset, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        ifp.anneal_whole(two_bars, **{"objective": "infogan", **settings})


def test_the_command_needs_whole(tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["anneal", "--dataset", "toys", "--objective", "infogan"])
    assert ran.exit_code == 2
    assert "--objective and --option go with --whole" in ran.stderr
