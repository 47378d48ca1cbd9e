"""A finished run whose files were lost or damaged: the same command writes them again, or says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ifp.adversarial.run import train_gans
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import FINISHED
from ifp.training.run import train
from tests.adversarial.conftest import gan_setup, two_bars  # noqa: F401
from tests.training.small_runs import config_for, run_into, setup_for

KEPT = ("records.csv", "records.npz", "seed-0/run.json", "seed-0/step-000040.pt")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in KEPT}


def harmed(folder: Path) -> None:
    (folder / "records.csv").unlink()
    flip_a_bit(folder / "records.npz")
    (folder / "seed-0" / "run.json").unlink()
    flip_a_bit(folder / "seed-0" / "step-000040.pt")


def test_lost_and_damaged_files_of_a_finished_run_are_written_anew(tmp_path: Path, bars: str) -> None:
    config = config_for(bars, checkpoint_every=20)
    run_into(tmp_path / "run", config)
    before, said = contents(tmp_path / "run"), list[str]()
    harmed(tmp_path / "run")
    flip_a_bit(tmp_path / "run" / "seed-0" / "step-000020.pt")
    setup = setup_for(config)
    train(setup, setup.folder(tmp_path / "run"), say=said.append)
    assert contents(tmp_path / "run") == before
    assert sum("is written anew" in line for line in said) == len(KEPT)
    assert any("step-000020.pt is damaged" in line and "only a new training" in line for line in said)
    said.clear()
    train(setup, setup.folder(tmp_path / "run"), say=said.append)
    assert not any("anew" in line for line in said)


def test_those_of_a_gan_too(tmp_path: Path, two_bars: FactorDataset) -> None:  # noqa: F811
    setup = gan_setup(two_bars, steps=40, records=2)
    train_gans(setup, setup.folder(tmp_path / "run"))
    before = contents(tmp_path / "run")
    harmed(tmp_path / "run")
    train_gans(setup, setup.folder(tmp_path / "run"))
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("standing", ['"text"', '{"0": "text"}', "[1]", '{"0": {"status": 3}}'])
def test_what_run_json_says_of_the_networks_is_not_trusted(tmp_path: Path, bars: str, standing: str) -> None:
    """How far a network is stands in its own state."""
    config = config_for(bars)
    run_into(tmp_path / "run", config)
    path = tmp_path / "run" / "run.json"
    content = json.loads(path.read_text()) | {"seeds": json.loads(standing)}
    path.write_text(json.dumps(content))
    (tmp_path / "run" / "checksums.json").unlink(missing_ok=True)
    assert setup_for(config).folder(tmp_path / "run").status(0) == FINISHED


def test_a_finished_run_gets_more_networks(tmp_path: Path, bars: str) -> None:
    run_into(tmp_path / "run", config_for(bars, seeds=1))
    state = (tmp_path / "run" / ".resume" / "seed-0.pt").read_bytes()
    run_into(tmp_path / "run", config_for(bars, seeds=2))
    run_into(tmp_path / "fresh", config_for(bars, seeds=2))
    assert (tmp_path / "run" / ".resume" / "seed-0.pt").read_bytes() == state
    for name in ("records.npz", "records.csv", "seed-0/run.json", "seed-1/step-000040.pt"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    with pytest.raises(IfpError, match=r"steps 40 there, 80 now\); records, .* is another from its first step on"):
        setup_for(config_for(bars, seeds=2, steps=80)).folder(tmp_path / "run")
