"""A long scale in pieces: networks trained apart, on several visits, end as those of one training, and come home."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.checkpoints.posteriors import draw_sample
from ifp.datasets.catalog import load_dataset
from ifp.system.progress import silent
from ifp.training.run import train
from tests.training.small_runs import assert_equal_bits, config_for, run_into, setup_for, stored

FOLDER = Path(__file__).parents[1] / "experiments" / "deft_vs_baselines"


@pytest.fixture
def pieces(load_experiment: Callable[[Path, Sequence[str]], dict[str, ModuleType]]) -> ModuleType:
    """The experiment's module of pieces."""
    return load_experiment(FOLDER, ("configurations", "images", "measure", "run", "pieces"))["pieces"]


def test_pieces_end_as_one_training_and_come_home(pieces: ModuleType, bars_npz: Path, tmp_path: Path) -> None:
    config = config_for(f"npz:{bars_npz}", seeds=2, checkpoint_every=20)
    run_into(tmp_path / "whole", config, nmi=histogram_nmi)
    out, said = tmp_path / "out", list[list[str]]()
    home = pieces.run_folder(out, "beta")

    def visit(network: int, stop_after: int) -> None:
        folder = pieces.piece_folder(out, "beta", network)
        calls = iter(range(1000))
        clock = lambda: next(calls)  # noqa: E731 - a clock that goes on by one at each look
        pieces.until = lambda ends, _: original(stop_after, clock)
        pieces.train_piece(config, folder, network, 60, "cpu")
        said.append(pieces.missing({"beta": config}, out))

    original = pieces.until
    try:
        visit(0, 2)
        visit(1, 1000)
        visit(0, 1000)
    finally:
        pieces.until = original
    assert said[0][0].startswith("beta, network 0: ")
    assert said[0][1] == "beta, network 1: 0 of 40 steps"
    assert 0 < int(said[0][0].split()[3]) < 40
    assert said[1] == said[0][:1]
    assert said[2] == ["beta: trained; run.py --only beta measures it"]
    for seed in range(2):
        assert_equal_bits(stored(home, seed), stored(tmp_path / "whole", seed))
        names = sorted(path.name for path in (tmp_path / "whole" / f"seed-{seed}").glob("step-*.pt"))
        assert sorted(path.name for path in (home / f"seed-{seed}").glob("step-*.pt")) == names
        assert not list((pieces.piece_folder(out, "beta", seed) / f"seed-{seed}").glob("step-*.pt"))
    setup = setup_for(config)
    outcome = train(setup, setup.folder(home), progress=silent)
    assert outcome.finished == [0, 1]
    assert outcome.images_per_second is None
    assert (home / "records.csv").read_text() == (tmp_path / "whole" / "records.csv").read_text()


def test_a_piece_that_is_behind_does_not_replace_what_is_home(
    pieces: ModuleType, bars_npz: Path, tmp_path: Path
) -> None:
    config = config_for(f"npz:{bars_npz}", steps=8, records=2)
    run_into(tmp_path / "home", config)
    run_into(tmp_path / "piece", config)
    before = stored(tmp_path / "home", 0)
    state = tmp_path / "piece" / ".resume" / "seed-0.pt"
    pieces.take_home(tmp_path / "nothing", tmp_path / "home", 0)
    assert pieces.step_at(tmp_path / "nothing", 0) == 0
    assert pieces.step_at(tmp_path / "home", 0) == 8
    state.unlink()
    pieces.take_home(tmp_path / "piece", tmp_path / "home", 0)
    assert_equal_bits(stored(tmp_path / "home", 0), before)


def test_networks_that_are_there_are_measured_and_counted(
    pieces: ModuleType, bars_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the real measures need 1,000 images; which checkpoints are measured is asked here
    monkeypatch.setattr(sys.modules["measure"], "measure_checkpoint", lambda *given: {"recon_nats": 1.0})
    config = config_for(f"npz:{bars_npz}", seeds=3, steps=8, records=2, checkpoint_every=8)
    kept = pd.DataFrame({"configuration": ["old", "beta"], "seed": [0, 5], "step": [9, 9], "mig": [0.5, 0.25]})
    kept.to_csv(tmp_path / "measures.csv", index=False)
    for network in (0, 2):
        pieces.train_piece(config, pieces.piece_folder(tmp_path, "beta", network), network, 60, "cpu")
    assert pieces.missing({"beta": config}, tmp_path) == ["beta, network 1: 0 of 8 steps"]
    sample = draw_sample(load_dataset(config.dataset), 18, 1, silent)
    said = pieces.measure_there({"beta": config}, tmp_path, sample)
    assert said == ["beta: 2 of 3 networks measured"]
    measures, training = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("measures", "training"))
    # what was kept of a configuration whose work is gone stays, what is measured anew is replaced
    assert measures[["configuration", "seed", "step"]].to_numpy().tolist() == [
        ["old", 0, 9], ["beta", 0, 8], ["beta", 2, 8],
    ]  # fmt: skip
    assert measures["recon_nats"].notna().tolist() == [False, True, True]
    assert training["seed"].unique().tolist() == [0, 2]
