"""The figure of a training of GANs: what Q recovers of each code, step by step."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib.axes import Axes

from ifp.analysis.figures.plot_page import axes_or_new
from ifp.analysis.figures.style import INK, PALE, factor_looks, plain
from ifp.codes import ACTIVE_NATS
from ifp.errors import IfpError

BOUND = "bound_nats_"
"""How the columns of the information bounds begin."""
_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""Lines that differ in grey too."""
_LOWEST = -0.5
"""A code of which Q is sure and wrong has a bound far below 0; the axis ends here."""


def is_gan(records: pd.DataFrame) -> bool:
    """Whether the records are of GANs."""
    return f"{BOUND}0" in records.columns


def plot_gan(records: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The information bound H - NLL of each code against the step: the mean over seeds, and their range as a band.

    Parameters
    ----------
    records : rows of `GanResult.records`.

    Raises
    ------
    IfpError : no GAN was recorded.
    """
    if records.empty:
        raise IfpError("No GAN was recorded, so there is nothing to draw; try a smaller learning_rate.")
    ax = axes_or_new(ax, 5.5, 2.6)
    codes = [name.removeprefix(BOUND) for name in records.columns if name.startswith(BOUND)]
    looks = factor_looks([f"code {code}" for code in codes])
    for code, style in zip(codes, itertools.cycle(_STYLES), strict=False):
        by_step = records.groupby("step")[BOUND + code]
        mean, color = by_step.mean(), looks[f"code {code}"].color
        ax.plot(mean.index, mean, color=color, linestyle=style, linewidth=1.2, label=plain(f"code {code}"))
        if records["seed"].nunique() > 1:
            ax.fill_between(mean.index, by_step.min(), by_step.max(), color=color, alpha=0.15, linewidth=0)
    ax.axhline(0, color=PALE, linewidth=0.5)
    ax.axhline(ACTIVE_NATS, color=INK, linewidth=0.5, linestyle=(0, (2, 2)))
    ax.set_ylim(bottom=max(_LOWEST, ax.get_ylim()[0]))
    ax.set_ylabel("information bound\n$H -$ NLL (nats)")
    ax.set_xlabel("step")
    ax.set_xlim(0, records["step"].max())
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return ax
