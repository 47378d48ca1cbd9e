"""The recorder: what it writes of a loop, and that it leaves the loop as it would have been."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ifp
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.information.training_records import posterior_nmi
from ifp.analysis.recording.result import open_recording
from ifp.recording.read_recording import read_recording
from ifp.system import files

from .loops import SmallVae, bars, exact_encode, record_exactly, steps_of_training


def test_records_hold_what_the_codes_say(tmp_path: Path) -> None:
    recording = read_recording(record_exactly(tmp_path / "run"))
    assert [record.step for record in recording.records] == [10, 20, 30]
    assert [record.beta for record in recording.records] == [30.0, 15.0, 10.0]
    last, codes = recording.records[-1], recording.codes(30)
    # 2.5 / 1.75 and so on: the mean over places of the squares, by hand
    place, width = np.mean([(p - 2.5) ** 2 for p in range(6)]) / 1.75**2, (2 / 3) / 0.85**2
    spread = np.exp(-4) + 4 - 1
    np.testing.assert_allclose(last.kl_nats, [0.5 * (place + spread), 0.5 * (width + spread), 0], atol=1e-6)
    factors = (codes.factors_NF, codes.factor_sizes)
    np.testing.assert_allclose(last.nmi, histogram_nmi(codes.mean_ND, *factors), atol=1e-6)
    np.testing.assert_allclose(last.posterior_nmi, posterior_nmi(codes.mean_ND, codes.logvar_ND, *factors), atol=1e-5)
    assert last.nmi[0, 1] == pytest.approx(1)
    assert last.nmi[1, 0] == pytest.approx(1)
    assert recording.about["status"] == "finished"
    assert (tmp_path / "run" / "checksums.json").is_file()
    assert (tmp_path / "run" / "codes" / "checksums.json").is_file()


def test_the_result_shows_the_last_record(tmp_path: Path) -> None:
    result = open_recording(record_exactly(tmp_path / "run"))
    assert result.headline() == ("recording of a loop on arrays, 3 records to step 30, 3 latents, 2 active, finished")
    assert result.table()["kl_nats"].tolist() == pytest.approx(list(result.recording.records[-1].kl_nats))
    assert result.factors()["factor"].tolist() == ["width", "place"]
    assert result.plot().get_xlabel() == "step"
    assert open_recording(result.save(tmp_path / "copy")).headline() == result.headline()


def test_a_loop_trains_to_the_same_bits_with_a_recorder(tmp_path: Path) -> None:
    def trained(record: bool) -> tuple[dict[str, torch.Tensor], tuple[float, ...]]:
        torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
        model = SmallVae()
        model.trunk[4].eval()  # a part of its own mode, as people have who freeze a part
        if record:
            with ifp.Recorder(bars(), out=tmp_path / "run", every=2, output="logits") as recorder:
                for step in steps_of_training(model, bars(), 6):
                    recorder.update(step, model, beta=1.0, decode=True)
        else:
            list(steps_of_training(model, bars(), 6))
        assert model.training
        assert model.trunk[2].training
        assert not model.trunk[4].training
        return model.state_dict(), (float(torch.rand(())), random.random(), float(np.random.rand()))  # noqa: NPY002

    (plain, drawn), (recorded, drawn_too) = trained(False), trained(True)
    assert drawn == drawn_too
    assert all(torch.equal(plain[name], recorded[name]) for name in plain)
    assert len(read_recording(tmp_path / "run").records) == 3


def test_what_draws_random_numbers_is_put_back(tmp_path: Path) -> None:
    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert not torch.is_grad_enabled()
        mean, logvar = exact_encode(x)
        return mean + torch.rand(()) + random.random() + np.random.rand(), logvar  # noqa: NPY002

    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with ifp.Recorder(bars(), out=tmp_path / "run") as recorder:
        recorder.update(0, encode)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


def test_a_loop_killed_at_any_write_loses_the_record_in_flight_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killing(after: int) -> Callable[..., Any]:
        real, left = files.os.replace, iter(range(after))

        def replace(*paths: Any) -> None:
            if next(left, None) is None:
                raise Killed
            real(*paths)

        return replace

    whole = record_exactly(tmp_path / "whole")
    for writes in range(2, 14):
        out = tmp_path / f"killed-{writes}"
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", killing(writes))
            with contextlib.suppress(Killed):
                record_exactly(out)
        begun = len(read_recording(out).records)
        # run.json first, then four files per record
        assert begun >= min((writes - 1) // 4, 3) - 1
        again = ifp.Recorder(bars(), out=out, every=10, say=lambda text: None)
        assert again.last_step == (10 * begun or None)
        again.close("stopped")
        left = {path.name for path in out.rglob("*.partial*")}
        assert left == set()
    with ifp.Recorder(bars(), out=out, every=10) as again:
        assert again.last_step == 30
    assert (out / "records.npz").read_bytes() == (whole / "records.npz").read_bytes()


def test_a_loop_that_goes_back_to_a_checkpoint_records_again_from_there(tmp_path: Path) -> None:
    out, said = record_exactly(tmp_path / "run"), []
    with ifp.Recorder(bars(), out=out, every=10, say=said.append) as recorder:
        recorder.update(20, exact_encode, beta=7.0)
        assert recorder.update(20, exact_encode, beta=7.0) is None
        with pytest.raises(ifp.IfpError, match="more than 20"):
            recorder.update(10, exact_encode)
    assert said[0].startswith("The loop goes on from before step 20: 2 records")
    assert [(record.step, record.beta) for record in read_recording(out).records] == [(10, 30.0), (20, 7.0)]
    assert not (out / "codes" / "step-000030.npz").exists()
    with (
        ifp.Recorder(bars(), out=out, every=10) as recorder,
        pytest.raises(ifp.IfpError, match="begins anew at step 0"),
    ):
        recorder.update(0, exact_encode)


def test_two_recorders_of_one_process_do_not_share_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ifp.Recorder(bars(), out=out, every=10) as first:
        with pytest.raises(ifp.IfpError, match=r"This process is at work in .* already; .*`close\(\)`"):
            ifp.Recorder(bars(), out=out, every=10)
        first.update(10, exact_encode)
    assert len(read_recording(out).records) == 1
    ifp.Recorder(bars(), out=out, every=10).close()


def test_only_due_steps_cost_anything(tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run", every=10) as recorder:
        assert recorder.update(11, None) is None  # the model is not even looked at
        assert recorder.update(11, exact_encode, now=True) is not None


def test_beta_is_converted(tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run", units="disent-mean") as recorder:
        record = recorder.update(0, exact_encode, beta=torch.tensor(0.5))
    assert record is not None
    assert record.beta == pytest.approx(0.5 * 96 / 3)


def test_event_files_hold_numbers_and_pictures(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra ifp[tensorboard] is not installed"
    )
    out = record_exactly(tmp_path / "run", steps=(10, 20))
    with ifp.Recorder(bars(), out=out, every=10, log="tensorboard") as recorder:
        recorder.update(30, exact_encode, beta=2.0, decode=lambda z: torch.full((len(z), 96), 0.5))
    found = reader.EventAccumulator(str(out / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in found.Scalars("beta")] == [(10, 30.0), (20, 15.0), (30, 2.0)]
    last = read_recording(out).records[-1]
    logged = [found.Scalars(f"kl_nats_of_latent/{latent}")[-1].value for latent in range(3)]
    np.testing.assert_allclose(logged, last.kl_nats, rtol=1e-6)
    assert found.Scalars("nmi1/place")[-1].value == pytest.approx(last.posterior_nmi_ranked(1)[1], rel=1e-6)
    assert [image.step for image in found.Images("traversals")] == [30]
