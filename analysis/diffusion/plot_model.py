"""The main figure of one diagnosed model and of several, in one pair of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.diffusion.holders import ACTIVE_NATS, COLLAPSED_NATS
from ifp.analysis.diffusion.plot_comparison import MEASURES, plot_differences
from ifp.analysis.diffusion.plot_heatmap import draw_heatmap, plan_grid, row_height_in
from ifp.analysis.diffusion.plot_latents import plot_kl
from ifp.analysis.diffusion.results import Results
from ifp.analysis.figures.plot_layout import STATUSES, by_kl
from ifp.analysis.figures.plot_page import axes_or_new, paper_style
from ifp.analysis.figures.style import factor_looks, figure_width, plain
from ifp.errors import IfpError, unknown_name

if TYPE_CHECKING:
    from ifp.analysis.diffusion.model_comparison import ModelComparison

_ROW_IN, _MARGINS_IN = 0.22, 0.6
"""Height of a factor's row and of everything around the rows, in inches."""


def plot_model(results: Results, *, ax: Axes | None = None, width: str | float = "icml") -> Axes:
    """Heat map of the NMI of each latent and factor by the verdict's estimator; without factors, the KL by latent.

    Latents stand in the order of their KL. Cells that are not above the noise have no colour, those of collapsed
    latents are blank.

    Parameters
    ----------
    results : of one model. ax : where to draw; a new figure if None. width : of a new figure, a venue or inches.
    """
    estimator = results.estimator
    latents, nmi = results.table("latents"), results.table("nmi")
    latents, nmi = (table[table["estimator"].fillna("") == estimator] for table in (latents, nmi))
    rows, _ = by_kl(latents)
    with paper_style():
        ax = axes_or_new(ax, figure_width(width), _MARGINS_IN + row_height_in(len(rows)) * len(rows))
        if nmi.empty:
            return plot_kl(rows, collapsed_nats=COLLAPSED_NATS, active_nats=ACTIVE_NATS, ax=ax)
        return _heat_map(nmi, rows, ax)


_ROWS_OF_A_LONG_LABEL = 8
"""Rows from which the axis is long enough for a label that says their order."""


def _heat_map(nmi: pd.DataFrame, rows: pd.DataFrame, ax: Axes) -> Axes:
    factors = list(dict.fromkeys(nmi["factor"]))
    value_DF, above_DF = (
        nmi.pivot(index="latent", columns="factor", values=name).reindex(index=rows["latent"], columns=factors)
        for name in ("nmi", "above_noise")
    )
    figure = ax.get_figure(root=True)
    assert figure is not None
    width_in = ax.get_window_extent().width / figure.dpi
    grid = plan_grid(factors, len(rows), 1, width_in=width_in, left_in=0, right_in=0, head_in=0)
    collapsed = (rows["status"] == STATUSES[-1]).tolist()
    draw_heatmap(ax, value_DF.to_numpy(dtype=float), above_DF.to_numpy(dtype=bool), grid, blank_R=collapsed)
    ax.set_yticks(range(len(rows)), [f"{latent}" for latent in rows["latent"]])
    # on a short axis the words would be longer than it
    ax.set_ylabel("latent, largest KL first" if len(rows) >= _ROWS_OF_A_LONG_LABEL else "latent")
    ax.set_title(plain(f"NMI, {nmi['estimator'].iloc[0]}"))
    return ax


def plot_models(
    comparison: ModelComparison, *, ax: Axes | None = None, width: str | float = "icml", measure: str = "nmi1"
) -> Axes:
    """How several models differ in what their latents hold of each factor.

    Of two models the difference, second less first, with its interval, hollow where it is within noise; of more the
    NMI above the floor of each model, one mark each.

    Parameters
    ----------
    ax : where to draw; a new figure if None. width : of a new figure, a venue or inches.
    measure : "nmi1", of the best latent, or "nmi2", of the second best.

    Raises
    ------
    IfpError : an unknown measure, or models without factors.
    """
    column = f"excess_{measure}"
    if column not in MEASURES:
        raise unknown_name("measure", measure, ["nmi1", "nmi2"])
    if not all(model.diagnosis.information for model in comparison.models):
        raise IfpError("These models were measured without factors, so there is no NMI to draw; use table().")
    factors = list(comparison.models[0].diagnosis.factor_names)
    with paper_style():
        ax = axes_or_new(ax, figure_width(width), _MARGINS_IN + _ROW_IN * len(factors))
        if comparison.comparison is not None:
            table = comparison.table()
            plot_differences(table[table["measure"] == column], factors=factors, looks=factor_looks(factors), ax=ax)
            a, b = (plain(model.name) for model in comparison.models)
            ax.set_xlabel(f"{MEASURES[column]} above the floor: {b} less {a}")
        else:
            _marks(comparison, column, factors, ax)
            ax.set_xlabel(f"{MEASURES[column]} above the floor")
        ax.set_yticks(range(len(factors)), [plain(factor) for factor in factors])
        ax.set_ylim(len(factors) - 0.5, -0.5)
    return ax


def _marks(comparison: ModelComparison, column: str, factors: list[str], ax: Axes) -> None:
    """One mark per model and factor, models side by side within the factor's row."""
    offsets = np.linspace(-0.25, 0.25, len(comparison.models))
    colors: Any = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.85, len(comparison.models)))
    for model, offset, color in zip(comparison.models, offsets, colors, strict=True):
        rows = model.diagnosis.factor_rows().set_index("factor").loc[factors]
        ax.plot(rows[column], np.arange(len(factors)) + offset, "o", color=color, markersize=3, label=plain(model.name))
    ax.legend()
