"""The figures of several runs of traversals in one: panels over one axis of beta, curves in a column per run.

A factor has one colour and one place in all panels of all figures of a call.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_layout import label_lines
from ifp.analysis.figures.plot_legend import add_legend
from ifp.analysis.figures.plot_page import beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, NEUTRAL, SMALL_PT, factor_looks, figure_width
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.curve_table import curve_table
from ifp.analysis.freezing.distribution_table import Lane, lanes_table, prepare_lanes
from ifp.analysis.freezing.naming import check_names, factor_order, keep_factors
from ifp.analysis.freezing.plot_distribution import draw_distribution, quantity_of
from ifp.analysis.freezing.plot_kinds import KINDS as HOW
from ifp.analysis.freezing.plot_run import ALL, DEFAULT_KINDS, FILE_OF, KINDS, LANE_IN, labels_of, legend_labels
from ifp.analysis.freezing.plot_run_headings import add_run_heading, common_labels
from ifp.analysis.freezing.plot_trace import make_room, plot_trace, trace_legend
from ifp.analysis.freezing.saved_run import check_table, read_run
from ifp.analysis.freezing.summary import summarize
from ifp.errors import IfpError, IfpWarning, unknown_name

NARROWEST_COLUMN_IN = 1.3
"""A column of curves narrower than this has no room for its axis."""
_BESIDE_NAMES, _BESIDE_COUNTS, _OF_COLUMN = 0.7, 0.85, 0.8
"""Of the width of a page, what is left for a panel beside the names of its factors, or beside an axis of counts; and of
a column of curves beside its numbers."""
_LINE_IN, _HEAD_IN, _TICKS_IN, _PANEL_IN = 0.14, 0.16, 0.22, 0.85


@dataclass(frozen=True, eq=False)
class NamedRun:
    """A run with what figures call it, its freezing points of the factors shown, and their order in all figures."""

    name: str
    run: Annealing
    points: pd.DataFrame
    order: list[str]

    def curves(self, factor: str, method: str | None) -> pd.DataFrame:
        """The curves of a factor, the typical one and some others."""
        return curve_table(self.run.trace, self.run.freezing_points(), factor=factor, method=method)

    def has_curves(self, method: str | None) -> bool:
        """Whether it holds curves of a factor shown, by this method or by any."""
        methods = set(self.points["method"]) - {"closed-form"}
        return bool(methods & {method} if method else methods)

    @property
    def summary(self) -> pd.DataFrame:
        """One row per factor and measure."""
        return summarize(self.points, order=[name for name in self.order if name in set(self.points["factor"])])


def draw_runs(
    folders: Mapping[str, Path],
    *,
    kinds: Sequence[str] | None = None,
    width: str | float = "icml",
    method: str | None = None,
    out: Path,
    formats: Sequence[str] = FORMATS,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw several runs in one figure per kind; returns the paths written, figures and csv.

    Parameters
    ----------
    folders : what `ifp anneal --out` wrote, by what figures call each run. out : where to write.
    kinds, width, method, formats, scale, labels, factors : see `draw_run`.
    order : the factors that come first; the others follow as in the first run that has them, highest freezing point
        first.

    Raises
    ------
    IfpError : see `draw_run`; runs of different thresholds; more runs than columns fit on the page.
    """
    for names, known, what in ((kinds or (), (*KINDS, ALL), "kind"), ([scale], ("log", "linear"), "scale")):
        for name in names:
            if name not in known:
                raise unknown_name(what, name, known)
    inches = figure_width(width)
    runs = _read(folders, order, labels or {}, factors)
    with_curves = [run for run in runs if run.has_curves(method)]
    if kinds is None or ALL in kinds:
        kinds = [kind for kind in (DEFAULT_KINDS if kinds is None else KINDS) if with_curves or kind != "trace"]
        if kinds == list(DEFAULT_KINDS) and inches / len(with_curves) < NARROWEST_COLUMN_IN:
            kinds = [kind for kind in kinds if kind != "trace"]
            _warn(f"{FILE_OF['trace']} is not drawn: {_too_narrow(len(with_curves), inches)}")
    without = [run.name for run in runs if run not in with_curves]
    if "trace" in kinds and with_curves and without:
        several = len(without) > 1
        _warn(
            f"{FILE_OF['trace']} is drawn without {', '.join(without)}, which {'hold' if several else 'holds'} no "
            f"curves{f' of the method {method}' if method else ' (the closed form has none)'}."
        )
    looks = factor_looks(name for run in runs for name in run.run.factor_names)
    with paper_style(), looking(looks):
        drawn = {
            kind: traces_figure(with_curves or runs, width_in=inches, method=method, labels=labels)
            if kind == "trace"
            else distributions_figure(runs, kind=kind, width_in=inches, method=method, scale=scale, labels=labels)
            for kind in kinds
        }
    of = {kind: "; ".join(
        f"{run.name}: {conditions_in_words(run.run.run)}" for run in (with_curves if kind == "trace" else runs)
    ) for kind in drawn}  # fmt: skip
    said = {"trace": "A column for each run, a row for each factor."}
    saved = [
        save_figure(
            figure, out / FILE_OF[kind], data, formats=formats,
            caption=caption(FILE_OF[kind], of=of[kind], threshold_nats=runs[0].run.threshold_nats,
                            says=[said.get(kind, "A panel for each run, over one axis of beta.")]),
        )
        for kind, (figure, data) in drawn.items()
    ]  # fmt: skip
    return [path for paths in saved for path in paths]


