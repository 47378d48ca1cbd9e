"""Who reads a recording: diagnose, channels, plot, shift; and what they say of damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ifp
from ifp.analysis.report.of_models import of_training
from ifp.checkpoints.folders.locate import locate
from ifp.cli import main
from ifp.recording.read_recording import read_recording

from .loops import SmallVae, bars, exact_encode, record_exactly


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_exactly(tmp_path_factory.mktemp("recorded") / "run")


def test_diagnose_says_what_is_held_and_when(run: Path) -> None:
    result = ifp.diagnose(run, joint=False, metrics="none", bootstraps=30, permutations=20, anyway=True)
    assert result.table()["held_by"].tolist() == ["1", "0"]
    assert [record.step for record in result.run.records] == [10, 20, 30]
    assert result.measured is not None
    assert result.measured.series is not None
    changes = result.measured.series.changes
    assert dict(zip(changes["factor"], changes["frozen_step"], strict=True)) == {"width": 30, "place": 20}


def test_commands_read_recordings_without_a_data_set(run: Path, tmp_path: Path) -> None:
    def call(*words: object) -> str:
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.stdout

    cheap = ("--no-joint", "--metrics", "none", "--permutations", 20, "--bootstraps", 20, "--format", "none", "--quiet")
    said = json.loads(call("diagnose", run, *cheap, "--anyway", "--json", "--out", tmp_path / "diagnosis"))
    assert json.dumps(said).count("step 30")
    said = json.loads(
        call("channels", run, "--along-training", "--no-hotspots", "--points", 40, "--format", "none", "--quiet",
             "--json", "--out", tmp_path / "channels")
    )  # fmt: skip
    models = said["tables"]["models"] if "tables" in said else said["models"]
    assert [model["beta"] for model in models] == [30.0, 15.0, 10.0]
    assert str(tmp_path / "figures" / "ifp_training.png") in call("plot", run, "--out", tmp_path / "figures")


def test_the_page_of_a_recording_says_that_it_is_one(run: Path) -> None:
    section = of_training(run)
    assert section.title == "Recording of a loop of the user's own on arrays"
    assert section.asked.startswith("What does a network of 3 latents learn of arrays in a loop")
    assert (
        f"KL at the last record: {read_recording(run).records[-1].kl_nats.sum():.3g} nats per image." in section.found
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose", "RUN", "--dataset", "sprites"), "bring their own factors; leave the data set out"),
        (("diagnose", "RUN", "ELSEWHERE"), "not compared with models; give recordings alone"),
        (("channels", "RUN", "--no-hotspots", "--dataset", "sprites"), "leave the data set out"),
        (("channels", "RUN"), "Hotspots need at least 5 models, got 1"),
        (("channels", "RUN", "RUN", "--no-hotspots"), "is named twice"),
        (("shift", "RUN", "RUN", "--dataset", "sprites"), "is a recording of codes and holds no model"),
        (("directions", "RUN", "--dataset", "sprites"), "is a recording of codes and holds no model"),
    ],
)
def test_what_a_recording_is_not_for_is_one_sentence(
    words: tuple[str, ...], said: str, run: Path, tmp_path: Path
) -> None:
    places = {"RUN": str(run), "ELSEWHERE": str(tmp_path)}
    done = CliRunner().invoke(main, [*(places.get(word, word) for word in words), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2, done.output
    assert said in done.stderr.replace("\n", " "), done.output
    assert done.stderr.count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_damage_is_one_sentence_that_names_the_file(tmp_path: Path) -> None:
    out = record_exactly(tmp_path / "run")
    codes = out / "codes" / "step-000020.npz"
    whole = codes.read_bytes()
    codes.write_bytes(whole[:2000] + bytes(20) + whole[2020:])
    with pytest.raises(ifp.IfpError, match=r"step-000020\.npz is not as it was written"):
        read_recording(out).run()
    (out / "codes" / "checksums.json").unlink()
    with pytest.raises(ifp.IfpError, match=r"step-000020\.npz"):
        read_recording(out).run()
    codes.unlink()
    with pytest.raises(ifp.IfpError, match=r"step-000020\.npz, the codes of a record, is missing"):
        read_recording(out).run()
    about = json.loads((out / "run.json").read_text())
    (out / "checksums.json").unlink()
    (out / "run.json").write_text(json.dumps(about | {"every": "often"}))
    with pytest.raises(ifp.IfpError, match=r"run\.json: the field every is not as it should be"):
        read_recording(out)
    (out / "run.json").write_text(json.dumps(about | {"format_version": 99}))
    with pytest.raises(ifp.IfpError, match="format 99"):
        read_recording(out)
    (out / "run.json").write_text(json.dumps(about))
    arrays = dict(np.load(out / "records.npz"))
    np.savez(out / "records.npz", **arrays | {"0_step": arrays["0_step"][::-1]})
    with pytest.raises(ifp.IfpError, match="the steps do not rise"):
        read_recording(out)


def test_models_trained_on_can_be_shifted_where_checkpoints_were_saved(tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run", checkpoints=True, say=lambda text: None) as recorder:
        for step in (0, 100):
            recorder.update(step, SmallVae(), beta=2.0)
    assert [file.label for file in locate(tmp_path / "run").files] == ["step-000000", "step-000100"]
    recorder = ifp.Recorder(bars(), out=tmp_path / "other", checkpoints=True)
    with recorder, pytest.raises(ifp.IfpError, match="has no state_dict to save"):
        recorder.update(0, exact_encode)


def test_a_recording_without_a_record_is_said_to_be_one(tmp_path: Path) -> None:
    with ifp.Recorder(bars(), out=tmp_path / "run"):
        pass
    for read in (ifp.plot, ifp.report, ifp.table):
        with pytest.raises(ifp.IfpError, match="run holds no record yet; let its loop come to its first record"):
            read(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ifp.IfpError, match="nothing else that ifp has written; give the folder"):
        ifp.table(tmp_path / "empty")
