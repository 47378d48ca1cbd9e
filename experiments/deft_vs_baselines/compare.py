"""The tables and the figure of many seeds: `python experiments/deft_vs_baselines/compare.py [FOLDER]`.

Reads measures.csv of FOLDER (results/twelve beside this file where none is named); writes levels.csv, what each
configuration reaches, differences.csv, what it differs by from others seed by seed, and figures/seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from configurations import BASELINE, SCALES, configurations
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from paired import mean_interval, paired_difference

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import NEUTRAL, figure_width
from ifp.analysis.freezing.median_interval import median_interval

MEASURES = {
    "nmi1_histogram": "NMI1",
    "nmi2_histogram": "NMI2",
    "mig": "MIG",
    "dci-fast": "DCI disentanglement",
    "recon_nats": "reconstruction (nats)",
    "kl_nats": "KL (nats)",
    "active": "latents in use",
}
SHOWN = ("nmi1_histogram", "nmi2_histogram", "mig", "dci-fast")
REFERENCES = (
    ("deft-rate", "falling-beta"), ("gamma-0", "deft-rate"), ("gamma-0.3", "deft-rate"), ("gamma-0.5", "deft-rate"),
    ("gamma-1", "deft-rate"), ("gamma-1", "falling-beta"), ("deft-scale", "deft-rate"), ("deft-scale", "falling-beta"),
    ("deft-scale", "gamma-1"), ("deft-freeze", "deft-rate"),
    ("falling-beta-tc", "falling-beta"), ("falling-factor", "falling-beta"), ("falling-beta-tc", "beta-tc"),
)  # fmt: skip
"""Pairs (configuration, reference) beside those of every configuration with the baseline."""


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results" / "twelve"
    compare(folder)


def compare(folder: Path) -> None:
    """Write the two tables and the figure of a folder."""
    last = last_checkpoints(pd.read_csv(folder / "measures.csv"))
    names = list(last["configuration"].unique())
    levels(last, names).to_csv(folder / "levels.csv", index=False, float_format="%.4g")
    differences(last, pairs_of(names)).to_csv(folder / "differences.csv", index=False, float_format="%.4g")
    (folder / "figures").mkdir(exist_ok=True)
    with paper_style():
        save_figure(draw_seeds(last, names), folder / "figures" / "seeds", last[["configuration", "seed", *MEASURES]])


def last_checkpoints(measures: pd.DataFrame) -> pd.DataFrame:
    """The rows of each configuration's last checkpoints, in the order of the configurations."""
    last = measures[measures["step"] == measures.groupby("configuration")["step"].transform("max")]
    order = list(configurations(SCALES["twelve"], "", [1.0]))
    return last.sort_values("configuration", key=lambda names: names.map(order.index), kind="stable")


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Every configuration with the baseline, and the other pairs that are there."""
    others = [pair for pair in REFERENCES if set(pair) <= set(names)]
    return [(name, BASELINE) for name in names if name != BASELINE] + others


def levels(last: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """One row per configuration and measure: mean and median over seeds with their intervals, least and largest."""
    rows = []
    for name in names:
        own = last[last["configuration"] == name]
        for measure in MEASURES:
            value_S = own[measure].to_numpy(dtype=float)
            median, mean = median_interval(value_S, np.arange(len(value_S))), mean_interval(value_S)
            rows.append(
                {
                    "configuration": name, "measure": measure, "seeds": len(value_S), "mean": value_S.mean(),
                    "mean_low": mean[0], "mean_high": mean[1], "median": median.median, "median_low": median.low,
                    "median_high": median.high, "least": value_S.min(), "largest": value_S.max(),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def differences(last: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """One row per pair of configurations and measure; see `paired.paired_difference`."""
    by_seed = last.set_index(["configuration", "seed"])
    return pd.DataFrame(
        {"configuration": own, "reference": reference, "measure": measure}
        | paired_difference(by_seed.loc[own][measure], by_seed.loc[reference][measure])
        for own, reference in pairs
        for measure in MEASURES
    )


def draw_seeds(last: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Every seed of every configuration, with the median and its interval."""
    figure = new_figure(figure_width("tmlr"), 0.2 * len(names) + 0.7)
    axes = figure.subplots(1, len(SHOWN), sharey=True)
    for ax, measure in zip(axes, SHOWN, strict=True):
        for place, name in enumerate(names):
            _draw_row(ax, place, last.loc[last["configuration"] == name, measure].to_numpy(dtype=float))
        baseline = last.loc[last["configuration"] == BASELINE, measure]
        if len(baseline):
            ax.axvline(baseline.median(), color=NEUTRAL, linestyle="--", linewidth=0.8, zorder=0)
        ax.set_xlabel(MEASURES[measure])
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(3, prune="upper"))
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def _draw_row(ax: Axes, place: float, value_S: np.ndarray) -> None:
    found = median_interval(value_S, np.arange(len(value_S)))
    ax.plot(
        value_S, np.full(len(value_S), place + 0.27), "o", markersize=2.2, color=NEUTRAL, alpha=0.6, markeredgewidth=0
    )
    if np.isfinite(found.low):
        ax.plot([found.low, found.high], [place, place], "-", color="#0072B2", linewidth=1.6)
    ax.plot(found.median, place, "D", markersize=3.2, color="#0072B2")


if __name__ == "__main__":
    main()
