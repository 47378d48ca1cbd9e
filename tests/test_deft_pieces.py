"""A long scale in pieces: networks trained apart, on several visits, end as those of one training, and come home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from ifp.analysis.information.mutual_information import histogram_nmi
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
