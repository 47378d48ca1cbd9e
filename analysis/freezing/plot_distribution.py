"""The distribution figure: at which betas does each factor freeze, over contexts?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.figures.plot_layout import CONDITIONS_SHARE, label_lines
from ifp.analysis.figures.plot_page import axes_or_new, beta_axis
from ifp.analysis.figures.style import FactorLook
from ifp.analysis.freezing.by_measure import EXACT, LOWER_EDGE, MEASURES
from ifp.analysis.freezing.distribution_table import (
    FEWEST_FOR_DENSITY,
    Lane,
    beta_range,
    has_density,
    prepare_lanes,
)
from ifp.analysis.freezing.plot_kinds import KINDS
from ifp.analysis.freezing.plot_lanes import fewer_in_bracket
from ifp.errors import unknown_name


def plot_freezing_points(
    points: pd.DataFrame,
    *,
    kind: str = "kde",
    method: str | None = None,
    summary: pd.DataFrame | None = None,
    looks: Mapping[str, FactorLook] | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    scale: str = "log",
    conditions: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of freezing points per factor; returns the Axes, shows and saves nothing.

    - "kde": a density per factor, and below it a lane per factor with every member as a point (hollow: a first-order
      transition), their median with its 95 % interval, the trained bracket (cooling and heating medians; networks as
      small arrows), the edges as a grey band, and censored members as open arrows at their bound.
    - "strip": the lanes alone.
    - "ridge": a row per factor, its density cut at the data's own range, every member below it.
    - "hist": a row per factor, its histogram in bins common to all with an axis of counts, every member below it.

    A density is drawn of at least 10 values; with fewer a note says so. Fonts and sizes are those of the style that is
    active; `paper_style()` gives ours.

    Parameters
    ----------
    points : what `freezing_points` returned. kind : see above.
    method : whose members: "exact", "train" or "closed-form"; None for the first of these that is there.
    summary : what `summarize` returned; computed if None. looks : appearance per factor.
    order : the factors that come first; the others follow, highest freezing point first. labels : what the figure calls
        a factor, by its name.
    scale : "log" or "linear" in beta; densities are per decade of beta or per unit of it accordingly.
    conditions : data set, image shape and likelihood, for the axis label. ax : where to draw; a new figure if None.

    Raises
    ------
    IfpError : an unknown kind or factor, or a method without any member.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): the figure of densities of freezing points per factor.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    lanes = prepare_lanes(points, method=method, summary=summary, looks=looks, order=order, labels=labels)
    threshold_nats = float(points["threshold_nats"].iloc[0])
    return draw_distribution(lanes, threshold_nats, kind=kind, scale=scale, conditions=conditions, ax=ax)


def of_onsets(lanes: Sequence[Lane]) -> bool:
    """Whether the closed form alone is shown, whose betas are onsets and no freezing points."""
    return lanes[0].shown == (LOWER_EDGE,)


def quantity_of(lanes: Sequence[Lane], threshold_nats: float) -> str:
    """What the betas of these lanes are."""
    return r"onset $\beta$, lower edge" if of_onsets(lanes) else rf"freezing point $\beta$ at {threshold_nats:g} nat"


def draw_distribution(
    lanes: list[Lane],
    threshold_nats: float,
    *,
    kind: str = "kde",
    scale: str = "log",
    conditions: str = "",
    limits: tuple[float, float] | None = None,
    beside: Sequence[Lane] = (),
    quantity: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what `prepare_lanes` returned, as `plot_freezing_points` says.

    `limits` are the least ends of the axis. `beside` : the lanes of other panels, with which bins are common.
    `quantity` : what the label of the axis says of beta; that of these lanes if None.
    """
    how = KINDS[kind]
    ax = axes_or_new(ax, 5.5, 1.0 + (0.4 + 0.25 * how.in_rows) * len(lanes) + how.extra_in)
    onsets = of_onsets(lanes)
    shown = MEASURES if how.with_bracket and not onsets else lanes[0].shown
    beta_axis(ax, *(limits or beta_range(lanes, shown, scale=scale)), scale=scale)
    how.draw(ax, lanes, scale, beside)
    page_in = ax.figure.bbox.width / ax.figure.dpi
    what = quantity or quantity_of(lanes, threshold_nats)
    lines = [*label_lines(f"{what} (nats per nat)", page_in), *([conditions] if conditions else [])]
    if any(lane.flat_contexts and not lane.flat for lane in lanes):
        lines += label_lines("flat: all images equal (which never freezes)", page_in)
    with_bracket = not onsets and (how.with_bracket or lanes[0].shown != (EXACT,))
    fewer = fewer_in_bracket(lanes, 0.9 * CONDITIONS_SHARE * page_in) if with_bracket else ""
    lines += [fewer] if fewer else []
    without = [
        lane
        for lane in lanes
        if not lane.flat
        for measure in lane.shown
        if not has_density(lane.values(measure), scale=scale)
    ]
    if without and kind in ("kde", "ridge"):
        lines += label_lines(f"no density of fewer than {FEWEST_FOR_DENSITY} values (or of equal ones)", page_in)
    ax.set_xlabel("\n".join(lines), linespacing=1.35)
    return ax
