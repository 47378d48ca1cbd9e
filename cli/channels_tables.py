"""`ifp channels` on screen: the models, the hotspots, the map over beta, and what the numbers rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from ifp.analysis.channels.results import Results
from ifp.cli.printing import stdout_console
from ifp.fingerprints.comparisons import SATURATED_BITS
from ifp.fingerprints.estimates import Estimate, Ratio, average

NEAR_CAP_BITS = 1.0
"""A channel whose information is that near log2 N may hold more than N points can show."""
MOST_ROWS, MOST_COLUMNS = 40, 10


def print_results(results: Results) -> None:
    """Everything on stdout."""
    console = stdout_console()
    console.print(_models(results))
    if results.hotspots is not None:
        _print_hotspots(console, results)
    else:
        if 1 < len(results.similarity.latents()) <= MOST_COLUMNS:
            console.print(_pairs(results))
        if len(results.similarity.factors()):
            console.print(_factors(results))
    fragments = results.table("fragments")
    if fragments is not None:
        console.print(_fragments(fragments))
    if results.table("spaces") is not None:
        _print_spaces(console, results)
    for line in _resting_on(results):
        console.print(line, soft_wrap=True)


def _table(title: str, headings: tuple[str, ...], left: tuple[str, ...], caption: str = "") -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def _models(results: Results) -> Table:
    """The models of one run and beta together."""
    models = results.tables["models"]
    table = _table(
        f"{len(models)} models, {len(results.similarity.latents())} live channels",
        ("models", "beta", "number", "live channels each", "largest, bits", "KL nats", "with a trace of beta"),
        ("models",),
    )
    keys = models.assign(level=models["level"].where(models["level"] != "", models["model"]))
    groups = list(keys.groupby(["level", "beta"], sort=False, dropna=False))
    for (level, _), rows in groups[:MOST_ROWS]:
        table.add_row(
            str(level), _number(rows["beta"].iloc[0]), str(len(rows)), f"{rows['live_channels'].mean():.1f}",
            f"{rows['most_bits'].max():.2f}", f"{rows['kl_nats'].mean():.2f}", str(int(rows["trace"].sum())),
        )  # fmt: skip
    if len(groups) > MOST_ROWS:
        table.caption = f"and {len(groups) - MOST_ROWS} more in models.csv"
    return table


def _print_hotspots(console: Console, results: Results) -> None:
    found, rows = results.hotspots, results.table("hotspots")
    assert found is not None
    what = f"by {'VI' if found.distance == 'vi' else 'NMI'}, at least {found.min_samples} models"
    if rows is None:
        console.print(f"No hotspots ({what}): nothing is found again and again; try a smaller --min-samples.")
        return
    points = results.table("hotspot_freezing")
    frozen = {} if points is None else {row["hotspot"]: row for _, row in points.iterrows() if row["channels"]}
    table = _table(
        f"Hotspots, information that recurs ({what})",
        ("", "models", "channels", "I(X;U) bits", "over models", "factor", "NMI", "tightness", "stability",
         *(("IFP (beta)", "95 %", "frozen") if frozen else ())),
        ("", "factor"),
        "bits: lower and upper bound; tightness: mean NMI over pairs of channels; stability: mean and 10 % quantile of "
        "resampled models, above 0.75 is stable, below 0.5 it dissolves",
    )  # fmt: skip
    for (_, row), hotspot in zip(rows.iterrows(), found.hotspots, strict=True):
        cells = [
            str(row["hotspot"]), f"{row['runs']} of {row['of_runs']}", str(row["channels"]),
            f"{row['information_bits']:.2f} to {row['upper_bits']:.2f}",
            f"{row['information_low_bits']:.2f} to {row['information_high_bits']:.2f}",
            str(row["factor"]) or "-", _number(row["factor_nmi"]), f"{row['tightness']:.2f}",
            f"{row['stability']:.2f} ({row['stability_low']:.2f})",
        ]  # fmt: skip
        if frozen:
            cells += _freezing(frozen.get(hotspot.number))
        table.add_row(*cells)
    console.print(table)


def _freezing(row: Any) -> list[str]:
    """Median, its interval, and how many of the channels with a trace froze in it."""
    if row is None:
        return ["-", "", ""]
    low, high = (_number(row[end]) if np.isfinite(row[end]) else "..." for end in ("low", "high"))
    interval = "" if low == high == "..." else f"{low} to {high}"
    return [f"{row['bound']}{_number(row['median'])}", interval, f"{row['frozen']} of {row['channels']}"]


def _pairs(results: Results) -> Table:
    """All pairs of few channels."""
    similarity = results.similarity.among(results.similarity.latents())
    numbers = [str(number) for number in range(1, len(similarity) + 1)]
    title = "Pairs of channels: NMI above the diagonal, VI in bits below"
    whole = results.about.get("dataset", {}).get("images") == similarity.points
    saturated_C = (similarity.information_bits_C > similarity.cap_bits - NEAR_CAP_BITS) & (not whole)
    near = "sat.: saturated, one of the two comes near the most that so few points can show"
    caption = near if saturated_C.any() else ""
    table = _table(title, ("", "channel", "I(X;U) bits", *numbers), ("", "channel"), caption)
    for row, channel in enumerate(similarity.channels):
        bits = (similarity.information_bits_C[row], similarity.upper_bits_C[row])
        hidden_C = saturated_C | saturated_C[row]
        cells = [
            "sat." if hidden else f"{value:.2f}"
            for hidden, value in zip(
                hidden_C, [*similarity.vi_bits_CC[row, :row], *similarity.nmi_CC[row, row:]], strict=True
            )
        ]
        below, above = cells[:row], cells[row + 1 :]
        pairs = [*below, "", *above]
        table.add_row(numbers[row], channel.name, f"{bits[0]:.2f} to {bits[1]:.2f}", *pairs)
    return table


def _factors(results: Results) -> Table:
    """Of each factor the best channel of each model."""
    similarity = results.similarity
    table = _table("Factors: NMI of each model's best channel", ("factor", "bits", "mean", "range"), ("factor",))
    latents = similarity.latents()
    model_L = np.array([similarity.channels[at].model for at in latents])
    for factor in similarity.factors():
        nmi_L = similarity.nmi_CC[latents, factor]
        best = [nmi_L[model_L == model].max() for model in np.unique(model_L)]
        table.add_row(
            similarity.channels[factor].name, f"{similarity.information_bits_C[factor]:.2f}", f"{np.mean(best):.2f}",
            f"{np.min(best):.2f} to {np.max(best):.2f}",
        )  # fmt: skip
    return table


def _fragments(fragments: pd.DataFrame) -> Table:
    """The map over beta, a row a fragment."""
    table = _table(
        "Fragments over beta (hotspots of the models at each beta)",
        ("fragment", "beta", "models", "bits", "factor", "NMI", "origin", "between betas", "of", "fate", "into"),
        ("factor", "origin", "of", "fate", "into"),
    )
    for _, row in fragments.head(MOST_ROWS).iterrows():
        ends = [_number(row[end]) for end in ("bracket_low", "bracket_high")]
        table.add_row(
            str(row["fragment"]), _number(row["beta"]), f"{row['runs']} of {row['of_runs']}",
            f"{row['information_bits']:.2f}", str(row["factor"]) or "-", _number(row["factor_nmi"]),
            str(row["origin"]).replace("_", " "), "" if "-" in ends else " to ".join(ends), str(row["parents"]),
            str(row["fate"]).replace("_", " "), str(row["children"]),
        )  # fmt: skip
    if len(fragments) > MOST_ROWS:
        table.caption = f"and {len(fragments) - MOST_ROWS} more in fragments.csv"
    return table


def _print_spaces(console: Console, results: Results) -> None:
    """Whole latent spaces: means over the models of a group, and over pairs within and between groups."""
    models, spaces = results.tables["models"], results.tables["spaces"]
    betas = models["beta"].map(lambda beta: "" if np.isnan(beta) else f"beta {beta:.6g}")
    # a run at one beta needs its name alone, one on the way of a falling beta both
    several = models.groupby("level")["beta"].transform("nunique") > 1
    named = models["level"].where(~several, models["level"] + " ").where(models["level"] != "", "")
    groups = named + betas.where(several | (models["level"] == ""), "")
    # a model that stands alone in its group is called by its own name
    alone = groups.groupby(groups).transform("size") == 1
    others = "all" if (groups == "").all() else "beta unknown"
    group_of = dict(zip(models["model"], groups.where(groups != "", others).mask(alone, models["model"]), strict=True))
    cap_bits = results.similarity.cap_bits
    table = _table(
        "Whole latent spaces (Monte Carlo)", ("models", "", "number", "I(X;U) bits", "of H(X)", "NMI", "VI bits"),
        ("models", ""),
        f"mean +- standard error of the draws, over these {results.similarity.points} images as the whole data, "
        f"H(X) = {cap_bits:.2f} bits",
    )  # fmt: skip
    for group in dict.fromkeys(group_of.values()):
        inside = models[models["model"].map(group_of) == group]
        own = average(
            [Estimate(row["information_bits"], row["information_error_bits"]) for _, row in inside.iterrows()]
        )
        share = own.share(results.similarity.points)
        table.add_row(group, "", str(len(inside)), _pm(own.bits, own.error_bits),
                      f"{share.value:.3f}", "", "")  # fmt: skip
    firsts, seconds = spaces["first"].map(group_of), spaces["second"].map(group_of)
    for (first, second), rows in spaces.groupby([firsts, seconds], sort=False):
        pairs = f"{len(rows)} pair" + "s" * (len(rows) > 1)
        beside = "among them" if first == second else f"with {second}"
        rows, saturated = rows[~rows["saturated"].astype(bool)], int(rows["saturated"].sum())
        if rows.empty:
            table.add_row(str(first), beside, pairs, "", "", "saturated", "saturated")
            continue
        known = rows[np.isfinite(rows["nmi"])]
        nmi = [Ratio(row["nmi"], row["nmi_error"]) for _, row in known.iterrows()]
        vi = average([Estimate(row["vi_bits"], row["vi_error_bits"]) for _, row in rows.iterrows()])
        shared = average(nmi) if nmi else Ratio(np.nan, np.nan)
        pairs += f", {saturated} saturated" if saturated else ""
        table.add_row(str(first), beside, pairs, "", "", _pm(shared.value, shared.error), _pm(vi.bits, vi.error_bits))
    console.print(table)
    if spaces["saturated"].any():
        console.print(
            f"Saturated: a latent space within {SATURATED_BITS:g} bit of log2 N = {cap_bits:.2f} bits tells nearly all "
            "of these images apart, and any two such spaces read as equal, whatever they hold. Their NMI and VI are "
            "not given; more images (--points) raise the cap.",
            soft_wrap=True,
        )


def _resting_on(results: Results) -> list[str]:
    """The cap, and the channels that hold nothing."""
    similarity, dropped = results.similarity, results.about.get("dropped", [])
    lines = [
        f"{similarity.points} points: information up to log2 N = {similarity.cap_bits:.2f} bits can be told; the lower "
        "bound is by Bhattacharyya coefficients, the upper by KL"
    ]
    at = similarity.latents()
    near = int((similarity.information_bits_C[at] > similarity.cap_bits - NEAR_CAP_BITS).sum())
    if near:
        lines.append(
            f"{near} of {len(at)} channels come within {NEAR_CAP_BITS:g} bit of that and may hold more than so few "
            "points can show (--points)"
        )
    if dropped:
        lines.append(f"{len(dropped)} channels hold nothing and were left out (channels.csv lists them as dead)")
    return lines


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"


def _pm(value: float, error: float) -> str:
    # rounded first and 0 added: what rounds to zero has no sign
    return "-" if not np.isfinite(value) else f"{round(value, 3) + 0:.3f} +- {error:.1g}"
