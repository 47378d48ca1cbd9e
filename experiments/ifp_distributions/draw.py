"""The figure of all data sets, from freezing_points.csv: `python experiments/ifp_distributions/draw.py [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from ifp.analysis.figures.plot_legend import add_legend
from ifp.analysis.figures.plot_page import beta_axis, new_figure, paper_style, save_figure
from ifp.analysis.figures.style import factor_looks, figure_width
from ifp.analysis.freezing.by_measure import LOWER_EDGE
from ifp.analysis.freezing.distribution_table import lanes_table, prepare_lanes
from ifp.analysis.freezing.plot_distribution import plot_freezing_points
from ifp.analysis.freezing.plot_run import legend_labels
from ifp.analysis.freezing.summary import summarize

TITLES = {
    "sprites": "sprites",
    "dsprites": "dSprites",
    "sprites-color": "sprites, colour",
    "sprites-scream": "sprites, scream",
    "toys": "toys (for SmallNORB)",
    "smallnorb": "SmallNORB",
}
ORDER = ("posX", "posY", "scale", "shape", "orientation", "category", "elevation", "azimuth", "lighting")
"""One order of the factors in all panels; the looks follow it."""
HEIGHT_IN = 5.0
XLABEL = r"freezing point $\beta$ at 0.1 nat (nats per nat)"


def draw(folder: Path) -> Path:
    """Draw ifp_distributions.pdf and .png with the csv of what they show; the path of the pdf."""
    points = pd.read_csv(folder / "freezing_points.csv")
    names = [name for name in TITLES if name in set(points["dataset"])]
    shown, all_lanes = [], []
    with paper_style():
        figure = new_figure(figure_width("tmlr"), HEIGHT_IN)
        axes = list(figure.subplots(-(-len(names) // 2), 2, squeeze=False).flat)
        for ax in axes[len(names) :]:
            ax.remove()
        axes = axes[: len(names)]
        for number, (name, ax) in enumerate(zip(names, axes, strict=True)):
            own = _of_exact_contexts(points[points["dataset"] == name])
            factors = [factor for factor in ORDER if factor in set(own["factor"])]
            looks = {factor: factor_looks(ORDER[:5])[factor] for factor in factors if factor in ORDER[:5]}
            looks |= {factor: factor_looks(ORDER[5:])[factor] for factor in factors if factor in ORDER[5:]}
            how = {"summary": summarize(own, order=factors), "looks": looks, "order": factors}
            lanes = prepare_lanes(own, **how)
            plot_freezing_points(own, ax=ax, **how)
            onsets = ": onsets, lower edge" if lanes[0].shown == (LOWER_EDGE,) else ""
            ax.set_title(f"{'abcdefgh'[number]}  {TITLES[name]}{onsets}", loc="left")
            ax.set_xlabel(XLABEL if number >= len(names) - 2 else "")
            shown.append(lanes_table(lanes).assign(dataset=name))
            all_lanes += lanes
        ends = [ax.get_xlim() for ax in axes]
        for ax in axes:
            beta_axis(ax, min(low for low, _ in ends), max(high for _, high in ends))
        add_legend(figure, axes, legend_labels(all_lanes, "kde"))
        return save_figure(figure, folder / "ifp_distributions", pd.concat(shown))[0]


def _of_exact_contexts(own: pd.DataFrame) -> pd.DataFrame:
    """The rows of the traversals that have exact points, so that medians of edges beside them are of the same ones."""
    key = ["factor", "context"]
    exact = own.loc[own["method"] == "exact", key].drop_duplicates()
    return own.merge(exact, on=key) if len(exact) else own


if __name__ == "__main__":
    print(draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results"))
