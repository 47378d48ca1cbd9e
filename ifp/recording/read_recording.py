"""Recording: what a folder of `ifp.Recorder` holds, read as if a stranger had written it.

Shapes: T records, N images, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ifp.checkpoints.readings.data_test import DataTest
from ifp.checkpoints.readings.moment_test import prior_test
from ifp.checkpoints.run_records import Record, Run
from ifp.codes import Codes
from ifp.datasets.own_arrays import FLOAT, INT, TEXT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.recording.find_recordings import is_recording
from ifp.system.own_files import RecordingRun, read_own_json
from ifp.system.printable import printable
from ifp.system.resumable import RUN_FILE
from ifp.training.records import TrainRecord, TrainRecords

CODES, CHECKPOINTS = "codes", "checkpoints"
"""The folders of a recording with the codes of every record, and with checkpoints where they were asked for."""
_RESTORE = "restore it, or record anew in another folder"
_READER = "codes recorded in a training loop"
_CODES = {
    "mean": Declared(FLOAT, "ND", finite=True),
    "logvar": Declared(FLOAT, "ND", finite=True),
    "factors": Declared(INT, "NF", low=0),
    "factor_names": Declared(TEXT, "F"),
    "factor_sizes": Declared(INT, "F", low=1),
    "step": Declared(INT, "", low=0),
    "beta": Declared(FLOAT + INT, "", no_infinity=True),
}
"""The arrays of one record's codes."""
_RECORDS = {
    "0_step": Declared(INT, "T", low=0),
    "0_beta": Declared(FLOAT, "T", no_infinity=True),
    "0_stage": Declared(INT, "T", low=0),
    "0_recon_nats": Declared(FLOAT, "T", no_infinity=True),
    "0_kl_nats": Declared(FLOAT, "TD", low=0, finite=True),
    "0_nmi": Declared(FLOAT, "TDF", no_infinity=True),
    "0_posterior_nmi": Declared(FLOAT, "TDF", no_infinity=True),
}


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording on disk.

    Attributes
    ----------
    path : its folder. about : the content of run.json. records : in order of time.
    """

    path: Path
    about: dict[str, Any]
    records: tuple[TrainRecord, ...]

    @property
    def name(self) -> str:
        """What to call it."""
        return printable(self.path.resolve().name)

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Of the data; empty where they have none."""
        return tuple(self.about["dataset"]["factor_names"])

    def codes(self, step: int) -> Codes:
        """The codes of the record at `step`.

        Raises
        ------
        IfpError : there are none, or they are damaged.
        """
        path = codes_path(self.path, step)
        if not path.is_file():
            raise IfpError(f"{path}, the codes of a record, is missing; {_RESTORE}.")
        arrays = read_own_arrays(path, _CODES, _RESTORE)
        if int(arrays["step"]) != step:
            raise IfpError(f"{path} holds the codes of step {int(arrays['step'])}; {_RESTORE}.")
        return Codes(
            arrays["mean"],
            arrays["logvar"],
            arrays["factors"],
            tuple(map(str, arrays["factor_names"])),
            tuple(int(size) for size in arrays["factor_sizes"]),
        )

    def run(self) -> Run:
        """All records with their codes, the last one with the test of whether the images are those of training.

        Raises
        ------
        IfpError : nothing is recorded yet, or files are missing or damaged.
        """
        if not self.records:
            raise IfpError(f"{self.path} holds no record yet; let its loop come to its first record.")
        held = [
            Record(f"step {record.step}", record.step, self.codes(record.step), reader=_READER)
            for record in self.records
        ]
        latents = {record.codes.num_latents for record in held}
        if len(latents) > 1:
            raise IfpError(f"The records of {self.path} have different numbers of latents ({sorted(latents)}).")
        codes = held[-1].codes
        tested = DataTest(prior_test(codes.mean_ND, codes.logvar_ND), self.about["dataset"]["name"])
        held[-1] = replace(held[-1], data_test=tested)
        return Run(self.name, tuple(held))


def read_recording(path: Path) -> Recording:
    """The recording in a folder, also of a loop that is at work.

    Raises
    ------
    IfpError : it is none, or files are missing or damaged.
    """
    if not is_recording(path):
        raise IfpError(f"{path} holds no recording of a training loop; give the folder of an ifp.Recorder.")
    about = read_own_json(path / RUN_FILE, RecordingRun, _RESTORE)
    return Recording(path, about, tuple(read_records(path, about["dataset"]["factor_names"])))


def read_records(path: Path, factor_names: Sequence[str]) -> list[TrainRecord]:
    """The records of a recording, in order of time; none where nothing is recorded yet."""
    file = path / "records.npz"
    if not file.is_file():
        return []
    arrays = read_own_arrays(file, _RECORDS, _RESTORE)
    records = TrainRecords(factor_names)
    try:
        records.put(0, {name.removeprefix("0_"): value for name, value in arrays.items()})
    except (KeyError, ValueError) as error:
        raise IfpError(f"{file} holds no records ({error}); {_RESTORE}.") from error
    return records.of_seed[0]


def codes_path(folder: Path, step: int) -> Path:
    """Where the codes of a record lie."""
    return folder / CODES / f"step-{step:06d}.npz"
