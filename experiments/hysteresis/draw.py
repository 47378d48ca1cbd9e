"""The figure of the loops, from crossings.csv: `python experiments/hysteresis/draw.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ifp.analysis.plots import paper_style

COLOURS = {"square": "#0072B2", "ellipse": "#E69F00", "heart": "#000000"}
MARKERS = {"square": "s", "ellipse": "o", "heart": "^"}


def loops(crossings: pd.DataFrame) -> pd.DataFrame:
    """One row per shape, speed and context: the logarithm of the heating over the cooling crossing, "width"."""
    frozen = crossings[crossings["direction"].isin(["cool", "heat"])]
    table = frozen.pivot_table(index=["shape", "steps", "context"], columns="direction", values="beta_ifp")
    return table.assign(width=np.log(table["heat"] / table["cool"])).reset_index()


def draw(folder: Path) -> Path:
    """Draw loops.png and loops.pdf, and write loops.csv; the path of the first."""
    import matplotlib.pyplot as plt

    table = loops(pd.read_csv(folder / "crossings.csv"))
    table.to_csv(folder / "loops.csv", index=False, float_format="%.6g")
    with paper_style():
        figure, ax = plt.subplots(figsize=(3.4, 2.4))
        for shape, rows in table.groupby("shape", sort=False):
            trained, exact = rows[rows["steps"] > 0], rows[rows["steps"] == 0]["width"]
            ax.plot(
                trained["steps"] * shift(shape), trained["width"], MARKERS[shape], color=COLOURS[shape], ms=3.5,
                mfc="none", label=f"{shape}, trained",
            )  # fmt: skip
            medians = trained.groupby("steps")["width"].median()
            ax.plot(medians.index * shift(shape), medians, color=COLOURS[shape], lw=0.8)
            # the curves of square and ellipse lie on each other: dashes of two phases show both
            style = (0, (4, 4)) if shape == "ellipse" else (4, (4, 4)) if shape == "square" else "-."
            ax.axhline(exact.median(), color=COLOURS[shape], lw=1, ls=style, label=f"{shape}, exact")
        speeds = sorted(set(table["steps"]) - {0})
        ax.set(xscale="log", xlabel="steps of a sweep", ylabel="ln (β heating / β cooling)")
        ax.set_xticks(speeds, [f"{steps:,}" for steps in speeds])
        ax.set_xticks([], minor=True)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        figure.savefig(folder / "loops.pdf", bbox_inches="tight")
        figure.savefig(folder / "loops.png", bbox_inches="tight", dpi=200)
        plt.close(figure)
    return folder / "loops.png"


def shift(shape: str) -> float:
    """A factor that keeps the markers of two shapes apart."""
    return {"square": 0.94, "ellipse": 1.0, "heart": 1.06}[shape]


if __name__ == "__main__":
    print(draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results"))
