"""The figure of a sweep: what every code holds against the pressure, as it falls and as it rises again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.plot_names import shortened
from ifp.analysis.figures.plot_page import axes_or_new, beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, INK, NEUTRAL, PALE, SMALL_PT, figure_width, plain
from ifp.analysis.gan_freezing.points import RECORDS
from ifp.analysis.tables import read_csv
from ifp.system.own_files import SweepAbout, read_own_json

_BACK = (0, (3, 1.5))
_LOWEST = -0.3
"""A Q that is sure and wrong has a bound far below 0; the axis ends here."""


def draw_sweep(
    folder: Path, *, width: str | float = "icml", formats: Sequence[str] = FORMATS, out: Path | None = None
) -> list[Path]:
    """Draw `ifp_gan_freezing` from the files of a sweep; returns the paths written.

    Raises
    ------
    IfpError : no such files, an unknown width or format.
    """
    inches = figure_width(width)
    advice = "give the folder of a sweep of GANs"
    records = read_csv(folder / "records.csv", advice, RECORDS)
    about = read_own_json(folder / "gan_sweep.json", SweepAbout, advice)
    with paper_style():
        figure = new_figure(inches, 0.55 * inches + 0.5)
        plot_sweep(records, about, ax=figure.subplots())
    words = caption(
        "ifp_gan_freezing", of=f"{about.get('objective', 'GANs')} on {about.get('dataset', 'images')}",
        threshold_nats=about["threshold_nats"],
    )  # fmt: skip
    return save_figure(
        figure, (out or folder / "figures") / "ifp_gan_freezing", records, formats=formats, caption=words
    )


def draw_sweeps(
    folders: Mapping[str, Path], *, out: Path, width: str | float = "icml", formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Draw `ifp_gan_freezing` of several sweeps, a panel each over the same axes; returns the paths written.

    Parameters
    ----------
    folders : of the sweeps, by what the figure calls them. out : where to write.

    Raises
    ------
    IfpError : see `draw_sweep`.
    """
    inches = figure_width(width)
    advice = "give the folder of a sweep of GANs"
    records = {name: read_csv(folder / "records.csv", advice, RECORDS) for name, folder in folders.items()}
    abouts = {name: read_own_json(folder / "gan_sweep.json", SweepAbout, advice) for name, folder in folders.items()}
    with paper_style():
        figure = new_figure(inches, (0.4 * inches + 0.4) * len(folders) + 0.3)
        axes = figure.subplots(len(folders), 1, sharey=True, squeeze=False)[:, 0]
        for ax, name in zip(axes, folders, strict=True):
            plot_sweep(records[name], abouts[name], ax=ax)
            ax.set_title(plain(shortened(name, 0.7 * inches, among=folders)), loc="left", fontsize=SMALL_PT, pad=3)
            if ax is not axes[-1]:
                ax.set_xlabel("")
        both = next(
            (ax for ax, about in zip(axes, abouts.values(), strict=True) if about["direction"] == "both"), axes[0]
        )
        for ax in axes:
            beta_axis(ax, min(about["pressure"][0] for about in abouts.values()),
                      max(about["pressure"][1] for about in abouts.values()))  # fmt: skip
            if ax is not both:
                ax.get_legend().remove()
    data = pd.concat([table.assign(run=name) for name, table in records.items()], ignore_index=True)
    threshold = {about["threshold_nats"] for about in abouts.values()}
    words = caption(
        "ifp_gan_freezing", of=", ".join(folders), says=["A panel for each run."],
        threshold_nats=threshold.pop() if len(threshold) == 1 else None,
    )  # fmt: skip
    return save_figure(figure, out / "ifp_gan_freezing", data, formats=formats, caption=words)


def plot_sweep(records: pd.DataFrame, about: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Information bound of each code and seed against 1 / weight of information: solid down, dashed up again.

    Parameters
    ----------
    records : rows of records.csv. about : of the sweep: pressure, threshold_nats, hold_steps.
    """
    ax = axes_or_new(ax, 5.5, 3.0)
    moving = records[records["step"] >= about["hold_steps"]]
    for _, of_seed in moving.groupby("seed"):
        turn = int(of_seed["pressure"].to_numpy().argmin())
        for column in (name for name in records.columns if name.startswith("bound_nats_")):
            down, back = of_seed.iloc[: turn + 1], of_seed.iloc[turn:]
            ax.plot(down["pressure"], down[column], color=INK, linewidth=0.9)
            ax.plot(back["pressure"], back[column], color=NEUTRAL, linewidth=0.9, linestyle=_BACK)
    ax.axhline(0, color=PALE, linewidth=0.5)
    ax.axhline(about["threshold_nats"], color=INK, linewidth=0.5, linestyle=(0, (1, 1.5)))
    low, high = about["pressure"]
    beta_axis(ax, low, high)
    ax.set_ylim(bottom=_LOWEST)
    ax.set_xlabel("pressure, 1 / weight of information\n(adversarial training, no equilibrium)")
    ax.set_ylabel("information bound (nats)")
    handles = [
        Line2D([], [], color=INK, linewidth=0.9, label="pressure falls"),
        Line2D([], [], color=NEUTRAL, linewidth=0.9, linestyle=_BACK, label="pressure rises"),
    ]
    ax.legend(handles=handles[: 1 + (about["direction"] == "both")], loc="upper right", frameon=False)
    return ax
