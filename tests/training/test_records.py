"""What a training writes: records, checkpoints and states, and the folders that it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.families.ours import FAMILY
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.datasets.catalog import load_dataset
from ifp.errors import IfpError
from ifp.networks.losses import gaussian_kl_nats
from ifp.system.files import write_whole
from ifp.training.chunks import borders
from ifp.training.images import load_images
from ifp.training.records import TrainRecord
from ifp.training.state import MemberState, read_content

from .small_runs import assert_equal_bits, config_for, run_into, stored


def test_records_hold_what_was_measured(bars: str, tmp_path: Path) -> None:
    nmi_DF = np.array([[0.1, 0.9], [0.5, 0.2], [0.0, 0.4], [0.3, 0.3]])
    config = config_for(bars, options={"beta": 2.5}, checkpoint_every=15)
    folder, _ = run_into(tmp_path / "run", config, nmi=lambda mean, factors, sizes: nmi_DF)
    assert borders(config) == [10, 15, 20, 30, 40]
    assert sorted(p.name for p in (tmp_path / "run" / "seed-0").glob("*.pt")) == [
        "step-000015.pt", "step-000030.pt", "step-000040.pt",
    ]  # fmt: skip
    rows = list(folder.records.rows())
    assert [row["step"] for row in rows] == [10, 15, 20, 30, 40]
    for row in rows:
        assert row["beta"] == 2.5
        assert (row["nmi1_width"], row["nmi2_width"]) == (0.5, 0.3)
        assert (row["nmi1_place"], row["nmi2_place"]) == (0.9, 0.4)
        assert row["active_latents"] == sum(row[f"kl_nats_{latent}"] >= 0.1 for latent in range(4))
        assert row["kl_nats"] == pytest.approx(sum(row[f"kl_nats_{latent}"] for latent in range(4)))
    with np.load(tmp_path / "run" / "records.npz") as arrays:
        assert arrays["factor_names"].tolist() == ["width", "place"]
        assert arrays["0_nmi"].shape == (5, 4, 2)
        np.testing.assert_array_equal(arrays["0_recon_nats"], [row["recon_nats"] for row in rows])


def test_a_record_is_what_the_checkpoint_of_that_step_says(bars: str, tmp_path: Path) -> None:
    options = {"betas": [4.0, 1.0], "stage_steps": 25}
    for objective, given in [("beta", {}), ("deft", options)]:
        out = tmp_path / objective
        folder, _ = run_into(out, config_for(bars, objective=objective, options=given))
        read = torch.load(out / "seed-0" / "step-000040.pt", weights_only=True)
        about = read["hyper_parameters"]
        assert about["objective"]["name"] == objective
        assert about["stage"] == (1 if objective == "deft" else 0)
        assert about["groups"] == (2 if objective == "deft" else 1)
        assert_equal_bits(dict(read["state_dict"]), stored(out, 0)["state"]["parameters"])
        if objective == "deft":
            continue
        weights = {name: tensor.numpy() for name, tensor in read["state_dict"].items()}
        source = Source(out, "torch zip", weights, about, read["global_step"])
        (vae,) = FAMILY.build(source, ReadingOptions())
        images = load_images(load_dataset(bars), 0, 0, "cpu")
        mean, logvar = vae.encode(images.at(torch.arange(18)[None])[0].reshape(18, 1, 8, 12))
        kl_D = gaussian_kl_nats(mean, logvar).mean(0)
        torch.testing.assert_close(
            kl_D.double(), torch.from_numpy(folder.records.of_seed[0][-1].kl_nats), rtol=1e-3, atol=1e-5
        )


def test_second_largest_information_of_one_latent_is_0() -> None:
    assert TrainRecord(1, 1.0, 0, 1.0, np.ones(1), np.array([[0.7, 0.2]])).nmi_ranked(2).tolist() == [0.0, 0.0]


def test_a_folder_of_another_run_is_refused(bars: str, tmp_path: Path) -> None:
    config = config_for(bars)
    out = tmp_path / "run"
    run_into(out, config)
    with pytest.raises(IfpError, match=r"another run \(latents 4 there, 6 now\)"):
        run_into(out, replace(config, latents=6))
    about = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**about, "ifp_version": "0.0.1"}))
    with pytest.raises(IfpError, match=r"run of ifp 0\.0\.1"):
        run_into(out, config)
    (out / "run.json").write_text(json.dumps({**about, "dataset": {**about["dataset"], "checksum": "0"}}))
    with pytest.raises(IfpError, match="other images"):
        run_into(out, config)
    (out / "run.json").write_text("{}")
    with pytest.raises(IfpError, match="something else"):
        run_into(out, config)
    (out / "run.json").unlink()
    with pytest.raises(IfpError, match=r"holds no run\.json"):
        run_into(out, config)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_state_is_refused(damage: bytes | None, bars: str, tmp_path: Path) -> None:
    run_into(tmp_path / "run", config_for(bars))
    path = tmp_path / "run" / ".resume" / "seed-0.pt"
    if damage is None:
        write_whole(path, {"state": {}})
    else:
        path.write_bytes(damage)
    with pytest.raises(IfpError, match="is damaged"):
        run_into(tmp_path / "run", config_for(bars))


def test_a_state_is_written_and_read_whole(tmp_path: Path) -> None:
    big = torch.arange(1000.0)
    state = MemberState(3, {"w": big[:10]}, {"w": {"step": torch.tensor(3.0)}}, {"s": torch.ones(2)}, {})
    write_whole(tmp_path / "state.pt", state.content())
    assert (tmp_path / "state.pt").stat().st_size < 4000  # not the tensor of which it is a view
    assert_equal_bits(read_content(tmp_path / "state.pt"), state.content())
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
