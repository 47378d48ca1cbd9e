"""The heat maps of a series: NMI1 and NMI2 of each factor, time from top to bottom, as in the paper.

NMI1 falling from its highest value is leakage, NMI2 rising is diffusion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_heatmap import color_bar, draw_heatmap, plan_grid
from ifp.analysis.figures.plot_layout import EDGE_IN, LINE_IN, beside, new_page, panel_name, write_notes
from ifp.analysis.figures.plot_names import text_width_in
from ifp.analysis.figures.style import NEUTRAL, SMALL_PT

MEASURES = {"nmi1": r"NMI$_1$", "nmi2": r"NMI$_2$"}
COLUMNS = ("step", "label", "estimator", "factor", "nmi1", "nmi1_above_noise", "nmi2", "nmi2_above_noise")
MOST_RECORDS = 60
"""Heat maps have at most this many rows; of more records every second, third, ... is drawn, from the last one back."""
_HEAD_IN = 0.33


def nmi_series_figure(series: pd.DataFrame, *, width_in: float) -> tuple[Figure, pd.DataFrame]:
    """A panel of NMI1 and one of NMI2, steps x factors; call within `paper_style`.

    A cell within the noise has no colour: that much is counted where there is no information.

    Parameters
    ----------
    series : one estimator's rows with the columns of `COLUMNS`; factors in the order of the data set.
    width_in : of the page.

    Returns
    -------
    The figure, and the rows of `series` that it shows.
    """
    steps, factors = np.unique(series["step"]), list(dict.fromkeys(series["factor"]))
    every = -(-len(steps) // MOST_RECORDS)
    drawn = steps[::-1][::every][::-1]
    shown = series[series["step"].isin(drawn)].sort_values("step", kind="stable")
    values = {
        name: shown.pivot(index="step", columns="factor", values=name)[factors].to_numpy(float) for name in COLUMNS[4:]
    }
    unit, unit_name = step_unit(drawn)
    labels = short_numbers(drawn / unit)
    estimator = shown["estimator"].iloc[0]
    above = {name: values[f"{name}_above_noise"].astype(bool) for name in MEASURES}
    muted = not all(cells.all() for cells in above.values())
    every_note = f"every {ordinal(every)} record of {len(steps)}" if every > 1 else ""
    lines = int(muted) + bool(every_note)
    left_in = EDGE_IN + 0.05 + max(map(text_width_in, [*labels, *unit_name.split()]))
    grid = plan_grid(
        factors, len(drawn), len(MEASURES), width_in=width_in, left_in=left_in, right_in=EDGE_IN, head_in=_HEAD_IN,
        notes_in=lines * LINE_IN + (EDGE_IN if lines else 0),
    )  # fmt: skip
    figure = new_page(width_in, grid.height_in)
    panels = grid.add_panels(figure)
    for number, (ax, name) in enumerate(zip(panels, MEASURES, strict=True)):
        draw_heatmap(ax, values[name], above[name], grid, named=grid.side_by_side or number == len(panels) - 1)
        panel_name(ax, f"{MEASURES[name]}, {estimator}", MEASURES[name], width_in=grid.panel_in[0])
        if number == 0 or not grid.side_by_side:
            _label_steps(ax, labels, unit_name)
    color_bar(figure, grid)
    write_notes(figure, [grid.noise_note] * muted + [every_note] * bool(every_note))
    return figure, shown[[*COLUMNS]].reset_index(drop=True)


def step_unit(steps: Sequence[float] | np.ndarray) -> tuple[float, str]:
    """What to count steps in, and how an axis calls it: thousands or millions where all are whole ones of it.

    >>> step_unit([0, 60000, 480000]), step_unit([5, 17])
    ((1000.0, 'step (thousands)'), (1.0, 'step'))
    """
    array = np.asarray(steps, dtype=np.float64)
    for unit, name in ((1e6, "step (millions)"), (1e3, "step (thousands)")):
        if array.max() >= unit and (array % unit == 0).all():
            return unit, name
    return (1e3, "step (thousands)") if array.max() >= 1e5 else (1.0, "step")


def ordinal(number: int) -> str:
    """2 as "2nd".

    >>> ordinal(2), ordinal(3), ordinal(11), ordinal(21)
    ('2nd', '3rd', '11th', '21st')
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def short_numbers(values: Sequence[float] | np.ndarray) -> list[str]:
    """The numbers with as few decimals as tell them apart.

    >>> short_numbers([60, 120]), short_numbers([1.51, 2.24, 2.49])
    (['60', '120'], ['1.5', '2.2', '2.5'])
    """
    for decimals in range(6):
        texts = [f"{value:.{decimals}f}" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _label_steps(ax: Axes, labels: Sequence[str], unit_name: str) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", length=0, pad=2.5)
    ax.text(0, 1, unit_name.replace(" ", "\n"), transform=beside(ax, -0.045, 0.045), ha="right", va="bottom",
            fontsize=SMALL_PT, color=NEUTRAL, linespacing=1.0)  # fmt: skip
