"""The heat map of a diagnosis: how much each latent says about each factor, latents in the order of their KL."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_heatmap import color_bar, draw_heatmap, plan_grid, row_height_in
from ifp.analysis.figures.plot_layout import (
    EDGE_IN,
    LINE_IN,
    STATUSES,
    beside,
    by_kl,
    kl_text,
    mark_statuses,
    new_page,
    panel_name,
    statuses_width_in,
    write_notes,
)
from ifp.analysis.figures.style import INK, NEUTRAL, SMALL_PT

COLUMNS = ("estimator", "latent", "kl_nats", "status", "factor", "nmi", "ceiling_nmi", "above_noise")
LEFT_IN, HEAD_IN, _KL_IN = 0.66, 0.33, 0.045


def nmi_figure(nmi: pd.DataFrame, latents: pd.DataFrame, *, width_in: float) -> tuple[Figure, pd.DataFrame]:
    """A panel per estimator, latents x factors; call within `paper_style`.

    The largest KL is on top, each KL beside its row. Cells that are not above the noise have no colour, those of
    collapsed latents are blank. Weak and collapsed latents are bracketed. At most 64 latents are drawn; the foot of the
    page says how many are not.

    Parameters
    ----------
    nmi : columns estimator, latent, factor, nmi, ceiling_nmi, above_noise; factors in the order of the data set.
    latents : columns latent, kl_nats, status; one row per latent. width_in : of the page.

    Returns
    -------
    The figure, and the cells it shows, in the order in which they stand.
    """
    rows, left_out = by_kl(latents)
    estimators, factors = list(dict.fromkeys(nmi["estimator"])), list(dict.fromkeys(nmi["factor"]))
    shown = rows[["latent", "kl_nats", "status"]].merge(nmi, on="latent")
    shown["above_noise"] = shown["above_noise"].astype(bool)
    # collapsed latents are blank: their means drown in their own noise before they reach the decoder
    muted = not shown.loc[shown["status"] != STATUSES[-1], "above_noise"].all()
    lines = int(muted) + bool(left_out)
    grid = plan_grid(
        factors, len(rows), len(estimators), width_in=width_in, left_in=LEFT_IN, head_in=HEAD_IN,
        right_in=EDGE_IN + statuses_width_in(rows["status"].tolist(), row_height_in(len(rows))),
        notes_in=lines * LINE_IN + (EDGE_IN if lines else 0),
    )  # fmt: skip
    figure = new_page(width_in, grid.height_in)
    panels = grid.add_panels(figure)
    for number, (ax, estimator) in enumerate(zip(panels, estimators, strict=True)):
        cells = shown[shown["estimator"] == estimator]
        value_DF, above_DF = (
            cells.pivot(index="latent", columns="factor", values=name).reindex(index=rows["latent"], columns=factors)
            for name in ("nmi", "above_noise")
        )
        draw_heatmap(ax, value_DF.to_numpy(dtype=float), above_DF.to_numpy(dtype=bool), grid,
                     named=grid.side_by_side or number == len(panels) - 1,
                     blank_R=(rows["status"] == STATUSES[-1]).tolist())  # fmt: skip
        panel_name(ax, f"NMI, {estimator}", estimator, width_in=grid.panel_in[0])
        if number == 0 or not grid.side_by_side:
            label_rows(ax, rows)
        if number == len(panels) - 1 or not grid.side_by_side:
            mark_statuses(ax, rows["status"].tolist(), grid.row_in)
    color_bar(figure, grid)
    write_notes(figure, [grid.noise_note] * muted + [left_out] * bool(left_out))
    data = pd.concat([shown[shown["estimator"] == estimator] for estimator in estimators], ignore_index=True)
    return figure, data[[*COLUMNS]]


def label_rows(ax: Axes, rows: pd.DataFrame) -> None:
    """Number and KL of each latent to the left of its row, collapsed ones in grey."""
    number_at, kl_at = beside(ax, -0.41, x="axes", y="data"), beside(ax, -_KL_IN, x="axes", y="data")
    for place, (_, row) in enumerate(rows.iterrows()):
        color = NEUTRAL if row["status"] == STATUSES[-1] else INK
        for text, at in ((f"{row['latent']}", number_at), (kl_text(row["kl_nats"]), kl_at)):
            ax.text(0, place, text, transform=at, ha="right", va="center_baseline", fontsize=SMALL_PT, color=color)
    for text, x_in in (("latent", -0.36), ("KL\n(nats)", -_KL_IN)):
        ax.text(0, 1, text, transform=beside(ax, x_in, 0.045), ha="right", va="bottom", fontsize=SMALL_PT,
                color=NEUTRAL, linespacing=1.0)  # fmt: skip
