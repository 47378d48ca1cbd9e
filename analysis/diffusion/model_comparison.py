"""ModelComparison: what `ifp.diagnose` returns of several models, and what comparing two results gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ifp.analysis.diffusion.comparison import Comparison, compare
from ifp.analysis.diffusion.doubts import what_to_try, without_verdict
from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis
from ifp.analysis.diffusion.models_sentence import models_sentence
from ifp.analysis.diffusion.results import Results
from ifp.analysis.diffusion.side_by_side import side_by_side
from ifp.analysis.diffusion.verdict_of_comparison import comparison_verdict
from ifp.analysis.figures.result import Result
from ifp.errors import IfpError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class ModelComparison(Result):
    """Several models: two are compared, with intervals; three and more are put side by side.

    `print` gives the verdict. Models that are called alike get letters: "Vae (A)", "Vae (B)". Where one model is
    doubtful, and was not measured anyway, none is compared.

    Attributes
    ----------
    models : at least two, in the order in which they were given.
    """

    models: tuple[ModelDiagnosis, ...]

    def __post_init__(self) -> None:
        if len(self.models) < 2:
            raise IfpError(f"A comparison is of at least 2 models, got {len(self.models)}.")
        times = Counter(model.name for model in self.models)
        named = tuple(
            replace(model, run=replace(model.run, name=f"{model.name} ({_letter(place)})"))
            if times[model.name] > 1
            else model
            for place, model in enumerate(self.models)
        )
        object.__setattr__(self, "models", named)
        self.comparison  # noqa: B018 - models that cannot be compared are refused at once

    @cached_property
    def comparison(self) -> Comparison | None:
        """The second of two models less the first; None of three and more, or where one was not measured."""
        if len(self.models) != 2 or any(model.measured is None for model in self.models):
            return None
        a, b = self.models
        return compare(a.diagnosis, b.diagnosis, label_a=a.name, label_b=b.name)

    @cached_property
    def all_results(self) -> list[Results]:
        """The results of each of `models`; those of the second of two hold the comparison."""
        if self.comparison is None:
            return [model.results for model in self.models]
        first, second = self.models
        return [first.results, second.compared_results(self.comparison, self.doubts)]

    @property
    def doubts(self) -> list[str]:
        """Why what the models' codes say is not to be believed, one sentence each."""
        return without_verdict(*[model.run for model in self.models])

    def __getitem__(self, place: int) -> ModelDiagnosis:
        return self.models[place]

    def __len__(self) -> int:
        return len(self.models)

    def headline(self) -> str:
        """The verdict's first sentence."""
        return self._sentences()[0]

    def verdict(self) -> str:
        """Of two models how they differ, of more what they hold together; one sentence per line."""
        return "\n".join(f"- {sentence}" for sentence in self._sentences())

    def __str__(self) -> str:
        return self.verdict()

    def table(self) -> pd.DataFrame:
        """Of two models one row per factor and measure, b less a with the interval; of more the table of `totals`."""
        if self.comparison is None:
            return self.totals()
        table = self.comparison.table
        estimator = self.models[1].diagnosis.estimator
        return table[table["estimator"].isin([estimator, ""])].drop(columns="estimator").reset_index(drop=True)

    def totals(self) -> pd.DataFrame:
        """One row per model: KL, active latents, mean NMI, metrics, and UDR."""
        return side_by_side(self.models)

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Of two models the difference of each factor's NMI with its interval; of more NMI1 of each factor by model.

        Parameters
        ----------
        ax : where to draw; a new figure of the size of a page's column if None.
        options : width, of a new figure, and measure; see `ifp.analysis.diffusion.plot_model.plot_models`.
        """
        from ifp.analysis.diffusion.plot_model import plot_models

        return plot_models(self, ax=ax, **options)

    def save(self, folder: str | Path, *, width: str | float = "icml", formats: Sequence[str] = ("pdf", "png")) -> Path:
        """Write the files of `ifp diagnose --out` of several models; see `ModelDiagnosis.save`."""
        self.write(folder, width=width, formats=formats)
        return Path(folder)

    def write(self, folder: str | Path, **options: Any) -> list[Path]:
        """`save`, which returns the files that it wrote; options of `ifp.analysis.diffusion.write_models`."""
        from ifp.analysis.diffusion.write_models import write_models

        return write_models(self.models, self.all_results, folder, **options)

    def models_sentence(self) -> str:
        """What all models hold together, in one sentence."""
        return models_sentence([model.name for model in self.models], [model.diagnosis for model in self.models])

    def _sentences(self) -> list[str]:
        if self.doubts:
            tries = [
                f"{model.name}: {what_to_try(model.run.last)}"
                for model in self.models
                if model.doubts and model.measured is None
            ]
            return [*self.doubts, *tries]
        if self.comparison is not None:
            return comparison_verdict(self.comparison)
        return [self.models_sentence()]

    def _repr_html_(self) -> str:
        if any(model.measured is None for model in self.models):
            from html import escape

            return f"<p>{escape(self.verdict())}</p>".replace("\n", "<br>")
        return super()._repr_html_()


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
