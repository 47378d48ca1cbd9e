"""The training of GANs in one call: settings that fit, the run, and what it returns."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ifp.adversarial.cost import gan_cost
from ifp.adversarial.drawing import code_drawer
from ifp.adversarial.folder import GanFolder
from ifp.adversarial.objective import NAMED_AFTER
from ifp.adversarial.run import train_gans
from ifp.adversarial.setup import GanSetup
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.information.training_records import posterior_nmi
from ifp.analysis.training.result import TrainResult
from ifp.analysis.training.run_in_folder import default_folder, left_in_order, logging
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.sole_worker import sole_worker
from ifp.training.cost import TrainCost
from ifp.training.folder import TrainFolder
from ifp.training.records import posterior_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTE = (
    "D: share of real and generated images that it tells; bound: H - NLL of the codes, mean and least, nats, of "
    "generated images, negative where Q is worse than no guess; TC of the codes as Q draws them, nats; NMI1, NMI2 of "
    "real images: largest and second over codes, mean over factors, of codes as sampled above the noise floor"
)
"""What the numbers of the printed table mean."""
SCALE_NOTE = (
    "codes are U(-1, 1): in checkpoints read by ifp diagnose they are scaled by sqrt(3) to the variance of N(0, 1)"
)


@dataclass(frozen=True, eq=False, repr=False)
class GanResult(TrainResult):
    """A run of GANs; it can be given wherever the path of its folder can."""

    def table(self) -> pd.DataFrame:
        """The last record of each GAN, one row per seed.

        `d_accuracy` is a share, `bound` and `least_bound` the mean and the smallest information bound of the codes,
        `tc_nats` the total correlation by the objective's estimator, `nmi1` and `nmi2` as in `TrainResult.table`.
        """
        last = {row["seed"]: row for row in self.run.records.rows()}
        rows = []
        for seed in range(self.config.seeds):
            record = last.get(seed, {})
            bounds = [record.get(f"bound_nats_{code}", math.nan) for code in range(self.config.latents)]
            row = {
                "seed": seed,
                "steps": self.run.step(seed),
                "status": self.run.status(seed),
                "d_accuracy": record.get("d_accuracy", math.nan),
                "bound": sum(bounds) / len(bounds),
                "least_bound": min(bounds),
                "tc_nats": record.get("tc_nats", math.nan),
            }
            for rank in (1, 2):
                values = [record.get(posterior_column(rank, name), math.nan) for name in self.run.records.factor_names]
                row[f"nmi{rank}"] = sum(values) / len(values) if values else math.nan
            rows.append(row)
        return pd.DataFrame(rows)

    def headline(self) -> str:
        """What was trained on what, and how it ended."""
        what = super().headline()
        return f"{what}; {NAMED_AFTER}" if self.config.objective == "ic-gan" else what

    def notes(self) -> list[str]:
        """What the numbers of the table mean, a sentence each."""
        named = [f"this objective is defined {NAMED_AFTER}: docs/gan.md"] if self.config.objective == "ic-gan" else []
        return [*named, SCALE_NOTE, NOTE]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The information bound of each code over training."""
        from ifp.analysis.figures.plot_page import paper_style
        from ifp.analysis.training.plot_gan import plot_gan

        with paper_style() if ax is None else nullcontext():
            return plot_gan(self.records(), ax=ax)


@dataclass(frozen=True, eq=False)
class PreparedGan:
    """A training of GANs whose settings fit its data and the machine; nothing is written or trained yet.

    Attributes
    ----------
    notes : what was changed so that the settings fit, a sentence each.
    """

    setup: GanSetup
    notes: tuple[str, ...]

    def folder(self, path: Path | None = None) -> GanFolder:
        """The run's folder, for `run`; see `PreparedTraining.folder`."""
        return self.setup.folder(path or default_folder(self.setup.config))

    def cost(self, progress: Progress = silent) -> TrainCost:
        """What the training would take, measured on this machine; writes nothing."""
        return gan_cost(self.setup, progress, nmi=histogram_nmi, posterior_nmi=posterior_nmi)

    def run(
        self,
        folder: TrainFolder,
        *,
        log: str | None = None,
        progress: Progress = silent,
        say: Say = unsaid,
        temporary: bool = False,
    ) -> GanResult:
        """Train what `folder` has not finished; see `PreparedTraining.run`."""
        config = self.setup.config
        where = "" if temporary else f", into {folder.path}"
        say(f"{config.objective} on {config.dataset}{where}")
        draw = code_drawer(self.setup) if log is not None else None
        with sole_worker(folder.path), left_in_order(folder, say, temporary=temporary), logging(folder, log, draw):
            outcome = train_gans(
                self.setup, folder, nmi=histogram_nmi, posterior_nmi=posterior_nmi, progress=progress, say=say
            )
        return GanResult(folder, outcome, temporary)
