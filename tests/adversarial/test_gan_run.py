"""Whole runs of GANs: their files, the same bits fresh and resumed, divergence, cost, and the call `ifp.train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import ifp
from ifp.adversarial.cost import gan_cost
from ifp.adversarial.run import train_gans
from ifp.adversarial.setup import GanSetup
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT
from ifp.system.files import write_whole
from ifp.training.state import read_content
from ifp.uniform_codes import CODE_ENTROPY_NATS
from tests.adversarial.conftest import gan_setup

RATIO = {"tc": "ratio", "tc_weight": 0.1, "ratio_hidden": 16, "ratio_layers": 2, "complex_codes": 2}


class Interrupted(Exception):
    pass


def run_into(path: Path, setup: GanSetup, stop_after: int | None = None) -> dict[str, Any]:
    """Train; with `stop_after`, be interrupted when so many network-steps are done."""

    def progress(text: str, done: int, total: int) -> None:
        if stop_after is not None and text.startswith("Training") and done >= stop_after:
            raise Interrupted

    return train_gans(setup, setup.folder(path), progress=progress).to_json()


def numbers(folder: Path, seed: int) -> dict[str, Any]:
    """All that a run keeps of a network: its state and its records."""
    kept = read_content(folder / ".resume" / f"seed-{seed}.pt")
    return {**kept["state"], **kept["records"]}


def same_bits(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return bool(one.keys() == other.keys() and all(same_bits(one[key], other[key]) for key in one))
    return one.equal(other) if isinstance(one, torch.Tensor) and not one.isnan().any() else str(one) == str(other)


@pytest.mark.parametrize("options", [{}, RATIO], ids=["mws", "ratio"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    tmp_path: Path, two_bars: FactorDataset, options: dict[str, Any]
) -> None:
    setup = gan_setup(two_bars, "ic-gan", seeds=2, steps=24, records=3, options=options)
    run_into(tmp_path / "fresh", setup)
    for stop_after in (12, 30):  # within a stretch of the first network, and of the second
        with pytest.raises(Interrupted):
            run_into(tmp_path / "resumed", setup, stop_after)
    assert run_into(tmp_path / "resumed", setup)["finished"] == [0, 1]
    for seed in (0, 1):
        assert same_bits(numbers(tmp_path / "fresh", seed), numbers(tmp_path / "resumed", seed))
        checkpoints = [(tmp_path / run / f"seed-{seed}" / "step-000024.pt") for run in ("fresh", "resumed")]
        assert same_bits(*map(read_content, checkpoints))
    assert not same_bits(numbers(tmp_path / "fresh", 0)["parameters"], numbers(tmp_path / "fresh", 1)["parameters"])
    alone = gan_setup(two_bars, "ic-gan", seeds=1, steps=24, records=3, options=options)
    run_into(tmp_path / "alone", alone)
    assert same_bits(numbers(tmp_path / "fresh", 0), numbers(tmp_path / "alone", 0))


def test_files_are_those_of_any_training(tmp_path: Path, two_bars: FactorDataset) -> None:
    setup = gan_setup(two_bars, steps=8, records=2, checkpoint_every=4, options={"info_weight": 0.5})
    run_into(tmp_path / "run", setup)
    names = sorted(str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert names == [
        ".resume/seed-0.pt", "records.csv", "records.npz", "run.json", "seed-0/run.json", "seed-0/step-000004.pt",
        "seed-0/step-000008.pt",
    ]  # fmt: skip
    content = torch.load(tmp_path / "run" / "seed-0" / "step-000008.pt", weights_only=True)
    assert content["hyper_parameters"]["format"] == GAN_FORMAT
    assert content["hyper_parameters"]["info_weight"] == 0.5
    assert {"netG", "discriminator", "netD", "netQ", "params"} <= content.keys()
    assert content["netQ"]["lin_mu.weight"].shape == (2, 64)
    assert content["params"] == {"num_z": 5, "num_dis_c": 0, "num_con_c": 2, "complex_codes": 0}
    records = pd.read_csv(tmp_path / "run" / "records.csv")
    assert list(records["step"]) == [4, 8]
    assert np.allclose(records["pressure"], 2.0)
    assert np.allclose(records["bound_nats_1"], CODE_ENTROPY_NATS - records["nll_nats_1"])
    assert np.isnan(records["complex_tc_nats"]).all()
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["objective"]["options"]["trunk"] == "both"


def test_a_gan_that_diverges_is_stopped_and_its_last_checkpoint_kept(tmp_path: Path, two_bars: FactorDataset) -> None:
    setup = gan_setup(two_bars, steps=8, records=4)
    with pytest.raises(Interrupted):
        run_into(tmp_path / "run", setup, stop_after=4)
    path = tmp_path / "run" / ".resume" / "seed-0.pt"
    kept = read_content(path)
    kept["state"]["parameters"]["netG.lin1.weight"] *= float("nan")
    write_whole(path, kept)
    said: list[str] = []
    outcome = train_gans(setup, setup.folder(tmp_path / "run"), say=said.append)
    assert outcome.diverged == {0: 2}
    assert "Seed 0 diverged between steps 2 and 4" in said[-1]
    assert (tmp_path / "run" / "seed-0" / "step-000002.pt").is_file()


def test_a_cost_is_measured_without_a_folder(two_bars: FactorDataset) -> None:
    cost = gan_cost(gan_setup(two_bars, steps=100, seeds=3))
    assert (cost.networks, cost.steps, cost.chunk) == (3, 100, 1)
    assert cost.seconds > 3 * 100 * 64 / cost.images_per_second > 0
    assert "3 networks, 100 steps each, one at a time" in cost.text()


SMALL: dict[str, Any] = {"preset": "quick", "hidden": 16, "latents": 2, "steps": 8, "records": 2, "threads": 1}


def test_the_call_returns_the_last_records(two_bars: FactorDataset) -> None:
    result = ifp.train(two_bars, "ic-gan", complex_codes=1, **SMALL)
    assert result.config.learning_rate == 1e-3
    assert "after Wang and Yao, detached" in repr(result)
    (row,) = result.table().to_dict("records")
    assert row["status"] == "finished"
    last = result.records().iloc[-1]
    assert row["least_bound"] == last[["bound_nats_0", "bound_nats_1"]].min()
    assert row["d_accuracy"] == last["d_accuracy"]
    assert np.isfinite(row["nmi1"])
    assert any("sqrt(3)" in note for note in result.notes())


def test_settings_of_vaes_are_refused(two_bars: FactorDataset) -> None:
    with pytest.raises(IfpError, match="A GAN has no likelihood"):
        ifp.train(two_bars, "infogan", likelihood="gaussian", **SMALL)
    with pytest.raises(IfpError, match=r"Unknown objective .infogam.: .*infogan, ic-gan; did"):
        ifp.train(two_bars, "infogam", **SMALL)
    with pytest.raises(IfpError, match="preset yanndubs is of a study that trained no infogan"):
        ifp.train(two_bars, "infogan", **{**SMALL, "preset": "yanndubs"})
    with pytest.raises(IfpError, match="hold_steps must be below the number of steps, 8"):
        ifp.train(two_bars, "infogan", law="up", hold_steps=8, **SMALL)
