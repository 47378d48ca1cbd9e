"""TrainResult: what `ifp.train` returns, a run of one or more networks with its records and checkpoints."""

from __future__ import annotations

import math
import os
import shutil
import weakref
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from ifp.analysis.figures.result import Result
from ifp.errors import counted
from ifp.system.out_folder import result_folder
from ifp.training.records import posterior_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ifp.training.config import TrainConfig
    from ifp.training.folder import TrainFolder
    from ifp.training.outcome import Outcome

NMI_NOTE = (
    "NMI1, NMI2: largest and second over latents, mean over factors, of the latents as sampled (posterior estimator) "
    "above the noise floor"
)
NOTE = f"recon and KL in nats per image; {NMI_NOTE}"
"""What the numbers of the printed table mean."""
BETA_TC_NOTE = "beta in records.csv weighs the whole KL; the objective's own beta the total correlation alone"


@dataclass(frozen=True, eq=False, repr=False)
class TrainResult(Result):
    """A training run; it can be given wherever the path of its folder can.

    Attributes
    ----------
    run : the run's folder with its settings and records.
    outcome : which networks finished, and which diverged.
    temporary : whether the folder is deleted with this result.
    """

    run: TrainFolder
    outcome: Outcome
    temporary: bool = False

    def __post_init__(self) -> None:
        if self.temporary:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.path

    @property
    def path(self) -> Path | None:
        """The run's folder if it stays, None for a temporary one."""
        return None if self.temporary else self.folder

    @property
    def config(self) -> TrainConfig:
        """The settings."""
        return self.run.config

    def models(self) -> list[Path]:
        """The last checkpoint of each network, in the order of the seeds; a network without one is left out."""
        folders = [self.folder / f"seed-{seed}" for seed in range(self.config.seeds)]
        checkpoints = [sorted(folder.glob("step-*.pt")) for folder in folders]
        return [of_seed[-1] for of_seed in checkpoints if of_seed]

    def headline(self) -> str:
        """What was trained on what, and how it ended."""
        config, diverged = self.config, self.outcome.diverged
        ended = f", {len(diverged)} diverged" if diverged else ""
        return (
            f"{config.objective} on {config.dataset}, {config.seeds} network{'s' * (config.seeds > 1)} of "
            f"{counted(config.latents, 'latent')}, {config.steps:,} steps{ended}"
        )

    def table(self) -> pd.DataFrame:
        """The last record of each network, one row per seed.

        `recon_nats` and `kl_nats` are nats per image; `nmi1` and `nmi2` the largest and second largest NMI over the
        latents, averaged over the factors: of the latents as sampled (posterior estimator), above the noise floor, so
        that no latent holds more than its KL. They are missing for data without factors, and for runs of earlier
        versions, which recorded the histogram estimator alone.
        """
        last = {row["seed"]: row for row in self.run.records.rows()}
        rows = []
        for seed in range(self.config.seeds):
            record = last.get(seed, {})
            row = {"seed": seed, "steps": self.run.step(seed), "status": self.run.status(seed)}
            row |= {name: record.get(name, math.nan) for name in ("recon_nats", "kl_nats")}
            for rank in (1, 2):
                values = [record.get(posterior_column(rank, name), math.nan) for name in self.run.records.factor_names]
                row[f"nmi{rank}"] = sum(values) / len(values) if values else math.nan
            rows.append(row)
        return pd.DataFrame(rows)

    def records(self) -> pd.DataFrame:
        """All records, one row per seed and record, as in records.csv.

        `posterior_nmi1_FACTOR` and `posterior_nmi2_FACTOR` are what table and figure show. `histogram_nmi1_FACTOR` and
        `histogram_nmi2_FACTOR` (`nmi1_FACTOR` and `nmi2_FACTOR` in the file) are of posterior means, as counted: they
        read high for a latent that has nearly collapsed, far above what its KL allows.
        """
        names = {f"nmi{rank}_{name}" for rank in (1, 2) for name in self.run.records.factor_names}
        return pd.DataFrame(self.run.records.rows()).rename(columns={name: f"histogram_{name}" for name in names})

    def notes(self) -> list[str]:
        """What the numbers of the table mean, a sentence each."""
        weighs_parts = "beta-tc" in (self.config.objective, self.config.options.get("base"))
        return [*([BETA_TC_NOTE] if weighs_parts else []), NOTE]

    def content(self) -> dict[str, Any]:
        """The outcome and the last record of each network, as strict JSON can hold them."""
        last = {row["seed"]: row for row in self.run.records.rows()}
        return {
            "folder": str(self.folder),
            **self.outcome.to_json(),
            "records": [_strict(last[seed]) for seed in sorted(last)],
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """What the latents hold of each factor over training; the KL where the data have no factors."""
        from ifp.analysis.figures.plot_page import paper_style
        from ifp.analysis.training.plot_training import plot_training

        with paper_style() if ax is None else nullcontext():
            return plot_training(self.records(), self.run.records.factor_names, ax=ax)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Copy the run, with its checkpoints and what is needed to go on with it, into a new or an empty folder.

        Raises
        ------
        IfpError : the folder holds something already.
        """
        to = result_folder(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".ifp-", dir=to.parent) as partial:
            copy = Path(partial) / to.name
            shutil.copytree(self.folder, copy)
            copy.replace(to)
        return to


def _strict(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers that are not finite as None, which strict JSON needs."""
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
