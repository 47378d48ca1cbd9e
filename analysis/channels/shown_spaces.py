"""Whole latent spaces as they are read: means over the models of a group, and over pairs within and between groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.channels.result import ChannelsResult
from ifp.analysis.figures.shown_table import ShownTable
from ifp.fingerprints.comparisons import SATURATED_BITS
from ifp.fingerprints.estimates import Estimate, Ratio, average

HEADINGS = ("models", "", "number", "I(X;U) bits", "of H(X)", "NMI", "VI bits")


def spaces_shown(results: ChannelsResult) -> list[ShownTable | str]:
    """The table of the Monte Carlo, and a sentence where spaces are saturated."""
    models, spaces = results.tables["models"], results.tables["spaces"]
    points, cap_bits = results.similarity.points, results.similarity.cap_bits
    group_of = _groups(models)
    rows = [_alone(group, models[models["model"].map(group_of) == group], points)
            for group in dict.fromkeys(group_of.values())]  # fmt: skip
    firsts, seconds = spaces["first"].map(group_of), spaces["second"].map(group_of)
    for (first, second), pairs in spaces.groupby([firsts, seconds], sort=False):
        rows.append(_together(str(first), "among them" if first == second else f"with {second}", pairs))
    note = (
        f"mean +- standard error of the draws, over these {points} images as the whole data, H(X) = {cap_bits:.2f} bits"
    )
    table = pd.DataFrame(rows, columns=list(HEADINGS))
    parts: list[ShownTable | str] = [
        ShownTable("Whole latent spaces (Monte Carlo)", table, note, left=("models", ""), repeated=2)
    ]
    if spaces["saturated"].any():
        parts.append(
            f"Saturated: a latent space within {SATURATED_BITS:g} bit of log2 N = {cap_bits:.2f} bits tells nearly all "
            "of these images apart, and any two such spaces read as equal, whatever they hold. Their NMI and VI are "
            "not given; more images, `points`, raise the cap."
        )
    return parts


def _groups(models: pd.DataFrame) -> dict[str, str]:
    """The name of the group of each model: its run, its beta, or both where a run has several betas."""
    words = models["beta_is"] if "beta_is" in models else ["beta"] * len(models)
    betas = pd.Series(
        ["" if np.isnan(beta) else f"{word} {beta:.6g}" for word, beta in zip(words, models["beta"], strict=True)],
        index=models.index,
    )
    # a run at one beta needs its name alone, one on the way of a falling beta both
    several = models.groupby("level")["beta"].transform("nunique") > 1
    named = models["level"].where(~several, models["level"] + " ").where(models["level"] != "", "")
    groups = named + betas.where(several | (models["level"] == ""), "")
    # a model that stands alone in its group is called by its own name
    alone = groups.groupby(groups).transform("size") == 1
    others = "all" if (groups == "").all() else "beta unknown"
    return dict(zip(models["model"], groups.where(groups != "", others).mask(alone, models["model"]), strict=True))


def _alone(group: str, models: pd.DataFrame, points: int) -> list[str]:
    """The mean information of the models of a group."""
    mean = average([Estimate(row["information_bits"], row["information_error_bits"]) for _, row in models.iterrows()])
    share = mean.share(points)
    return [group, "", str(len(models)), _with_error(mean.bits, mean.error_bits), f"{share.value:.3f}", "", ""]


def _together(group: str, beside: str, pairs: pd.DataFrame) -> list[str]:
    """The mean NMI and VI over pairs of models, without those that are saturated."""
    counted = f"{len(pairs)} pair" + "s" * (len(pairs) > 1)
    measured = pairs[~pairs["saturated"].astype(bool)]
    if measured.empty:
        return [group, beside, counted, "", "", "saturated", "saturated"]
    saturated = len(pairs) - len(measured)
    counted += f", {saturated} saturated" if saturated else ""
    known = measured[np.isfinite(measured["nmi"])]
    nmi = [Ratio(row["nmi"], row["nmi_error"]) for _, row in known.iterrows()]
    shared = average(nmi) if nmi else Ratio(np.nan, np.nan)
    vi = average([Estimate(row["vi_bits"], row["vi_error_bits"]) for _, row in measured.iterrows()])
    return [
        group, beside, counted, "", "", _with_error(shared.value, shared.error), _with_error(vi.bits, vi.error_bits),
    ]  # fmt: skip


def _with_error(value: float, error: float) -> str:
    # rounded first and 0 added: what rounds to zero has no sign
    return "-" if not np.isfinite(value) else f"{round(value, 3) + 0:.3f} +- {error:.1g}"
