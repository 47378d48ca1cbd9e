"""The files of records grow with the run, and are not written anew at each record."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ifp.analysis.training.run_in_folder import left_in_order
from ifp.system.progress import unsaid
from ifp.training import folder as folder_module
from ifp.training.records import TrainRecords
from ifp.training.run import train
from tests.training.small_runs import Interrupted, config_for, run_into, setup_for


def test_records_are_written_in_growing_steps_and_whole_at_the_end(
    bars: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, written = TrainRecords.save, list[int]()

    def counting(records: TrainRecords, folder: Path) -> None:
        written.append(sum(map(len, records.of_seed.values())))
        save(records, folder)

    monkeypatch.setattr(TrainRecords, "save", counting)
    monkeypatch.setattr(folder_module, "SAVED_SHARE", 2)
    config = config_for(bars, steps=12, records=6, seeds=2)
    with pytest.raises(Interrupted):  # as by a signal: what lies in the files is behind
        run_into(tmp_path / "run", config, stop_after=18)
    behind = len(pd.read_csv(tmp_path / "run" / "records.csv"))
    setup = setup_for(config)
    with left_in_order(folder := setup.folder(tmp_path / "run"), unsaid):
        begun = sum(map(len, folder.records.of_seed.values()))
        train(setup, folder)
    assert behind < begun
    assert written[-1] == 12 == len(pd.read_csv(tmp_path / "run" / "records.csv"))
    assert len(written) <= 8, "each of 12 records wrote all again"
    in_files = [(tmp_path / "run" / name).read_bytes() for name in ("records.csv", "records.npz")]
    save(folder.records, tmp_path)
    assert in_files == [(tmp_path / name).read_bytes() for name in ("records.csv", "records.npz")]
