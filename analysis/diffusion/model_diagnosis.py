"""ModelDiagnosis: what `ifp.diagnose` returns of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.about import about_run
from ifp.analysis.diffusion.comparison import Comparison
from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.doubts import what_to_try, without_verdict
from ifp.analysis.diffusion.how_read import reading_lines
from ifp.analysis.diffusion.measure import Measured
from ifp.analysis.diffusion.results import Results
from ifp.analysis.diffusion.results_content import make_results
from ifp.analysis.diffusion.verdict import checkpoint_verdict
from ifp.analysis.diffusion.verdict_of_series import of_last_step, series_verdict
from ifp.analysis.diffusion.wording import verdict_lines
from ifp.analysis.figures.result import Result
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.run_records import Run
from ifp.checkpoints.source import ReadingOptions
from ifp.errors import IfpError, bad_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ifp.analysis.diffusion.model_comparison import ModelComparison

FACTOR_TABLE = (
    "factor", "entropy_nats", "excess_nmi1", "carrier1", "excess_nmi2", "carrier2", "carriers", "held_by",
)  # fmt: skip
JOINT_TABLE = ("joint_nats", "joint_low", "joint_high", "single_nats", "single_latent", "set_latents", "case")
"""Columns of the joint information that stand in `ModelDiagnosis.table`."""
SHORT_TABLE = ("factor", "held_by", "excess_nmi1", "excess_nmi2", "carriers", "joint_nats", "single_nats", "case")
"""Columns of `ModelDiagnosis.table` that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class ModelDiagnosis(Result):
    """What one model's latents hold, what has diffused over several, and what leaked away.

    `print` gives the verdict. A model that failed its self-test or the data test has `doubts`; it is measured only by
    `ifp.diagnose(..., anyway=True)`, and gets no verdict.

    Attributes
    ----------
    run : the model's codes, of a series those of every checkpoint, and how it was read.
    measured : the numbers; None where there are doubts.
    sample, seed : the images that were encoded, and the seed that drew them; None for codes that came as arrays.
    reading : what the user stated of how a checkpoint is to be read.
    device : where the model is decoded.
    """

    run: Run
    measured: Measured | None
    sample: Sample | None
    seed: int
    reading: ReadingOptions
    device: str = "cpu"

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.run.name

    @property
    def models(self) -> tuple[ModelDiagnosis, ...]:
        """This model alone; `ModelComparison` has several."""
        return (self,)

    @property
    def doubts(self) -> list[str]:
        """Why what this model's codes say is not to be believed, one sentence each; empty where both tests passed."""
        return self.run.last.doubts

    @property
    def diagnosis(self) -> Diagnosis:
        """All numbers of the model, of a series of its last checkpoint.

        Raises
        ------
        IfpError : the model is doubtful and was not measured.
        """
        return self._numbers().diagnosis

    @cached_property
    def results(self) -> Results:
        """What diagnosis.json holds, with all tables by name (`results.table("nmi")`)."""
        return self.compared_results(None, without_verdict(self.run))

    @property
    def all_results(self) -> list[Results]:
        """The results of each of `models`."""
        return [self.results]

    def compared_results(self, comparison: Comparison | None, doubts: Sequence[str]) -> Results:
        """`results` with a comparison of this model to another one; `doubts` take the verdict's place."""
        measured = self._numbers()
        about = about_run(self.run, self.sample, self.seed, measured.scores)
        return make_results(
            measured.diagnosis,
            series=measured.series,
            comparison=comparison,
            about=about,
            instead=doubts,
            beside=measured.sentences(),
            topology=measured.latent_topology(),
        )

    def headline(self) -> str:
        """The model and the verdict's first sentence."""
        sentences = next(sentences for sentences in self._verdict().values() if sentences)
        return sentences[0] if self.doubts else f"{self.name}: {sentences[0]}"

    def verdict(self) -> str:
        """The verdict, one sentence per line; of a doubtful model what is wrong and what to try."""
        lines = verdict_lines(self.name, self._verdict())
        if self.measured is None:
            lines.append(f"- {what_to_try(self.run.last)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.verdict()

    def table(self) -> pd.DataFrame:
        """One row per factor: who holds it, NMI above the floor, and where all latents together were measured, nats.

        Without factors, the table of `latents`. Every number is in `results.table("factors")` and `"joint"`.
        """
        numbers = self._numbers().diagnosis
        if not numbers.information:
            return self.latents()
        factors = numbers.factor_rows()[list(FACTOR_TABLE)].reset_index(drop=True)
        joint = self.results.table("joint")
        return factors if joint.empty else factors.merge(joint[["factor", *JOINT_TABLE]], on="factor")

    def short_table(self) -> pd.DataFrame:
        """The columns of the table that say who holds each factor and how much of it."""
        table = self.table()
        short = [name for name in SHORT_TABLE if name in table.columns]
        return table[short] if "factor" in short else table

    def latents(self) -> pd.DataFrame:
        """One row per latent: KL with its interval, status, purity, and the factors that it holds.

        Of a GAN also `bound_nats`, the information bound H - NLL of each code on generated images.
        """
        table = self._numbers().diagnosis.latent_rows().drop(columns="estimator").reset_index(drop=True)
        choice = self.run.last.choice
        if choice is not None and choice.vae.code_bounds is not None:
            table["bound_nats"] = [choice.vae.code_bounds()[latent] for latent in table["latent"]]
        return table

    def metrics(self) -> pd.DataFrame:
        """One row per metric that was asked for: its value, and why it is NaN or what it is by convention.

        All need at least 1,000 images; with fewer every value is NaN.
        """
        measured = self._numbers()
        rows = [(name, score.value, score.reason) for name, (score, _) in measured.scores.items()]
        rows += [(name, float("nan"), reason) for name, reason in measured.left_out.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "reason"])

    def how_read(self) -> str:
        """How the model was read and what was assumed, and how its tests went; one line each."""
        return "\n".join(reading_lines(self.run.last))

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Heat map of the NMI of each latent and factor, latents by their KL; without factors, the KL of each latent.

        Parameters
        ----------
        ax : where to draw; a new figure of the size of a page's column if None.
        options : width, of a new figure; see `ifp.analysis.diffusion.plot_model.plot_model`.
        """
        from ifp.analysis.diffusion.plot_model import plot_model

        self._numbers()
        return plot_model(self.results, ax=ax, **options)

    def figure(self, name: str, *, width: str | float = "icml") -> Figure:
        """One of the figures that `save` writes, on a page of its own.

        Parameters
        ----------
        name : "nmi", "kl", "kl_decomposition", "traversals" (what the decoder draws as a latent moves), and of a
            series "nmi_series" and "nmi_curves". width : of the page; a venue or inches.

        Raises
        ------
        IfpError : an unknown name or width, or a figure for which this model has no data.
        """
        from ifp.analysis.diffusion.plot_diagnosis import figure_of

        return figure_of(
            self.results, name, traversals=self.traversals() if name == "traversals" else None, width=width
        )

    def traversals(self) -> tuple[np.ndarray, np.ndarray] | None:
        """What the decoder draws as one latent after the other moves from the code of the first image.

        Returns
        -------
        images [D, K, C, H, W] in [0, 1], and the values [K] of the moving latent; None where there is no decoder.
        """
        from ifp.checkpoints.traversals import latent_traversals

        last = self.run.last
        if last.choice is None or last.choice.vae.decoder is None:
            return None
        return latent_traversals(last.choice.vae, last.codes.mean_ND[0], self.device)

    def save(self, folder: str | Path, *, width: str | float = "icml", formats: Sequence[str] = ("pdf", "png")) -> Path:
        """Write the files of `ifp diagnose --out`: diagnosis.json, tables, codes, traversals, figures.

        Parameters
        ----------
        width : of the figures; a venue or inches. formats : of "pdf", "png", "svg", "pgf"; none for no figures.

        Raises
        ------
        IfpError : the folder holds something else than a diagnosis, or an unknown width.
        """
        self.write(folder, width=width, formats=formats)
        return Path(folder)

    def write(self, folder: str | Path, **options: Any) -> list[Path]:
        """`save`, which returns the files that it wrote; options of `ifp.analysis.diffusion.write_models`."""
        from ifp.analysis.diffusion.write_models import write_models

        return write_models(self.models, self.all_results, folder, **options)

    def compare(self, other: ModelDiagnosis) -> ModelComparison:
        """`other` less this model, with intervals; printing it gives the verdict.

        Raises
        ------
        IfpError : `other` is no diagnosis of one model, or was measured on different data or with different settings.
        """
        if not isinstance(other, ModelDiagnosis):
            raise bad_value("other", other, "what ifp.diagnose returned of one model")
        from ifp.analysis.diffusion.model_comparison import ModelComparison

        return ModelComparison((self, other))

    def _verdict(self) -> dict[str, list[str]]:
        """The sentences by part: those of the series, where it is one, and of the last checkpoint."""
        if self.doubts:
            return {"checkpoint": without_verdict(self.run)}
        measured = self._numbers()
        of_last = [*checkpoint_verdict(measured.diagnosis), *measured.sentences()]
        if measured.series is None:
            return {"checkpoint": of_last}
        return {"series": series_verdict(measured.series), "checkpoint": of_last_step(measured.series, of_last)}

    def _numbers(self) -> Measured:
        if self.measured is None:
            raise IfpError(
                f"{self.name} was not measured: {self.doubts[0]} `anyway=True` gives its numbers all the same."
            )
        return self.measured

    def _repr_html_(self) -> str:
        if self.measured is None:
            from html import escape

            return f"<p>{escape(self.verdict())}</p>".replace("\n", "<br>")
        return super()._repr_html_()
