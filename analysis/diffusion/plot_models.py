"""Several models in one figure: the NMI of each, latents by factors, a panel per model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_heatmap import NUMBER_IN, draw_heatmap, plan_grid, row_height_in
from ifp.analysis.diffusion.plot_nmi import HEAD_IN, LEFT_IN, label_rows
from ifp.analysis.figures.plot_layout import (
    EDGE_IN,
    LINE_IN,
    STATUSES,
    axes_at,
    by_kl,
    mark_statuses,
    new_page,
    panel_name,
    statuses_width_in,
    write_notes,
)
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.style import MEDIUM_PT, plain

COLUMNS = ("model", "latent", "kl_nats", "status", "factor", "nmi", "ceiling_nmi", "above_noise")
_GAP_IN = 0.1


@dataclass(frozen=True, eq=False)
class ModelPanel:
    """A model's name, its rows of `Results.table("nmi")` and of `Results.table("latents")`, of one estimator."""

    name: str
    nmi: pd.DataFrame
    latents: pd.DataFrame


def models_figure(models: Sequence[ModelPanel], *, estimator: str, width_in: float) -> tuple[Figure, pd.DataFrame]:
    """A panel per model, as many side by side as can hold their numbers, the largest KL on top in each.

    Call within `paper_style`. Cells that are not above the noise have no colour, collapsed latents are blank.

    Returns
    -------
    The figure, and the cells it shows with the models' names.
    """
    rows = [by_kl(model.latents) for model in models]
    factors = list(dict.fromkeys(models[0].nmi["factor"]))
    right_in = EDGE_IN + max(
        statuses_width_in(shown["status"].tolist(), row_height_in(len(shown))) for shown, _ in rows
    )
    across = max(1, min(len(models), int((width_in + 1e-9) / (LEFT_IN + right_in + NUMBER_IN * len(factors)))))
    most = max(len(shown) for shown, _ in rows)
    grid = plan_grid(
        factors, most, 1, width_in=width_in / across, left_in=LEFT_IN, right_in=right_in, head_in=HEAD_IN
    )  # fmt: skip
    down = -(-len(models) // across)
    colours = [] if grid.numbers else [f"NMI ({estimator}), from 0 (pale) to 1 (dark)"]
    numbers = [f"NMI ({estimator}); {grid.noise_note}"] if grid.numbers else [grid.noise_note]
    notes = [*colours, *numbers, *dict.fromkeys(note for _, note in rows if note)]
    panel_in = grid.head_in + grid.panel_in[1] + grid.labels_in
    height_in = down * panel_in + (down - 1) * _GAP_IN + len(notes) * LINE_IN + EDGE_IN
    figure = new_page(width_in, height_in)
    cells = []
    for number, (model, (shown, _)) in enumerate(zip(models, rows, strict=True)):
        left_in = (number % across) * width_in / across + grid.left_in
        top_in = (number // across) * (panel_in + _GAP_IN) + grid.head_in
        ax = axes_at(figure, left_in, top_in, grid.panel_in[0], grid.row_in * len(shown))
        merged = shown[["latent", "kl_nats", "status"]].merge(model.nmi.drop(columns="estimator"), on="latent")
        value_DF, above_DF = (
            merged.pivot(index="latent", columns="factor", values=name).reindex(index=shown["latent"], columns=factors)
            for name in ("nmi", "above_noise")
        )
        draw_heatmap(ax, value_DF.to_numpy(dtype=float), above_DF.to_numpy(dtype=bool), grid,
                     blank_R=(shown["status"] == STATUSES[-1]).tolist())  # fmt: skip
        name = plain(shortened(model.name, grid.panel_in[0] + 0.3, MEDIUM_PT, [each.name for each in models]))
        panel_name(ax, name, name, width_in=grid.panel_in[0])
        label_rows(ax, shown)
        mark_statuses(ax, shown["status"].tolist(), grid.row_in)
        cells.append(merged.assign(model=model.name))
    write_notes(figure, notes)
    return figure, pd.concat(cells, ignore_index=True)[[*COLUMNS]]
