"""A comparison of channels as it is read: the models, the hotspots, the map over beta, and what the numbers rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.channels.result import ChannelsResult
from ifp.analysis.channels.shown_spaces import spaces_shown
from ifp.analysis.figures.shown_table import ShownTable
from ifp.errors import counted
from ifp.uniform_codes import PRESSURE

NEAR_CAP_BITS = 1.0
"""A channel whose information is within this of log2 N may hold more than N points can show."""
MOST_ROWS = 40
"""Rows of a printed table, at most; the csv has all of them."""
MOST_COLUMNS = 10
"""Channels whose pairs are printed one by one, at most."""


def shown(results: ChannelsResult) -> list[ShownTable | str]:
    """Everything in the order in which it is printed: tables, and sentences between and after them."""
    parts: list[ShownTable | str] = [_models(results)]
    if results.hotspots is not None:
        parts.append(_hotspots(results))
    else:
        if 1 < len(results.similarity.latents()) <= MOST_COLUMNS:
            parts.append(_pairs(results))
        if len(results.similarity.factors()):
            parts.append(_factors(results))
    fragments = results.find_table("fragments")
    if fragments is not None:
        parts.append(_fragments(fragments, " or ".join(results.pressures)))
    if results.find_table("spaces") is not None:
        parts += spaces_shown(results)
    return [*parts, *_resting_on(results)]


def _models(results: ChannelsResult) -> ShownTable:
    """One row per level of models (those of one run and beta)."""
    models = results.tables["models"]
    keys = models.assign(level=models["level"].where(models["level"] != "", models["model"]))
    groups = list(keys.groupby(["level", "beta"], sort=False, dropna=False))
    heading = " or ".join(results.pressures)
    rows = [
        {
            "models": str(level),
            heading: _pressure(of_level.iloc[0], several=len(results.pressures) > 1),
            "number": str(len(of_level)),
            "live channels each": f"{of_level['live_channels'].mean():.1f}",
            "largest, bits": f"{of_level['most_bits'].max():.2f}",
            "KL nats": f"{of_level['kl_nats'].mean():.2f}",
            "with a trace of beta": str(int(of_level["trace"].sum())),
        }
        for (level, _), of_level in groups[:MOST_ROWS]
    ]
    title = f"{len(models)} models, {len(results.similarity.latents())} live channels"
    return ShownTable(title, pd.DataFrame(rows), _more(len(groups), "models.csv"), left=("models",))


def _pressure(model: pd.Series, *, several: bool) -> str:
    """The beta of a model; where models of several kinds stand together, a GAN's says that it is none."""
    shown = _number(model["beta"])
    return f"{shown} (1 / weight)" if several and model["beta_is"] == PRESSURE and shown != "-" else shown


def _hotspots(results: ChannelsResult) -> ShownTable | str:
    """One row per hotspot, or the sentence that there is none."""
    clustered, table = results.hotspots, results.find_table("hotspots")
    assert clustered is not None
    how = f"by {'VI' if clustered.distance == 'vi' else 'NMI'}, at least {clustered.min_samples} models"
    if table is None:
        return f"No hotspots ({how}): nothing is found again and again; try a smaller `min_samples`."
    points = results.find_table("hotspot_freezing")
    frozen = {} if points is None else {row["hotspot"]: row for _, row in points.iterrows() if row["channels"]}
    rows = []
    for (_, row), hotspot in zip(table.iterrows(), clustered.hotspots, strict=True):
        cells = {
            "": str(row["hotspot"]),
            "models": f"{row['runs']} of {row['of_runs']}",
            "channels": str(row["channels"]),
            "I(X;U) bits": f"{row['information_bits']:.2f} to {row['upper_bits']:.2f}",
            "over models": f"{row['information_low_bits']:.2f} to {row['information_high_bits']:.2f}",
            "factor": str(row["factor"]) or "-",
            "NMI": _number(row["factor_nmi"]),
            "tightness": f"{row['tightness']:.2f}",
            "stability": f"{row['stability']:.2f} ({row['stability_low']:.2f})",
        }
        if frozen:
            names = (f"IFP ({' or '.join(results.pressures)})", "95 %", "frozen")
            cells |= dict(zip(names, _freezing(frozen.get(hotspot.number)), strict=True))
        rows.append(cells)
    note = (
        "bits: lower and upper bound; tightness: mean NMI over pairs of channels; stability: mean and 10 % quantile of "
        "resampled models, above 0.75 is stable, below 0.5 it dissolves"
    )
    title = f"Hotspots, information that recurs ({how})"
    return ShownTable(title, pd.DataFrame(rows), note, left=("", "factor"))