def distributions_figure(
    runs: Sequence[NamedRun],
    *,
    kind: str,
    width_in: float,
    method: str | None = None,
    scale: str = "log",
    labels: Mapping[str, str] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """A panel of `draw_distribution` per run over one axis of beta, and the table of what is shown."""
    lanes_R = [_lanes(run, method, labels) for run in runs]
    # densities reach beyond the data, by how much shows when they are drawn: the first drawing tells the ends
    ends = []
    for run, lanes in zip(runs, lanes_R, strict=True):
        ax = new_figure(width_in, 1.0).add_subplot()
        draw_distribution(lanes, run.run.threshold_nats, kind=kind, scale=scale, ax=ax)
        ends.append((ax.get_xlim(), ax.get_ylim()))
    limits = min(low for (low, _), _ in ends), max(high for (_, high), _ in ends)
    heights_in = [LANE_IN[kind] * (top - bottom) for _, (bottom, top) in ends]
    figure = new_figure(width_in, 1.0)
    axes = figure.subplots(len(runs), 1, squeeze=False, height_ratios=heights_in)[:, 0]
    lines: dict[str, None] = {}
    quantities = [quantity_of(lanes, run.run.threshold_nats) for run, lanes in zip(runs, lanes_R, strict=True)]
    mixed, head_lines, names = len(set(quantities)) > 1, 0, [run.name for run in runs]
    room_in = (_BESIDE_COUNTS if HOW[kind].in_rows else _BESIDE_NAMES) * width_in
    for ax, run, lanes, quantity in zip(axes, runs, lanes_R, quantities, strict=True):
        draw_distribution(
            lanes, run.run.threshold_nats, kind=kind, scale=scale, limits=limits,
            beside=[lane for others in lanes_R for lane in others if others is not lanes],
            quantity=r"$\beta$" if mixed else None, ax=ax,
        )  # fmt: skip
        lines |= dict.fromkeys(ax.get_xlabel().splitlines())
        head_lines += add_run_heading(ax, run.name, run.run.conditions(), room_in, quantity if mixed else "", names)
        ax.set_xlabel("")
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel("\n".join(lines), linespacing=1.35)
    figure.align_ylabels(axes)
    marks = common_labels([legend_labels(lanes, kind) for lanes in lanes_R], mixed=mixed)
    rows = add_legend(figure, axes, marks) + len(lines)
    figure.set_size_inches(width_in, sum(heights_in) + _HEAD_IN * head_lines + _TICKS_IN + _LINE_IN * rows)
    data = [lanes_table(lanes).assign(run=run.name) for run, lanes in zip(runs, lanes_R, strict=True)]
    return figure, pd.concat(data, ignore_index=True)


def traces_figure(
    runs: Sequence[NamedRun], *, width_in: float, method: str | None = None, labels: Mapping[str, str] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """KL against beta: a column per run, a row per factor, and the table of what is shown."""
    if width_in / len(runs) < NARROWEST_COLUMN_IN:
        raise IfpError(_too_narrow(len(runs), width_in))
    there = {name for run in runs for name in run.points["factor"]}
    order, labels = [name for name in runs[0].order if name in there], labels or {}
    curves = {
        (run.name, name): run.curves(name, method)
        for run in runs for name in order if name in set(run.points["factor"])
    }  # fmt: skip
    data = pd.concat([table.assign(run=name) for (name, _), table in curves.items()], ignore_index=True)
    if data.empty:
        raise IfpError("The runs hold no curves of this method (the closed form has none); draw another kind.")
    column_in = width_in / len(runs)
    figure = new_figure(width_in, 1.0)
    axes = figure.subplots(len(order), len(runs), sharex=True, sharey=True, squeeze=False)
    looks, head_lines = factor_looks(order), 1
    for (row, column), ax in ((place, axes[place]) for place in _places(axes)):
        run, name = runs[column], order[row]
        if (run.name, name) not in curves:
            ax.text(0.5, 0.5, "no such factor", transform=ax.transAxes, ha="center", color=NEUTRAL, fontsize=SMALL_PT)
        else:
            plot_trace(run.run.trace, run.points, factor=name, label=labels.get(name), look=looks[name],
                       curves=curves[run.name, name], ax=ax)  # fmt: skip
        ax.set_xlabel("\n".join(label_lines(r"$\beta$ (nats per nat)", column_in)) if row == len(order) - 1 else "")
        ax.set_ylabel("" if column else "KL (nats)")
        if row == 0:
            room_in, names = _OF_COLUMN * column_in, [each.name for each in runs]
            head_lines = max(head_lines, add_run_heading(ax, run.name, run.run.conditions(), room_in, among=names))
    beta_axis(axes[0, 0], data["beta"].min(), data["beta"].max(), most_labels=labels_of(column_in))
    axes[0, 0].set_ylim(top=2 * max(float(data["kl_nats"].max()), 2 * runs[0].run.threshold_nats))
    entries = trace_legend(data.drop(columns="run"), threshold_nats=runs[0].run.threshold_nats)
    columns = 2 if width_in < 4.5 else 3
    handles: Any = [*entries.values()]
    figure.legend(handles, [*entries], loc="outside lower center", ncols=columns, handlelength=2.6,
                  handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)})  # fmt: skip
    rows = -(-len(entries) // columns)
    figure.set_size_inches(
        width_in, _PANEL_IN * len(order) + _HEAD_IN * max(head_lines, 2) + 2 * _TICKS_IN + _LINE_IN * rows
    )
    make_room(figure, [axes[place] for place in _places(axes)])
    return figure, data


def _too_narrow(runs: int, width_in: float) -> str:
    """That curves of so many runs do not fit on a page."""
    return (
        f"Curves of {runs} runs need a page of {NARROWEST_COLUMN_IN * runs:.3g} inches, and this one has {width_in:g}; "
        "give a larger width, or fewer runs."
    )


def _warn(text: str) -> None:
    """Of a figure that the command would have drawn, or of a run in it."""
    warnings.warn(text, IfpWarning, stacklevel=4)


def _read(
    folders: Mapping[str, Path], order: Sequence[str], labels: Mapping[str, str], factors: Sequence[str]
) -> list[NamedRun]:
    runs = {name: read_run(folder) for name, folder in folders.items()}
    known = list(dict.fromkeys(factor for run in runs.values() for factor in run.factor_names))
    check_names([*order, *labels, *factors], known)
    points: dict[str, pd.DataFrame] = {}
    for name, run in runs.items():
        check_table(run)
        points[name] = keep_factors(run.freezing_points(), factors)
        if points[name].empty:
            raise IfpError(f"The run {name} has none of the factors {', '.join(factors)}; leave it out.")
    thresholds = {run.threshold_nats for run in runs.values()}
    if len(thresholds) > 1:
        raise IfpError(
            f"The runs have different thresholds ({', '.join(f'{value:g}' for value in sorted(thresholds))} nat), so "
            "that their freezing points do not compare; draw each by itself."
        )
    places = list(
        dict.fromkeys([*order, *(name for table in points.values() for name in factor_order(summarize(table)))])
    )
    places = [name for name in places if any((table["factor"] == name).any() for table in points.values())]
    return [NamedRun(name, run, points[name], places) for name, run in runs.items()]


def _lanes(run: NamedRun, method: str | None, labels: Mapping[str, str] | None) -> list[Lane]:
    there = set(run.points["factor"])
    return prepare_lanes(
        run.points, method=method, summary=run.summary, order=[name for name in run.order if name in there],
        labels={name: label for name, label in (labels or {}).items() if name in there},
    )  # fmt: skip


def _places(axes: object) -> list[tuple[int, int]]:
    """Row and column of every panel."""
    rows, columns = axes.shape  # type: ignore[attr-defined]
    return [(row, column) for row in range(rows) for column in range(columns)]
