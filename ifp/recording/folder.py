"""RecordFolder: the folder of a recording, written while a user's own loop trains.

run.json (settings, versions, data, how the loop stands), records.npz and records.csv as of an `ifp train` run of one
network, and for each record its codes, codes/step-XXXXXX.npz, which `ifp diagnose --codes` reads too; checkpoints
where they are asked for. The codes of a record are written before the record, and every file is replaced whole, so that
a loop that is killed loses at most the record in flight.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import DIVERGED, FINISHED, RECORD_FORMAT, RUNNING, STOPPED
from ifp.recording.config import RecordConfig
from ifp.recording.read_recording import CHECKPOINTS, CODES, codes_path, read_records
from ifp.system.checksums import seal, unseal
from ifp.system.files import reason_of, remove_partials, replace_file, write_whole
from ifp.system.resumable import ResumableFolder, about_settings
from ifp.training.records import TrainRecord, TrainRecords


class RecordFolder(ResumableFolder):
    """The files of one recording, for writing; the same recording is taken up again, anything else refused.

    Parameters
    ----------
    path : made by `open` if missing.
    every, steps : the loop's, recorded; steps may be None where nobody knows how long the loop is.

    Attributes
    ----------
    records : so far.

    Raises
    ------
    IfpError : the folder holds something else, another recording, another version's, or damaged files.
    """

    kind = "a recording of a training loop"
    format = RECORD_FORMAT

    def __init__(
        self, path: Path, config: RecordConfig, dataset: FactorDataset, *, every: int, steps: int | None
    ) -> None:
        self.config = config
        self.records = TrainRecords(dataset.space.names if dataset.labelled else ())
        super().__init__(
            path,
            about_settings(config, dataset.identity())
            | {
                "every": every,
                "steps": steps,
                "status": RUNNING,
                "seeds": {"0": {"status": RUNNING, "step": 0}},
                "doubts": {},
            },
        )

    def _take_over(self, stored: dict[str, Any]) -> None:
        super()._take_over(stored)
        self.records.of_seed = {0: read_records(self.path, self.records.factor_names)}
        doubts = stored.get("doubts")
        self.about["doubts"] = dict(doubts) if isinstance(doubts, dict) else {}
        self._stand(RUNNING)

    @property
    def all_records(self) -> list[TrainRecord]:
        """The records so far, in order of time."""
        return self.records.of_seed.get(0, [])

    @property
    def last_step(self) -> int | None:
        """The step of the last record, None where nothing is recorded yet."""
        return self.all_records[-1].step if self.all_records else None

    def open(self) -> None:
        """Make the folders and write run.json; what killed loops left half written goes."""
        try:
            (self.path / CODES).mkdir(parents=True, exist_ok=True)
            remove_partials(self.path)
            for folder in (self.path, self.path / CODES):
                unseal(folder)
            self._begin_call()
            self._write_about()
        except OSError as error:
            raise self._unwritable(error) from error

    def _units(self) -> tuple[int, int | None]:
        """Steps of the loop."""
        return self.last_step or 0, self.about["steps"]

    def forget_after(self, step: int) -> list[int]:
        """Drop the records from `step` on, of a loop that went back to an earlier checkpoint; returns their steps."""
        kept = [record for record in self.all_records if record.step < step]
        dropped = [record.step for record in self.all_records[len(kept) :]]
        self.records.of_seed = {0: kept}
        try:
            self.records.save(self.path)
            for gone in dropped:
                codes_path(self.path, gone).unlink(missing_ok=True)
                self.checkpoint_path(gone).unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return dropped

    def keep(self, record: TrainRecord, codes: Codes, state: dict[str, Any] | None = None) -> None:
        """Take in a record with its codes, and a checkpoint of the model where `state` holds one.

        Raises
        ------
        IfpError : the files cannot be written; those of the record before are still whole.
        """
        records = TrainRecords(self.records.factor_names)
        records.of_seed = {0: [*self.all_records, record]}
        try:
            if state is not None:
                write_whole(self.checkpoint_path(record.step), state)
            replace_file(codes_path(self.path, record.step), _packed(record, codes))
            records.save(self.path)
            self.records = records
            self._stand(RUNNING)
            self._write_about()
        except (OSError, RuntimeError) as error:
            raise self._unwritable(error) from error

    def checkpoint_path(self, step: int) -> Path:
        """Where the checkpoint of a record lies, or would lie."""
        return self.path / CHECKPOINTS / f"step-{step:06d}.pt"

    def doubt(self, word: str, sentence: str) -> bool:
        """Note what is plainly wrong with the codes; whether the like was not noted before."""
        if word in self.about["doubts"]:
            return False
        self.about["doubts"][word] = sentence
        return True

    def set_diverged(self) -> None:
        """Note that the model's codes are no longer finite numbers."""
        self._stand(DIVERGED)
        try:
            self._write_about()
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self, status: str = FINISHED) -> None:
        """Write how the loop ended ("finished", "stopped"), and the checksums of all files.

        Raises IfpError where they cannot be written.
        """
        if self.about["seeds"]["0"]["status"] != DIVERGED:
            self._stand(status)
        try:
            super().close(self.about["seeds"]["0"]["status"] if status == FINISHED else STOPPED)
            seal(self.path / CODES)
        except OSError as error:
            raise self._unwritable(error) from error

    def _stand(self, status: str) -> None:
        self.about["seeds"] = {"0": {"status": status, "step": self.last_step or 0}}
        self.about["status"] = status

    def _unwritable(self, error: OSError | RuntimeError) -> IfpError:
        return IfpError(
            f"The recording cannot be saved in {self.path} ({reason_of(error)}); make room, and a recorder with the "
            "same settings goes on from the last record."
        )


def _packed(record: TrainRecord, codes: Codes) -> bytes:
    """The codes of a record as a file that `ifp.checkpoints.custom.read_codes` reads, too."""
    held = io.BytesIO()
    np.savez(
        held,
        mean=codes.mean_ND.astype(np.float32),
        logvar=codes.logvar_ND.astype(np.float32),
        factors=codes.factors_NF.astype(np.int32),
        factor_names=np.array(codes.factor_names, dtype=str),
        factor_sizes=np.array(codes.factor_sizes, dtype=np.int64),
        step=record.step,
        beta=record.beta,
    )
    return held.getvalue()