def _freezing(row: Any) -> list[str]:
    """Median, its interval, and how many of the channels with a trace froze in it."""
    if row is None:
        return ["-", "", ""]
    low, high = (_number(row[end]) if np.isfinite(row[end]) else "..." for end in ("low", "high"))
    interval = "" if low == high == "..." else f"{low} to {high}"
    return [f"{row['bound']}{_number(row['median'])}", interval, f"{row['frozen']} of {row['channels']}"]


def _pairs(results: ChannelsResult) -> ShownTable:
    """All pairs of few channels."""
    similarity = results.similarity.among(results.similarity.latents())
    whole = results.about.get("dataset", {}).get("images") == similarity.points
    saturated_C = (similarity.information_bits_C > similarity.cap_bits - NEAR_CAP_BITS) & (not whole)
    rows = []
    for row, channel in enumerate(similarity.channels):
        lower, upper = similarity.information_bits_C[row], similarity.upper_bits_C[row]
        numbers = [*similarity.vi_bits_CC[row, :row], np.nan, *similarity.nmi_CC[row, row + 1 :]]
        cells = [
            "sat." if hidden else f"{value:.2f}"
            for hidden, value in zip(saturated_C | saturated_C[row], numbers, strict=True)
        ]
        cells[row] = ""
        rows.append([str(row + 1), channel.name, f"{lower:.2f} to {upper:.2f}", *cells])
    headings = ["", "channel", "I(X;U) bits", *(str(number) for number in range(1, len(similarity) + 1))]
    note = "sat.: saturated, one of the two comes near the most that so few points can show"
    return ShownTable(
        "Pairs of channels: NMI above the diagonal, VI in bits below", pd.DataFrame(rows, columns=headings),
        note if saturated_C.any() else "", left=("", "channel"), repeated=2,
    )  # fmt: skip


def _factors(results: ChannelsResult) -> ShownTable:
    """One row per factor: the NMI of each model's best channel."""
    similarity = results.similarity
    latents = similarity.latents()
    model_L = np.array([similarity.channels[place].model for place in latents])
    rows = []
    for factor in similarity.factors():
        nmi_L = similarity.nmi_CC[latents, factor]
        best = [nmi_L[model_L == model].max() for model in np.unique(model_L)]
        rows.append(
            {
                "factor": similarity.channels[factor].name,
                "bits": f"{similarity.information_bits_C[factor]:.2f}",
                "mean": f"{np.mean(best):.2f}",
                "range": f"{np.min(best):.2f} to {np.max(best):.2f}",
            }
        )
    return ShownTable("Factors: NMI of each model's best channel", pd.DataFrame(rows), left=("factor",))


def _fragments(fragments: pd.DataFrame, pressure: str) -> ShownTable:
    """The map over beta, one row per fragment."""
    rows = []
    for _, row in fragments.head(MOST_ROWS).iterrows():
        ends = [_number(row[end]) for end in ("bracket_low", "bracket_high")]
        rows.append(
            {
                "fragment": str(row["fragment"]),
                pressure: _number(row["beta"]),
                "models": f"{row['runs']} of {row['of_runs']}",
                "bits": f"{row['information_bits']:.2f}",
                "factor": str(row["factor"]) or "-",
                "NMI": _number(row["factor_nmi"]),
                "origin": str(row["origin"]).replace("_", " "),
                "between betas": "" if "-" in ends else " to ".join(ends),
                "of": str(row["parents"]),
                "fate": str(row["fate"]).replace("_", " "),
                "into": str(row["children"]),
            }
        )
    return ShownTable(
        "Fragments over beta (hotspots of the models at each beta)", pd.DataFrame(rows),
        _more(len(fragments), "fragments.csv"), left=("factor", "origin", "of", "fate", "into"),
    )  # fmt: skip


def _more(count: int, file: str) -> str:
    """The note on the rows that are not printed."""
    return f"and {count - MOST_ROWS} more in {file}" if count > MOST_ROWS else ""


def _resting_on(results: ChannelsResult) -> list[str]:
    """The cap, and the channels that hold nothing."""
    similarity, dropped = results.similarity, results.about.get("dropped", [])
    lines = [
        f"{similarity.points} points: information up to log2 N = {similarity.cap_bits:.2f} bits can be told; the lower "
        "bound is by Bhattacharyya coefficients, the upper by KL"
    ]
    latents = similarity.latents()
    near = int((similarity.information_bits_C[latents] > similarity.cap_bits - NEAR_CAP_BITS).sum())
    if near:
        lines.append(
            f"{near} of {len(latents)} channels come within {NEAR_CAP_BITS:g} bit of that and may hold more than so "
            "few `points` can show"
        )
    if dropped:
        lines.append(
            f"Left out, for they hold nothing: {counted(len(dropped), 'channel')} (channels.csv lists them as dead)"
        )
    return lines


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"
