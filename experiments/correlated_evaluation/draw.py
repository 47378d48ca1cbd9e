"""Draws the experiment's figure and its summary from scores.csv.

python experiments/correlated_evaluation/draw.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import factor_looks, figure_width

PANELS = {
    "mig": "MIG",
    "jemmig": "JEMMIG",
    "factor-vae": "FactorVAE score",
    "dci-fast": "DCI disentanglement",
    "infomec": "InfoM",
    "infomec compactness": "InfoC",
    "minimality": "minimality",
    "minimality sufficiency": "sufficiency",
}


def main() -> None:
    """See the module."""
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results")


def draw(folder: Path) -> None:
    """summary.csv, and figures/regimes as pdf, png and csv."""
    scores = pd.read_csv(folder / "scores.csv")
    regimes, models = list(dict.fromkeys(scores["regime"])), list(dict.fromkeys(scores["model"]))
    summary = scores.pivot_table(index=["measure", "model"], columns="regime", values="value", sort=False)[regimes]
    summary.insert(1, "largest fall", summary[regimes[0]] - summary.min(axis=1))
    summary.to_csv(folder / "summary.csv", float_format="%.4f")
    (folder / "figures").mkdir(exist_ok=True)
    width = figure_width("tmlr")
    looks = factor_looks(models)
    with paper_style():
        figure = new_figure(width, 0.62 * width)
        axes = figure.subplots(2, 4, sharex=True)
        for ax, (measure, title) in zip(axes.flat, PANELS.items(), strict=True):
            for model in models:
                rows = scores[(scores["model"] == model) & (scores["measure"] == measure)].set_index("regime")
                look = looks[model]
                ax.plot(
                    range(len(regimes)), rows.loc[regimes, "value"], color=look.color, marker=look.marker,
                    linestyle=look.linestyle, markersize=3, linewidth=0.6, label=model,
                )  # fmt: skip
            ax.set_title(title)
            ax.set_ylim(0, None)
            ax.set_xticks(range(len(regimes)), [str(number) for number in range(len(regimes))])
        key = [f"{number}: {regime}" for number, regime in enumerate(regimes)]
        text = "; ".join(key[:4]) + ";\n" + "; ".join(key[4:])
        figure.supxlabel(text, fontsize="medium")
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
        shown = scores[scores["measure"].isin(PANELS)].copy()
        shown.insert(2, "number", shown["regime"].map(regimes.index))
        save_figure(figure, folder / "figures" / "regimes", shown)


if __name__ == "__main__":
    main()
