"""Several shifts in one figure: a panel per run over one axis of beta, factors in one order and in the same colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import looking
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, SMALL_PT, factor_looks, figure_width, plain
from ifp.analysis.freezing.naming import check_names, in_order, keep_factors
from ifp.analysis.shift.plot_shift import draw_factors, melting_of, shift_key
from ifp.errors import IfpError


def draw_shifts(
    folders: Mapping[str, Path],
    *,
    out: Path,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw `ifp_shift` of several `ifp shift` runs; returns the paths written.

    Parameters
    ----------
    folders : of the runs, by what the figure calls them. out : where to write.
    width, formats, order, labels, factors : see `draw_shift`.

    Raises
    ------
    IfpError : a run with none of the factors that are asked for; see `draw_shift`.
    """
    inches = figure_width(width)
    read = {name: melting_of(folder) for name, folder in folders.items()}
    known = list(dict.fromkeys(factor for table in read.values() for factor in table["name"]))
    check_names([*order, *(labels or {}), *factors], known)
    read = {
        name: in_order(keep_factors(table, factors, "name"), [*order, *known], "name") for name, table in read.items()
    }
    empty = next((name for name, table in read.items() if table.empty), None)
    if empty is not None:
        raise IfpError(f"The shift {empty} has none of the factors {', '.join(factors)}; leave it out.")
    rows = [table["name"].nunique() for table in read.values()]
    with paper_style(), looking(factor_looks(known)):
        figure = new_figure(inches, 0.62 + 0.34 * sum(rows) + 0.2 * len(rows))
        axes = figure.subplots(len(read), 1, squeeze=False, height_ratios=rows)[:, 0]
        for ax, (name, table) in zip(axes, read.items(), strict=True):
            draw_factors(ax, table, labels)
            ax.set_title(plain(shortened(name, 0.7 * inches, among=read)), loc="left", fontsize=SMALL_PT, pad=3)
        limits = min(ax.get_xlim()[0] for ax in axes), max(ax.get_xlim()[1] for ax in axes)
        for ax in axes:
            beta_axis(ax, *limits)
            if ax is not axes[-1]:
                ax.set_xlabel("")
        figure.legend(handles=shift_key(), loc="outside lower center", ncols=3)
    data = pd.concat([table.assign(run=name) for name, table in read.items()], ignore_index=True)
    words = caption("ifp_shift", of=", ".join(read), says=["A panel for each run."])
    return save_figure(figure, out / "ifp_shift", data, formats=formats, caption=words)
