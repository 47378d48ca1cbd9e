"""Several annealings of whole data sets in one figure: a column per run, factors in one order and the same colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_legend import add_legend
from ifp.analysis.figures.plot_names import shortened, text_width_in
from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, MEDIUM_PT, SMALL_PT, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, joint_order, tables_of
from ifp.analysis.joint.plot_joint import PANELS, beta_range, draw_panel, shown_rows
from ifp.analysis.joint.plot_marks import joint_entry, joint_labels
from ifp.analysis.joint.results import WholeAnnealing, read_annealing
from ifp.errors import IfpError

NARROWEST_COLUMN_IN = 1.5
"""Least width of a run's column, in inches: in a narrower one marks and numbers run into each other."""
_PANEL_IN, _LANE_IN, _LINE_IN, _TICKS_IN, _HEAD_IN = 0.88, 0.19, 0.13, 0.26, 0.16


def draw_wholes(
    folders: Mapping[str, Path],
    *,
    out: Path,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `joint_annealing` of several `ifp anneal --whole` runs; returns the paths written.

    Parameters
    ----------
    folders : of the runs, by what the figure calls them. out : where to write.
    width, formats, order, labels, factors : see `ifp.analysis.joint.plot_joint.draw_joint`.

    Raises
    ------
    IfpError : other thresholds; runs with factors beside runs without, or without those that are asked for; too narrow
        a page; see `draw_joint`.
    """
    inches = figure_width(width)
    results = {name: read_annealing(folder) for name, folder in folders.items()}
    known = list(dict.fromkeys(name for result in results.values() for name in result.factor_names))
    check_names([*order, *(labels or {}), *factors], known)
    tables = {name: tables_of(result.tables, factors) for name, result in results.items()}
    check_together(results, tables, inches)
    with paper_style(), looking(factor_looks(known)):
        figure, shown = wholes_figure(results, tables, width_in=inches, order=order, labels=labels)
    threshold = float(next(iter(results.values())).about["threshold_nats"])
    words = caption(
        "joint_annealing",
        of=", ".join(folders),
        threshold_nats=threshold,
        says=["A column for each run, with its data set and its likelihood below."],
    )
    return save_figure(figure, out / "joint_annealing", shown, formats=formats, caption=words)


def check_together(
    results: Mapping[str, WholeAnnealing], tables: Mapping[str, Mapping[str, pd.DataFrame]], width_in: float
) -> None:
    """Raise IfpError where these runs have no place in one figure."""
    thresholds = {float(result.about["threshold_nats"]) for result in results.values()}
    if len(thresholds) > 1:
        raise IfpError(
            f"These runs have the thresholds {', '.join(f'{value:g}' for value in sorted(thresholds))} nat, at which "
            "freezing points do not compare; run `ifp anneal --whole` again with one `threshold`."
        )
    without = [name for name, of in tables.items() if not len(of["joint_summary"])]
    if without and len(without) < len(tables):
        raise IfpError(f"{without[0]} shows no factors and others do; draw runs with the same factors in one figure.")
    if width_in / len(results) < NARROWEST_COLUMN_IN:
        raise IfpError(
            f"{len(results)} runs beside each other need a page of {NARROWEST_COLUMN_IN * len(results):.3g} inches, "
            f"and this one has {width_in:g}; give a larger `width`, such as neurips, or fewer runs."
        )


def wholes_figure(
    results: Mapping[str, WholeAnnealing],
    tables: Mapping[str, Mapping[str, pd.DataFrame]],
    *,
    width_in: float,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """A column of the panels of `joint_figure` for each run over the same axes, and the rows it shows.

    Call within `paper_style`.
    """
    threshold = float(next(iter(results.values())).about["threshold_nats"])
    ordered = _common_order(tables, order)
    lanes = max(len(of["joint_summary"]) for of in tables.values())
    panels = PANELS if lanes else PANELS[:4]
    heights = [_PANEL_IN] * min(len(panels), 5) + ([_LANE_IN * lanes + 0.2] if lanes else [])
    figure = new_figure(width_in, sum(heights))
    axes = figure.subplots(len(panels), len(results), height_ratios=heights, squeeze=False)
    column_in = width_in / len(results)
    ranges = [beta_range(of) for of in tables.values()]
    shown_beta = min(low for low, _ in ranges), max(high for _, high in ranges)
    for column, (name, result) in enumerate(results.items()):
        for row, panel in enumerate(panels):
            ax = axes[row, column]
            draw_panel(
                ax, panel, tables[name], threshold_nats=threshold, width_in=column_in, order=ordered, labels=labels,
                factor_names=result.factor_names, shown_beta=shown_beta,
            )  # fmt: skip
            if row < len(panels) - 1:
                ax.tick_params(labelbottom=False)
            if column:
                ax.set_ylabel("")
        axes[0, column].set_title(
            plain(shortened(name, 0.8 * column_in, among=results)), loc="left", fontsize=SMALL_PT, pad=3
        )
        under = [r"$\beta$ (nats per nat)", *_conditions(result, column_in)]
        axes[-1, column].set_xlabel("\n".join(under), linespacing=1.35)
    _share_heights(axes[: 5 if lanes else 4].tolist())
    if lanes and len({tuple(of["joint_summary"]["factor"]) for of in tables.values()}) == 1:
        for ax in axes[-1, 1:]:
            ax.tick_params(labelleft=False)
    figure.align_ylabels(axes[:, 0])
    rows = add_legend(figure, axes.ravel(), joint_labels(threshold), joint_entry)
    rows += max(len(ax.get_xlabel().splitlines()) for ax in axes[-1])
    figure.set_size_inches(width_in, sum(heights) + _HEAD_IN + _TICKS_IN + _LINE_IN * rows)
    return figure, pd.concat([shown_rows(of).assign(run=name) for name, of in tables.items()], ignore_index=True)


def _conditions(result: WholeAnnealing, column_in: float) -> list[str]:
    """Data set and image shape, and the likelihood, on lines that fit a column."""
    data, _, likelihood = result.conditions().rpartition(", ")
    fits = text_width_in(data, MEDIUM_PT) <= 0.8 * column_in
    return [*([data] if fits else data.rsplit(", ", 1)), likelihood.removesuffix(" likelihood")]


def _common_order(tables: Mapping[str, Mapping[str, pd.DataFrame]], order: Sequence[str]) -> list[str]:
    """The factors of all runs: as the first run that has them orders them."""
    names = dict.fromkeys(order)
    for of in tables.values():
        names |= dict.fromkeys(joint_order(of["joint_summary"], [*names]) if len(of["joint_summary"]) else [])
    return list(names)


def _share_heights(axes: Sequence[Sequence[Axes]]) -> None:
    """The panels of a row have one axis, whose numbers stand at the left alone."""
    for of_row in axes:
        limits = [ax.get_ylim() for ax in of_row]
        low, high = min(low for low, _ in limits), max(high for _, high in limits)
        if not math.isfinite(low + high):
            continue
        for number, ax in enumerate(of_row):
            ax.set_ylim(low, high)
            ax.tick_params(axis="y", which="both", labelleft=number == 0)
