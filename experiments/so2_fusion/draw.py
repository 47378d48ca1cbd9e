"""Draws the experiment's figure and its summary from what run.py wrote.

    python experiments/so2_fusion/draw.py [FOLDER]

FOLDER is results/small beside this file where none is named. The figure comes as pdf, png and the csv of what it
shows; summary.csv holds median, least and largest over draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import NEUTRAL, PALE, factor_looks, figure_width
from ifp.analysis.tables import write_csv

OBJECTIVES = {"info": "shared information", "vi": "exp(-VI)", "nmi": "NMI"}
SHOWN = 3
"""Learners, and sizes of fusions, that are drawn in full."""


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results" / "small"
    scores = pd.read_csv(folder / "scores.csv")
    write_csv(summarise(scores), folder / "summary.csv", digits=4)
    with np.load(folder / "spaces.npz") as stored:
        spaces = dict(stored)
    with paper_style():
        save_figure(draw(scores, spaces), folder / "fusion", scores)


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Of each objective and number of learners."""
    measures = ["continuity", "continuity_open", "information_bits", "value", "value_at_3_4", "turns"]
    grouped = scores.groupby(["objective", "learners"], sort=False)[measures]
    parts = {"median": grouped.median(), "least": grouped.min(), "largest": grouped.max()}
    table = pd.concat(parts, axis=1).swaplevel(axis=1)[measures]
    table.columns = [f"{measure}_{part}" for measure, part in table.columns]
    return table.assign(count=grouped.size()).reset_index()


def draw(scores: pd.DataFrame, spaces: dict[str, np.ndarray]) -> Figure:
    """The learners, the continuity over their number, and some of the fused spaces."""
    figure = new_figure(figure_width("tmlr"), 3.6)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    above, below = left.subplots(2, 1, height_ratios=(1, 1.6))
    draw_learners(spaces["learner_mean"][:SHOWN, :, 0], above)
    draw_continuity(scores, below)
    known = sorted(scores.loc[scores["objective"] == "vi", "learners"].unique())
    sizes = [known[at] for at in np.linspace(0, len(known) - 1, SHOWN).round().astype(int)]
    for row, axes in zip(OBJECTIVES, right.subplots(len(OBJECTIVES), SHOWN), strict=True):
        for size, ax in zip(sizes, axes, strict=True):
            draw_space(spaces[f"{row}_{size}_mean"], ax)
            if row == next(iter(OBJECTIVES)):
                ax.set_title(f"{size} learners")
        axes[0].set_ylabel(OBJECTIVES[row])
    return figure


def draw_learners(mean_MN: np.ndarray, ax: Axes) -> None:
    """The latent's mean over the angle of the first learners."""
    angle_N = np.linspace(0, 1, mean_MN.shape[1], endpoint=False)
    for mean_N, look in zip(mean_MN, factor_looks("abcdefgh").values(), strict=False):
        ax.plot(angle_N, mean_N, color=look.color, linestyle=look.linestyle)
    ax.set_xlabel("angle (turns)")
    ax.set_ylabel("latent's mean")
    ax.set_title(f"{len(mean_MN)} of the learners")
    ax.set_xlim(0, 1)


def draw_continuity(scores: pd.DataFrame, ax: Axes) -> None:
    """Every fusion as a point, their medians as a line; single learners at 1."""
    alone = scores.loc[scores["objective"] == "learner", "continuity"]
    ax.plot(np.ones(len(alone)), alone, "_", color=PALE, markersize=8, label="a learner alone")
    for (objective, name), look in zip(OBJECTIVES.items(), factor_looks(OBJECTIVES).values(), strict=True):
        own = scores[scores["objective"] == objective]
        medians = own.groupby("learners")["continuity"].median()
        ax.plot(medians.index, medians, color=look.color, linestyle=look.linestyle)
        ax.plot(own["learners"], own["continuity"], look.marker, color=look.color, markersize=3, label=name)
    ax.axhline(1, color=NEUTRAL, linewidth=0.5)
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = sorted(scores["learners"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.set_xlabel("learners fused")
    ax.set_ylabel("continuity (1 is even)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)


def draw_space(mean_N2: np.ndarray, ax: Axes) -> None:
    """The means in the plane, coloured by angle, joined in its order and closed."""
    closed = np.vstack([mean_N2, mean_N2[:1]])
    ax.plot(closed[:, 0], closed[:, 1], color=PALE, linewidth=0.5)
    ax.scatter(mean_N2[:, 0], mean_N2[:, 1], c=np.arange(len(mean_N2)), cmap="twilight", s=3, linewidths=0, zorder=2)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])


if __name__ == "__main__":
    main()
