"""The scale "middle" beside "twelve": `python experiments/deft_vs_baselines/middle.py`, from measures.csv of both.

Writes results/middle/beside.csv, what the networks of both scales reach, and figures/beside: the measures over the
training of each conv network at 64 x 64, with the range of the twelve small networks beside.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from compare import MEASURES, SHOWN, last_checkpoints

from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import factor_looks, figure_width

HERE = Path(__file__).resolve().parent
NAMES = ("beta", "deft-rate", "falling-beta")


def main() -> None:
    """See the module."""
    folder = HERE / "results" / "middle"
    middle, small = (pd.read_csv(HERE / "results" / name / "measures.csv") for name in ("middle", "twelve"))
    beside(middle, small).to_csv(folder / "beside.csv", index=False, float_format="%.4g")
    draw(middle, small, folder)


def beside(middle: pd.DataFrame, small: pd.DataFrame) -> pd.DataFrame:
    """One row per scale, configuration and measure at the last checkpoint: networks, mean, least and largest."""
    rows = []
    for scale, measures in (("middle", middle), ("twelve", small)):
        last = last_checkpoints(measures)
        for name in NAMES:
            own = last[last["configuration"] == name]
            for measure in MEASURES:
                value = own[measure]
                row = {"scale": scale, "configuration": name, "measure": measure, "networks": len(own)}
                rows.append(row | {"mean": value.mean(), "least": value.min(), "largest": value.max()})
    return pd.DataFrame(rows)


def draw(middle: pd.DataFrame, small: pd.DataFrame, folder: Path) -> None:
    """One line per conv network over its training; at the right the range and the median of the small networks."""
    looks = factor_looks(NAMES)
    end = middle["step"].max()
    last = last_checkpoints(small)
    shown = [measure for measure in SHOWN if middle.groupby("step")[measure].count().min()]
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    with paper_style():
        figure = new_figure(figure_width("tmlr"), 2.1)
        for ax, measure in zip(figure.subplots(1, len(shown)), shown, strict=True):
            for place, name in enumerate(NAMES):
                look = looks[name]
                for number, (_, own) in enumerate(middle[middle["configuration"] == name].groupby("seed")):
                    ax.plot(
                        own["step"], own[measure], color=look.color, linestyle=look.linestyle, marker=look.marker,
                        markersize=3, label="" if number else name,
                    )  # fmt: skip
                value = last.loc[last["configuration"] == name, measure]
                x = end * (1.12 + 0.09 * place)
                ax.plot([x, x], [value.min(), value.max()], color=look.color, linewidth=1.2)
                ax.plot(x, value.median(), look.marker, color=look.color, markersize=4, mfc="white")
            ax.set_ylim(bottom=0)
            ax.set_xticks([0, end // 2, end, end * 1.21], ["0", f"{end // 2:,}", f"{end:,}", "small"])
            ax.set_xlabel("step")
            ax.set_title(MEASURES[measure])
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(NAMES))
        columns = ["configuration", "seed", "step", *shown]
        save_figure(figure, folder / "figures" / "beside", middle[columns])


if __name__ == "__main__":
    main()
