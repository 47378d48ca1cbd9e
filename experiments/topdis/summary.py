"""The table and the figure: `python experiments/topdis/summary.py [FOLDER]`, from measures.csv."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deft_vs_baselines"))

import numpy as np
import pandas as pd
from paired import paired_difference

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import figure_width

SHOWN = {
    "minmax": "MinMax (lite)",
    "mig": "MIG",
    "dci-fast": "DCI disentanglement",
    "nmi1_histogram": "NMI1",
    "nmi2_histogram": "NMI2",
    "recon_nats": "reconstruction (nats)",
    "kl_nats": "KL (nats)",
    "active": "latents in use",
}
MEASURES = (*SHOWN, "minmax_ratio")
TITLES = {"beta": "beta-VAE", "factor": "FactorVAE"}
COLORS, MARKERS = ("#0072B2", "#D55E00", "#009E73"), "o^s"


def draw(folder: Path) -> None:
    """Write summary.csv and the figure of a folder: every seed, joined over gamma, and the means."""
    measures = pd.read_csv(folder / "measures.csv")
    summarise(measures).to_csv(folder / "summary.csv", index=False, float_format="%.4g")
    with paper_style():
        figure = new_figure(figure_width("tmlr"), 3.4)
        axes = figure.subplots(2, 4)
        for ax, (measure, label) in zip(axes.flat, SHOWN.items(), strict=True):
            places = list[tuple[int, str]]()
            for base in measures["base"].unique():
                own = measures[measures["base"] == base].pivot(index="seed", columns="gamma", values=measure)
                x = len(places) + 0.4 * bool(places) + np.arange(own.shape[1])
                ax.plot(x, own.to_numpy().T, "-", color="0.75", linewidth=0.7, zorder=0)
                for level, (place, gamma) in enumerate(zip(x, own, strict=True)):
                    look = {"color": COLORS[level], "label": TITLES[base]}
                    ax.plot(np.full(len(own), place), own[gamma], MARKERS[level], mfc="none", markersize=2.6, **look)
                    ax.plot([place - 0.3, place + 0.3], [own[gamma].mean()] * 2, "-", color=COLORS[level])
                    places.append((place, f"{gamma:g}"))
            ax.set_xticks(*map(list, zip(*places, strict=True)))
            ax.set_title(label)
            if measure not in ("recon_nats", "kl_nats"):
                ax.set_ylim(0, 1.06 * measures[measure].max())
        for ax in axes[1]:
            ax.set_xlabel(r"$\gamma$, " + " | ".join(TITLES[base] for base in measures["base"].unique()))
        save_figure(figure, folder / "topdis", measures[["base", "gamma", "seed", *MEASURES]])


def summarise(measures: pd.DataFrame) -> pd.DataFrame:
    """One row per base, gamma and measure: the level, and the difference to the base alone, paired by seed."""
    rows = []
    by_seed = measures.set_index(["base", "gamma", "seed"]).sort_index()
    for (base, gamma), own in measures.groupby(["base", "gamma"], sort=False):
        for measure in MEASURES:
            level = own[measure]
            row = {"base": base, "gamma": gamma, "measure": measure, "level": level.mean(), "least": level.min()}
            row["largest"] = level.max()
            if gamma:
                row |= paired_difference(by_seed.loc[(base, gamma)][measure], by_seed.loc[(base, 0.0)][measure])
            rows.append(row)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results")
