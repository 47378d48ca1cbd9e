"""RecordingResult: what a recording of a user's own loop holds, as every other result of this library."""

from __future__ import annotations

import math
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from ifp.analysis.figures.result import Result
from ifp.errors import counted
from ifp.recording.read_recording import Recording, read_recording
from ifp.system.out_folder import result_folder
from ifp.training.records import TrainRecords, posterior_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class RecordingResult(Result):
    """A recording; it can be given to `ifp.diagnose` and `ifp.channels` as the path of its folder can.

    Attributes
    ----------
    recording : its settings and records.
    """

    recording: Recording

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        """The recording's folder."""
        return self.recording.path

    def headline(self) -> str:
        """What was recorded of what, and how the loop stands."""
        about, records = self.recording.about, self.recording.records
        status = about.get("status", "running")
        if not records:
            return f"recording of a loop on {about['dataset']['name']}, nothing recorded yet, {status}"
        last = records[-1]
        return (
            f"recording of a loop on {about['dataset']['name']}, {counted(len(records), 'record')} to "
            f"step {last.step:,}, "
            f"{counted(len(last.kl_nats), 'latent')}, {last.active_latents} active, {status}"
        )

    def table(self) -> pd.DataFrame:
        """The last record, one row per latent and the factors that it holds most of.

        `kl_nats` in nats, `beta` and `step` of the record; `NMI_FACTOR` is the NMI with each factor of the latent as
        sampled (posterior estimator), above the noise floor.
        """
        if not self.recording.records:
            return pd.DataFrame(columns=["latent", "step", "beta", "kl_nats"])
        last = self.recording.records[-1]
        rows: list[dict[str, Any]] = []
        for latent, kl_nats in enumerate(last.kl_nats):
            row: dict[str, Any] = {"latent": latent, "step": last.step, "beta": last.beta, "kl_nats": float(kl_nats)}
            names = self.recording.factor_names
            row |= {f"NMI_{f}": float(v) for f, v in zip(names, last.posterior_nmi[latent], strict=True)}
            rows.append(row)
        return pd.DataFrame(rows)

    def records(self) -> pd.DataFrame:
        """All records, one row per record, with the columns of records.csv of an `ifp train` run."""
        held = TrainRecords(self.recording.factor_names)
        held.of_seed = {0: list(self.recording.records)}
        return pd.DataFrame(held.rows())

    def factors(self) -> pd.DataFrame:
        """The last record, one row per factor: the largest and second largest NMI over latents, as in records.csv."""
        table, rows = self.records(), []
        for name in self.recording.factor_names:
            columns = [posterior_column(rank, name) for rank in (1, 2)]
            values = [float(table[c].iloc[-1]) if c in table and len(table) else math.nan for c in columns]
            rows.append({"factor": name, "nmi1": values[0], "nmi2": values[1]})
        return pd.DataFrame(rows, columns=["factor", "nmi1", "nmi2"])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """What the latents hold of each factor over training; the KL where the data have no factors."""
        from ifp.analysis.figures.plot_page import paper_style
        from ifp.analysis.training.plot_training import plot_training

        with paper_style() if ax is None else nullcontext():
            return plot_training(self.records(), self.recording.factor_names, ax=ax)

    def save(self, folder: str | Path) -> Path:
        """Copy the recording into a new or an empty folder; raises IfpError where it holds something already."""
        to = result_folder(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".ifp-", dir=to.parent) as partial:
            copy = Path(partial) / to.name
            shutil.copytree(self.path, copy)
            copy.replace(to)
        return to


def open_recording(folder: str | Path) -> RecordingResult:
    """The recording in a folder; raises IfpError where there is none or it is damaged."""
    return RecordingResult(read_recording(Path(folder)))
