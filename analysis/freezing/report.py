"""What an annealing test says after its run: the table as texts, sentences beside it, and why nothing froze."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ifp.analysis.freezing.by_measure import EXACT, LOWER_EDGE
from ifp.analysis.freezing.consistency import consistency_sentence, undertrained, undertrained_sentence
from ifp.analysis.freezing.median_interval import FEWEST_CLUSTERS
from ifp.analysis.freezing.points import FROZEN, NEVER_FROZE
from ifp.analysis.freezing.pressures import TRAINED_BRACKET
from ifp.analysis.freezing.summary import summary_texts
from ifp.exact.ends import ends_in_words
from ifp.trace import AnnealTrace

HEADINGS = {
    "closed-form": "lower edge", "upper-edge": "upper edge", "exact": "exact", "cool": "trained, cooling",
    "heat": "trained, heating",
}  # fmt: skip

PLACED_BY = {EXACT: "exact curves", TRAINED_BRACKET: "trained networks", LOWER_EDGE: "lower edges"}
"""What pressures are placed by, in a sentence."""


def report_table(summary: pd.DataFrame) -> pd.DataFrame:
    """`summary` as texts, one row per factor, without the columns that say nothing."""
    texts = summary_texts(summary)
    shown = [name for name in texts if name in ("factor", "contexts") or not texts[name].isin(["-", ""]).all()]
    return texts[shown].rename(columns=HEADINGS)


def report_title(dataset: str) -> str:
    """The heading of the table."""
    return f"Freezing points of {dataset}: beta, median over contexts (95 % interval)"


def report_caption(summary: pd.DataFrame) -> str:
    """What the numbers of the table are, on a line below it."""
    first = summary.iloc[0]
    few = summary["n_clusters"].min() < FEWEST_CLUSTERS
    without = f"; no interval with fewer than {FEWEST_CLUSTERS} contexts, or clusters of them" if few else ""
    contexts = summary.groupby("factor")["n_contexts"].transform("max")
    fewer = bool(((summary["n_contexts"] < contexts) & summary["median"].notna()).any())
    part = "; (1 of 4): the median is over that many of the factor's contexts" if fewer else ""
    return (
        f"{first['likelihood']} likelihood; lower and upper edge: onset; the rest: KL = "
        f"{first['threshold_nats']:g} nat{without}{part}"
    )


def report_sentences(
    points: pd.DataFrame,
    pressures: pd.DataFrame,
    hysteresis: pd.DataFrame,
    consistency: pd.DataFrame,
    *,
    ended_M: Sequence[str] = (),
) -> list[str]:
    """Networks trained too little, flat traversals, pressures, hysteresis, agreement with the theory, ends of curves.

    Parameters
    ----------
    points : what `freezing_points` returned; the other tables are those of the same run. ended_M : of the trace, where
        it is to be said.
    """
    few_steps = undertrained_sentence(undertrained(points), points["threshold_nats"].iloc[0]) if len(points) else ""
    sentences = [few_steps] if few_steps else []
    flat = points[points["beta_closed_form"] == 0].groupby("factor", sort=False)["context"].nunique()
    if len(flat):
        named = ", ".join(f"{count} of {factor}" for factor, count in flat.items())
        sentences.append(f"Never froze, all images being equal: {named}.")
    if len(pressures):
        betas = ", ".join(f"{beta:g}" for beta in pressures["beta"])
        freezing = "; ".join(f"{row['beta']:g}: {row['factors'].replace(',', ', ')}" for _, row in pressures.iterrows())
        measure = pressures["measure"].iloc[0]
        placed_by = "undertrained networks" if few_steps and measure == TRAINED_BRACKET else PLACED_BY[measure]
        sentences.append(f"Suggested DEFT pressures [{betas}], from the {placed_by}  ({freezing})")
    if len(hysteresis):
        exact = points[(points["method"] == "exact") & (points["direction"] == "equilibrium")]
        by_factor = hysteresis.groupby("factor", sort=False).size()
        named = ", ".join(f"{count} of {factor}" for factor, count in by_factor.items())
        sentences.append(
            f"Hysteresis: in {len(hysteresis)} of {len(exact)} traversals the exact branches differ by over 2 % "
            f"({named}): first-order transitions."
        )
    return [*sentences, *filter(None, [consistency_sentence(consistency), ends_in_words(ended_M)])]


def why_nothing_froze(points: pd.DataFrame, trace: AnnealTrace) -> str:
    """What was seen where no curve of a traversal that can freeze has a freezing point; "" where one has."""
    flat = points["beta_closed_form"] == 0
    curves = points[(points["method"] != "closed-form") & ~flat]
    if curves.empty or (curves["status"] == FROZEN).any():
        return ""
    counts = ", ".join(f"{n} {status}" for status, n in curves["status"].value_counts().items())
    return f"Nothing froze: of {len(curves)} curves {counts}. {_what_to_change(trace.select(~flat.to_numpy()), curves)}"


def _what_to_change(trace: AnnealTrace, curves: pd.DataFrame) -> str:
    """The range of KL and of beta, and which option would reach the threshold."""
    kl_MT, beta_MT = trace.total_kl_nats_MT, trace.beta_MT
    if not np.isfinite(kl_MT).any():
        return "No KL was finite; lower `learning_rate`."
    best = np.nanargmax(kl_MT)
    seen = (
        f"KL ran from {np.nanmin(kl_MT):.3g} to {kl_MT.flat[best]:.3g} nats "
        f"(highest at beta {beta_MT.flat[best]:.3g}), "
        f"beta from {np.nanmin(beta_MT):.3g} to {np.nanmax(beta_MT):.3g}."
    )
    lower = f"{curves['beta_closed_form'].min():.3g}"
    if (curves["status"] == NEVER_FROZE).any():
        return f"{seen} Lower `beta_min` below {lower}, or raise `steps` or `hold_steps`."
    return f"{seen} Raise `beta_max` above {curves['beta_upper'].max():.3g}, or leave it at auto."
