"""Draws the experiment's figures and its summary from the tables that run.py wrote.

    python experiments/deft_vs_baselines/draw.py [FOLDER]

FOLDER is results/small beside this file where none is named. Every figure comes as pdf, png and the csv of what it
shows; summary.csv holds the last checkpoint of each configuration, mean and range over seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from configurations import BASELINE, SHIFTED, gamma_names
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import NEUTRAL, factor_looks, figure_width

METHODS = (BASELINE, *SHIFTED)
ESTIMATOR = "histogram"
"""That of the published numbers; the other is in the tables."""
MEASURES = {
    f"nmi1_{ESTIMATOR}": "NMI1",
    f"nmi2_{ESTIMATOR}": "NMI2",
    "mig": "MIG",
    "dci-fast": "DCI disentanglement",
    "recon_nats": "reconstruction (nats)",
    "kl_nats": "KL (nats)",
}
PRINTED = (
    "nmi1_histogram", "nmi2_histogram", "floor_histogram", "nmi1_posterior", "nmi2_posterior", "floor_posterior", "mig",
    "dci-fast", "recon_nats", "kl_nats", "active",
)  # fmt: skip
WIDTH = figure_width("tmlr")


def main() -> None:
    """See the module."""
    here = Path(__file__).resolve().parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "results" / "small"
    measures = pd.read_csv(folder / "measures.csv")
    last = measures[measures["step"] == measures.groupby("configuration")["step"].transform("max")]
    summary = summarise(last)
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.4g")
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    with paper_style():
        drawn = {
            "training": draw_training(measures),
            "factors": draw_factors(last),
            "gamma": draw_gamma(last),
            "correlated": draw_correlated(last),
        }
        if (folder / "shifts.csv").is_file():
            drawn["shifts"] = draw_shifts(pd.read_csv(folder / "shifts.csv"))
    for name, found in drawn.items():
        if found is not None:
            save_figure(found[0], figures / name, found[1])


def summarise(last: pd.DataFrame) -> pd.DataFrame:
    """Mean, least and largest over seeds of each measure, and of its difference to the baseline, paired by seed."""
    by_seed = last.set_index(["configuration", "seed"])
    rows = []
    for name in last["configuration"].unique():
        own = by_seed.loc[name]
        paired = own - by_seed.loc[BASELINE] if BASELINE in by_seed.index else own * np.nan
        for measure in PRINTED:
            difference = paired[measure].dropna()
            rows.append(
                {
                    "configuration": name, "measure": measure, "seeds": len(own), "mean": own[measure].mean(),
                    "least": own[measure].min(), "largest": own[measure].max(), "less_baseline": difference.mean(),
                    "difference_least": difference.min(), "difference_largest": difference.max(),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def draw_training(measures: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Every measure over the training: mean over seeds, band from the least to the largest."""
    shown = measures[measures["configuration"].isin(METHODS)]
    looks = factor_looks(METHODS)
    figure = new_figure(WIDTH, 4.1)
    axes = figure.subplots(2, 3)
    for ax, (measure, label) in zip(axes.flat, MEASURES.items(), strict=True):
        for name in METHODS:
            curves = shown[shown["configuration"] == name].groupby("step")[measure]
            if not len(curves):
                continue
            mean, look = curves.mean(), looks[name]
            ax.plot(
                mean.index, mean, color=look.color, linestyle=look.linestyle, marker=look.marker, markersize=3,
                label=name,
            )  # fmt: skip
            ax.fill_between(mean.index, curves.min(), curves.max(), color=look.color, alpha=0.12, linewidth=0)
        ax.set_ylabel(label)
        if measure not in ("recon_nats", "kl_nats"):
            ax.set_ylim(bottom=0)
    for ax in axes[1]:
        ax.set_xlabel("step")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=7)
    return figure, shown[["configuration", "seed", "step", *MEASURES]]


