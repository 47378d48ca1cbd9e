"""The tables of a diagnosis: one row per factor, who holds it; one row per latent, what it holds.

Shapes: D latents, F factors, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.holders import SEPARATOR, above_noise_DF, factor_numbers, held_DF, latent_status
from ifp.analysis.information.intervals import LEVEL, corrected_interval, without_rounding
from ifp.analysis.information.per_latent import Information

FACTOR_COLUMNS = (
    "estimator", "factor", "values", "entropy_nats", "nmi1", "nmi1_low", "nmi1_high", "latent1", "nmi2", "nmi2_low",
    "nmi2_high", "latent2", "gap", "gap_low", "gap_high", "carriers", "carriers_low", "carriers_high",
    "excess_nmi1", "excess_nmi1_low", "excess_nmi1_high", "carrier1", "nmi1_above_noise", "excess_nmi2",
    "excess_nmi2_low", "excess_nmi2_high", "carrier2", "nmi2_above_noise", "held_by",
)  # fmt: skip
LATENT_COLUMNS = (
    "estimator", "latent", "kl_nats", "kl_low", "kl_high", "status", "largest_nmi", "rest_nmi", "purity", "holds",
)  # fmt: skip


def factor_table(information: Information, names: Sequence[str], sizes: Sequence[int]) -> pd.DataFrame:
    """One row per factor with `FACTOR_COLUMNS`.

    nmi1, nmi2, gap : largest NMI over latents, the second, their difference, as counted: they hold the estimator's
        bias, as the literature's do; their intervals do not.
    latent1, latent2 : which latents; with a single latent nmi2 is 0 and latent2 -1.
    carriers : see `factor_numbers`.
    excess_nmi1, excess_nmi2 : largest and second largest NMI less the latent's own floor, of latents above the noise
        before others, carrier1 and carrier2 those latents, with `nmi_interval_DF`'s intervals. Where floors differ
        between latents (the posterior estimator takes as many cells as a latent can tell apart) these, and not the NMI
        as counted, say who holds a factor.
    nmi1_above_noise, nmi2_above_noise : whether carrier1, and carrier2, is above the noise (`above_noise_DF`).
    held_by : all latents that hold it (`held_DF`), the one with the largest excess first.
    """
    estimate, boot, floor = factor_numbers(information)
    nmi_DF, num_latents = information.nmi_DF, len(information.nmi_DF)
    order_DF = np.argsort(-nmi_DF, axis=0, kind="stable")
    above_DF, holds_DF = above_noise_DF(information), held_DF(information)
    columns: dict[str, object] = {
        "estimator": information.estimator,
        "factor": list(names),
        "values": list(sizes),
        "entropy_nats": information.entropy_nats_F,
    }
    for measure, bounds in (("nmi1", (0, 1)), ("nmi2", (0, 1)), ("gap", (0, 1)), ("carriers", (1, num_latents))):
        low_F, high_F = corrected_interval(
            getattr(estimate, measure), getattr(boot, measure), floor=getattr(floor, measure)
        )
        columns[measure] = getattr(estimate, measure)
        columns[f"{measure}_low"], columns[f"{measure}_high"] = np.clip(low_F, *bounds), np.clip(high_F, *bounds)
    excess_DF = without_rounding(nmi_DF - information.floor_nmi_DF)
    carrier_DF = np.lexsort((-excess_DF, ~above_DF), axis=0)  # those above the noise first
    low_DF, high_DF = information.nmi_interval_DF(LEVEL)
    nothing_F = np.zeros(len(names))
    for rank in (1, 2):
        there = rank <= num_latents
        columns[f"latent{rank}"] = order_DF[rank - 1] if there else np.full(len(names), -1)
        columns[f"carrier{rank}"] = carrier_DF[rank - 1] if there else np.full(len(names), -1)
        columns[f"nmi{rank}_above_noise"] = above_DF.sum(axis=0) >= rank
        for ending, of_DF in (("", excess_DF), ("_low", np.clip(low_DF, 0, 1)), ("_high", np.clip(high_DF, 0, 1))):
            sorted_DF = np.take_along_axis(of_DF, carrier_DF, axis=0)
            columns[f"excess_nmi{rank}{ending}"] = sorted_DF[rank - 1] if there else nothing_F
    columns["held_by"] = [
        SEPARATOR.join(str(latent) for latent in carrier_DF[:, factor] if holds_DF[latent, factor])
        for factor in range(len(names))
    ]
    return pd.DataFrame(columns, columns=list(FACTOR_COLUMNS))


def latent_table(
    kl_nats_D: np.ndarray,
    kl_bootstrap_nats_BD: np.ndarray,
    information: Information | None = None,
    names: Sequence[str] = (),
) -> pd.DataFrame:
    """One row per latent with `LATENT_COLUMNS`; without information on factors estimator and holds are "".

    largest_nmi : the NMI with its first factor. rest_nmi : the sum of the others (purity in DEFT's notebooks: 0 is
        pure).
    purity : the largest share of the excess over the floor, 1 is pure; NaN where nothing is above the noise.
    holds : the factors it holds, the largest first.
    """
    low_D, high_D = corrected_interval(kl_nats_D, kl_bootstrap_nats_BD)
    table = pd.DataFrame(
        {
            "estimator": information.estimator if information else "",
            "latent": np.arange(len(kl_nats_D)),
            "kl_nats": kl_nats_D,
            "kl_low": np.maximum(low_D, 0),
            "kl_high": high_D,
            "status": [latent_status(kl) for kl in kl_nats_D],
            "largest_nmi": np.nan,
            "rest_nmi": np.nan,
            "purity": np.nan,
            "holds": "",
        },
        columns=list(LATENT_COLUMNS),
    )
    if information is None:
        return table
    nmi_DF, holds_DF = information.nmi_DF, held_DF(information)
    above_DF = above_noise_DF(information)
    excess_DF = np.maximum(nmi_DF - information.floor_nmi_DF, 0) * above_DF
    total_D = excess_DF.sum(axis=1)
    table["largest_nmi"] = nmi_DF.max(axis=1)
    table["rest_nmi"] = nmi_DF.sum(axis=1) - nmi_DF.max(axis=1)
    table["purity"] = np.divide(excess_DF.max(axis=1), total_D, out=np.full(len(total_D), np.nan), where=total_D > 0)
    table["holds"] = [
        SEPARATOR.join(
            names[factor] for factor in np.argsort(-excess_DF[latent], kind="stable") if holds_DF[latent, factor]
        )
        for latent in range(len(nmi_DF))
    ]
    return table
