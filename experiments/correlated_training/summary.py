"""The table and the figure: `python experiments/correlated_training/summary.py [FOLDER]`, from measures.csv."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deft_vs_baselines"))

import numpy as np
import pandas as pd
from paired import paired_difference

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import figure_width

ALIKE = "independent"
BASELINE = "beta"
MEASURES = ("nmi1_histogram", "nmi2_histogram", "mig", "dci-fast", "recon_nats", "kl_nats", "active")
SHOWN = {"mig": "MIG", "dci-fast": "DCI disentanglement", "nmi1_histogram_scale": "NMI1 of scale"}
LOOKS = {ALIKE: ("#0072B2", "o"), "correlated": ("#D55E00", "^")}


def draw(folder: Path) -> None:
    """Write summary.csv, changes.csv and the figure of a folder."""
    measures = pd.read_csv(folder / "measures.csv")
    summarise(measures).to_csv(folder / "summary.csv", index=False, float_format="%.4g")
    changes(measures).to_csv(folder / "changes.csv", index=False, float_format="%.4g")
    regimes = [regime for regime in measures["trained"].unique() if regime != ALIKE]
    if not regimes:
        return
    shown = measures[measures["measured"] == ALIKE]
    methods = list(measures["method"].unique())
    with paper_style():
        figure = new_figure(figure_width("tmlr"), 1.7 * len(regimes) + 0.4)
        axes = figure.subplots(len(regimes), len(SHOWN), squeeze=False, sharex=True, sharey="col")
        for row, regime in enumerate(regimes):
            for ax, (measure, label) in zip(axes[row], SHOWN.items(), strict=True):
                for side, trained in enumerate((ALIKE, regime)):
                    color, marker = LOOKS[ALIKE if trained == ALIKE else "correlated"]
                    for place, method in enumerate(methods):
                        own = shown[(shown["method"] == method) & (shown["trained"] == trained)][measure]
                        x = place + 0.3 * (side - 0.5)
                        ax.plot(np.full(len(own), x), own, marker, color=color, markersize=2.8, mfc="none", mew=0.7)
                        if len(own):
                            ax.plot([x - 0.13, x + 0.13], [own.mean()] * 2, "-", color=color, linewidth=1.4)
                ax.set_title(f"{label}; {regime}")
                ax.set_xticks(range(len(methods)), methods)
        for ax in axes[0]:
            ax.set_ylim(bottom=0)  # of its column, when all rows are drawn
        for trained, (color, marker) in LOOKS.items():
            axes[0, 0].plot([], [], marker + "-", color=color, markersize=2.8, mfc="none", label=f"trained {trained}")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
        columns = ["method", "trained", "seed", *dict.fromkeys((*MEASURES, *SHOWN))]
        save_figure(figure, folder / "trained", shown[columns])


def summarise(measures: pd.DataFrame) -> pd.DataFrame:
    """One row per method, training, measured images and measure: the level, and the difference that training on
    correlated factors makes, paired by seed."""
    rows = []
    by_seed = measures.set_index(["method", "measured", "trained", "seed"]).sort_index()
    for (method, measured, trained), own in measures.groupby(["method", "measured", "trained"], sort=False):
        for measure in (*MEASURES, *_of_factors(measures)):
            row = {
                "method": method, "trained": trained, "measured": measured, "measure": measure,
                "level": own[measure].mean(), "least": own[measure].min(), "largest": own[measure].max(),
            }  # fmt: skip
            if trained != ALIKE:
                pair = [by_seed.loc[(method, measured, one)][measure] for one in (trained, ALIKE)]
                row |= paired_difference(*pair)
            rows.append(row)
    return pd.DataFrame(rows)


def changes(measures: pd.DataFrame) -> pd.DataFrame:
    """What correlated training changes in a method less what it changes in beta-VAE, paired by seed, on independent
    images; one row per method, training and measure."""
    by_seed = measures[measures["measured"] == ALIKE].set_index(["method", "trained", "seed"]).sort_index()
    there = set(by_seed.index.droplevel("seed"))
    rows = []
    for method, trained in sorted(there):
        needed = {(name, regime) for name in (method, BASELINE) for regime in (trained, ALIKE)}
        if method == BASELINE or trained == ALIKE or not needed <= there:
            continue
        for measure in (*MEASURES, *_of_factors(measures)):
            own, reference = (
                by_seed.loc[(name, trained)][measure] - by_seed.loc[(name, ALIKE)][measure]
                for name in (method, BASELINE)
            )
            rows.append({"method": method, "trained": trained, "measure": measure} | paired_difference(own, reference))
    return pd.DataFrame(rows)


def _of_factors(measures: pd.DataFrame) -> list[str]:
    return [column for column in measures if column.startswith(("nmi1_histogram_", "nmi2_histogram_"))]


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results")
