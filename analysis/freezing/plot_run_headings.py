"""What stands above a run's panel among several, and one legend for the panels of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes

from ifp.analysis.figures.plot_layout import formula_width_in
from ifp.analysis.figures.plot_legend import ABRUPT, MEDIAN, MEDIAN_ALONE, POINT
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.style import SMALL_PT, plain

NARROW_IN = 2.0
"""In less room than this a heading has a line for each of its parts."""


def common_labels(labels_R: Sequence[Mapping[str, str]], *, mixed: bool) -> dict[str, str]:
    """What the marks of all panels mean; of onsets beside freezing points what holds for both."""
    marks: dict[str, str] = {}
    for labels in labels_R:
        marks = {**labels, **marks}
    if mixed:
        marks |= {POINT: "one context", ABRUPT: "one context, first-order (of onsets: likely)",
                  MEDIAN: "median, 95 % interval", MEDIAN_ALONE: "median; too few for an interval"}  # fmt: skip
    return marks


def add_run_heading(
    ax: Axes, run_name: str, conditions: str, room_in: float, quantity: str = "", among: Iterable[str] = ()
) -> int:
    """The run's name and conditions above its panel, and what its betas are; how many lines that takes.

    On one line where they fit, else on two, or on three above a column; what is still too long is shortened, the name
    so that it differs from those `among` which it stands.
    """
    dataset, shape, likelihood = conditions.rsplit(", ", 2)
    column = room_in < NARROW_IN
    after = f", {shape}" if column else f", {shape}, {likelihood}"
    left_in = room_in - formula_width_in(after)
    if formula_width_in(dataset) > left_in:
        dataset = plain(shortened(dataset.replace(r"$\_$", "_").replace(r"\$", "$"), left_in))
    below = [f"{dataset}{after}", *([likelihood] if column else [])]
    one = f"{plain(run_name)}: {', '.join([dataset, shape, likelihood])}"
    lines = [one] if formula_width_in(one) <= room_in else [plain(shortened(run_name, room_in, among=among)), *below]
    lines += [quantity] if quantity else []
    ax.set_title("\n".join(lines), loc="left", fontsize=SMALL_PT, pad=3, linespacing=1.1)
    return len(lines)
