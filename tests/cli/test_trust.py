"""Edited runs are refused by every command that reads one, and believed with --trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ifp.checkpoints.folders.locate import locate
from ifp.cli import main
from ifp.errors import IfpError
from ifp.fingerprints.find_models import list_trainings
from ifp.formats import TRAIN_FORMAT, VAE_FORMAT
from ifp.system.checksums import seal, trusting
from ifp.training.config import TrainConfig


@pytest.mark.parametrize("command", ["anneal", "plot", "train", "diagnose", "channels", "shift", "directions"])
def test_every_command_that_reads_a_run_has_the_option(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"]).output
    assert " ".join(shown.split()).count("--trust Believe files of runs that were changed") == 1


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A finished training of one network, without its checkpoint's content."""
    config = TrainConfig(dataset="toys")
    same = json.loads(json.dumps({"config": config.to_json(), "digest": config.digest(), "dataset": {"name": "toys"}}))
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / "step-000001.pt").write_bytes(b"")
    (tmp_path / "run.json").write_text(
        json.dumps({"format": TRAIN_FORMAT, **same, "seeds": {"0": {"status": "finished", "step": 1}}})
    )
    (tmp_path / "seed-0" / "run.json").write_text(json.dumps({"format": VAE_FORMAT, **same}))
    seal(tmp_path)
    return tmp_path


@pytest.mark.parametrize("edited", ["run.json", "seed-0/run.json"])
def test_an_edited_training_is_refused_and_trusted(training: Path, edited: str) -> None:
    assert len(list_trainings([training])[0]) == 1
    path = training / edited
    path.write_text(path.read_text().replace('"beta"', '"factor"'))
    with pytest.raises(IfpError, match="changed after the run"):
        list_trainings([training])
    with trusting(True):
        assert len(list_trainings([training])[0]) == 1


def test_an_edited_number_is_refused_though_no_setting_changed(training: Path) -> None:
    path = training / "run.json"
    path.write_text(path.read_text().replace('"step": 1', '"step": 2'))
    with pytest.raises(IfpError, match="not as it was written"):
        list_trainings([training])


def test_a_folder_of_checkpoints_is_compared_too(training: Path) -> None:
    path = training / "seed-0" / "run.json"
    path.write_text(path.read_text().replace('"beta"', '"factor"'))
    with pytest.raises(IfpError, match="changed after the run"):
        locate(training / "seed-0")
    command = ["diagnose", str(training / "seed-0"), "--dataset", "toys", "--out", str(training / "out")]
    found = CliRunner().invoke(main, command)
    assert (found.exit_code, found.output.count("\n")) == (2, 1), found.output
    assert "believe them with --trust" in found.output
    assert "changed after the run" not in CliRunner().invoke(main, [*command, "--trust"]).output


@pytest.mark.parametrize("seeds", ['"x"', '{"0": "text"}', '{"0": {"status": 3}}', '{"9999999999": {}}', '{"-1": {}}'])
def test_standings_that_are_none_are_one_sentence(training: Path, seeds: str) -> None:
    (training / "run.json").write_text(f'{{"format": "{TRAIN_FORMAT}", "seeds": {seeds}}}')
    with pytest.raises(IfpError, match=r"run.json: the field seeds.* is not as it should be"), trusting(True):
        list_trainings([training])