def draw_factors(last: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """NMI1 and NMI2 of each factor at the end, one row per configuration, means over seeds."""
    factors = _factors(last)
    names = list(last["configuration"].unique())
    figure = new_figure(WIDTH, 0.19 * len(names) + 0.75)
    means = last.groupby("configuration").mean(numeric_only=True).loc[names]
    for ax, rank in zip(figure.subplots(1, 2), (1, 2), strict=True):
        values = means[[f"nmi{rank}_{ESTIMATOR}_{factor}" for factor in factors]].to_numpy()
        ax.imshow(values, vmin=0, vmax=0.5, cmap="Blues", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.3 else "black")
        ax.set_xticks(range(len(factors)), factors)
        ax.set_yticks(range(len(names)), names if rank == 1 else [])
        ax.set_title(f"NMI{rank}")
        ax.tick_params(length=0)
    columns = [f"nmi{rank}_{ESTIMATOR}_{factor}" for rank in (1, 2) for factor in factors]
    return figure, last[["configuration", "seed", *columns]]


def draw_gamma(last: pd.DataFrame) -> tuple[Figure, pd.DataFrame] | None:
    """NMI1 and NMI2 at the end against gamma, DEFT by learning rates; the dashed line is the baseline's mean."""
    names = gamma_names()
    gamma_of = {name: gamma for gamma, name in names.items()}
    shown = last[last["configuration"].isin(gamma_of)]
    if shown["configuration"].nunique() < 2:
        return None
    shown = shown.assign(gamma=shown["configuration"].map(gamma_of)).sort_values("gamma")
    figure = new_figure(WIDTH, 1.9)
    for ax, measure in zip(figure.subplots(1, 4), list(MEASURES)[:4], strict=True):
        _points(ax, shown["gamma"].map(list(names).index), shown[measure])
        baseline = last.loc[last["configuration"] == BASELINE, measure]
        if len(baseline):
            ax.axhline(baseline.mean(), color=NEUTRAL, linestyle="--", linewidth=0.8)
        ax.set_xticks(range(len(names)), [f"{gamma:g}" for gamma in names])
        ax.set_xlabel("gamma")
        ax.set_ylabel(MEASURES[measure])
        ax.set_ylim(bottom=0)
    return figure, shown[["configuration", "gamma", "seed", *MEASURES]]


def _points(ax: Axes, x: pd.Series, y: pd.Series) -> None:
    """Every seed, and the means joined."""
    ax.plot(x, y, "o", markersize=3, color="#0072B2", alpha=0.5, markeredgewidth=0)
    means = y.groupby(x).mean()
    ax.plot(means.index, means, "-", color="#0072B2")


def draw_correlated(last: pd.DataFrame) -> tuple[Figure, pd.DataFrame] | None:
    """NMI1 and NMI2 of each factor, trained on independent and on correlated factors, measured on independent ones."""
    pairs = [(BASELINE, "correlated-beta"), ("deft-rate", "correlated-deft")]
    shown = last[last["configuration"].isin([name for pair in pairs for name in pair])]
    if shown["configuration"].nunique() < 4:
        return None
    factors = _factors(last)
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, pair in enumerate(pairs):
        for row, rank in enumerate((1, 2)):
            ax = axes[row, column]
            for place, (name, color) in enumerate(zip(pair, ("#0072B2", "#D55E00"), strict=True)):
                values = shown.loc[shown["configuration"] == name, [f"nmi{rank}_{ESTIMATOR}_{f}" for f in factors]]
                x = np.arange(len(factors)) + 0.2 * (2 * place - 1)
                ax.bar(x, values.mean(), 0.36, color=color, label=("independent", "posX ~ scale")[place])
                ax.plot(np.tile(x, (len(values), 1)), values, "o", markersize=2, color="black")
            ax.set_xticks(range(len(factors)), factors)
            if column == 0:
                ax.set_ylabel(f"NMI{rank}")
        axes[0, column].set_title(pair[0])
    axes[0, 1].legend(loc="upper left")
    columns = [f"nmi{rank}_{ESTIMATOR}_{factor}" for rank in (1, 2) for factor in factors]
    return figure, shown[["configuration", "seed", *columns]]


def draw_shifts(shifts: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Ratio of each factor's melting point to the baseline's, paired by seed, 95 % intervals over pairs."""
    factors = list(shifts["name"].unique())
    looks = factor_looks(METHODS)
    names = [name for name in SHIFTED if name in set(shifts["configuration"])]
    figure = new_figure(WIDTH, 2.4)
    ax = figure.subplots()
    for place, name in enumerate(names):
        rows = shifts[shifts["configuration"] == name].set_index("name").reindex(factors)
        x = np.arange(len(factors)) + 0.11 * (place - (len(names) - 1) / 2)
        ratio, look = rows["ratio"].to_numpy(), looks[name]
        reach = np.abs(np.stack([ratio - rows["ratio_low"], rows["ratio_high"] - ratio]))
        ax.errorbar(
            x, ratio, np.nan_to_num(reach), fmt=look.marker, color=look.color, markersize=3.5, elinewidth=0.9,
            label=name,
        )  # fmt: skip
    ax.axhline(1, color=NEUTRAL, linewidth=0.8, linestyle="--")
    ax.set_yscale("log")
    ticks = [0.125, 0.25, 0.5, 1, 2, 4]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    empty = {factor for factor in factors if not shifts.loc[shifts["name"] == factor, "pairs"].any()}
    ax.set_xticks(range(len(factors)), [f"{f}\n(not held)" if f in empty else f for f in factors])
    ax.set_ylabel(f"melting beta / that of {BASELINE}")
    figure.legend(loc="outside upper center", ncols=6)
    return figure, shifts


def _factors(table: pd.DataFrame) -> list[str]:
    start = f"nmi1_{ESTIMATOR}_"
    return [column.removeprefix(start) for column in table if column.startswith(start)]


if __name__ == "__main__":
    main()
