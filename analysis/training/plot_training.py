"""The figure of a training: what its latents hold of each factor, or how large their KL is, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_page import axes_or_new, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, INK, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, in_order
from ifp.analysis.tables import Column, read_csv
from ifp.analysis.training.plot_gan import is_gan, plot_gan
from ifp.errors import IfpError
from ifp.system.own_files import TrainRun, read_own_json
from ifp.training.records import posterior_column

ADVICE = "run the same `ifp train` command again"
RECORDS: dict[str, Column] = {
    "seed": "whole", "step": "whole", "kl_nats": "number", "kl_nats_*": "number", "posterior_nmi*": "number",
    "bound_nats_*": "number",
}  # fmt: skip
"""The columns of records.csv that are drawn."""


def draw_training(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `ifp_training` from the records of a run's folder; returns the paths written.

    Parameters
    ----------
    order : the factors that come first in the legend. labels : what the figure calls a factor, by its name.
    factors : those that are shown; all if none is named.

    Raises
    ------
    IfpError : no such records, an unknown width, format or factor.
    """
    inches = figure_width(width)
    records, known = training_records(folder)
    check_names([*order, *(labels or {}), *factors], known)
    looks = factor_looks(known)
    factors = in_order(pd.DataFrame({"factor": factors or known}), order)["factor"].tolist()
    with paper_style(), looking(looks):
        height = 0.35 * inches + 1.2
        if is_gan(records):
            figure = new_figure(inches, 1.7 * height if factors else height)
            axes = figure.subplots(2 if factors else 1, squeeze=False)[:, 0]
            plot_gan(records, ax=axes[0])
            if factors:
                plot_training(records, factors, labels=labels, ax=axes[1])
        else:
            figure = new_figure(inches, height)
            plot_training(records, factors, labels=labels, ax=figure.subplots())
    run = read_own_json(folder / "run.json", TrainRun, ADVICE)
    words = caption("ifp_training", of=f"{run['config'].get('objective', 'beta')} on {run['dataset']['name']}")
    return save_figure(figure, (out or folder / "figures") / "ifp_training", records, formats=formats, caption=words)


def training_records(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """The records of a run, and the factors of its data set; raises IfpError where there are none."""
    records = read_csv(folder / "records.csv", ADVICE, RECORDS)
    return records, list(read_own_json(folder / "run.json", TrainRun, ADVICE)["dataset"]["factor_names"])


def plot_training(
    records: pd.DataFrame, factors: Sequence[str], *, labels: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Largest (solid) and second largest (dashed) NMI of each factor over the latents, against the step.

    The NMI is that of latents as sampled (posterior estimator), above the noise floor, so that it never passes what a
    latent's KL allows. Lines are means over seeds; the band of the largest spans the seeds. Without factors, and for
    records of earlier versions, which lack this NMI, the KL of all latents together in nats per image.

    Parameters
    ----------
    records : rows of `TrainResult.records`. factors : the names of the factors; empty for data without factors.
    labels : what the figure calls a factor, by its name.

    Raises
    ------
    IfpError : no network was recorded.
    """
    if records.empty:
        raise IfpError("No network was recorded, so there is nothing to draw; try a smaller learning_rate.")
    ax = axes_or_new(ax, 5.5, 2.6)
    columns = {rank: [posterior_column(rank, factor) for factor in factors] for rank in (1, 2)}
    if not factors or not {*columns[1], *columns[2]} <= {*records.columns}:
        _draw(ax, records, "kl_nats", INK, "-", band=True)
        ax.set_ylabel("KL (nats per image)")
        ax.set_ylim(bottom=0)
    else:
        looks = factor_looks(factors)
        for factor in factors:
            _draw(ax, records, posterior_column(1, factor), looks[factor].color, "-", band=True)
            _draw(ax, records, posterior_column(2, factor), looks[factor].color, (0, (3, 1.5)), band=False)
        called = {factor: (labels or {}).get(factor, factor) for factor in factors}
        handles = [Line2D([], [], color=looks[factor].color, label=plain(name)) for factor, name in called.items()]
        handles += [
            Line2D([], [], color=INK, label="largest over latents"),
            Line2D([], [], color=INK, linestyle=(0, (3, 1.5)), label="second largest"),
        ]
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        ax.set_ylabel("NMI with the factor\n(posterior, above floor)")
        ax.set_ylim(0, 1)
    ax.set_xlabel("step")
    ax.set_xlim(0, records["step"].max())
    return ax


def _draw(
    ax: Axes, records: pd.DataFrame, column: str, color: str, style: str | tuple[int, tuple[float, ...]], *, band: bool
) -> None:
    """The mean over seeds of one column, and the range of the seeds as a band."""
    by_step = records.groupby("step")[column]
    mean, least, most = by_step.mean(), by_step.min(), by_step.max()
    ax.plot(mean.index, mean, color=color, linestyle=style, linewidth=1.2)
    if band and records["seed"].nunique() > 1:
        ax.fill_between(mean.index, least, most, color=color, alpha=0.15, linewidth=0)
