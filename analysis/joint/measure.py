"""What is measured of the kept codes of one network: its information on the images, and on each factor.

Shapes: T records, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ifp.analysis.information.decomposition import decompose_kl
from ifp.analysis.information.intervals import RECORD_PERMUTATIONS
from ifp.analysis.information.per_latent import Information, measure_information
from ifp.analysis.joint.held import held_nats
from ifp.analysis.joint.points import FACTOR, LATENT, joint_freezing_points
from ifp.analysis.joint.search import measure_crossing
from ifp.analysis.shift.melting import melting_points
from ifp.codes import Codes

SAMPLES = 2000
"""Draws of z for MI at a record, the same for all records: their noise hardly moves the derivative."""
RESAMPLES = 2
"""Resamples of the images at a record: none of their intervals is used, and two are the fewest there can be."""
ENOUGH = 2.0
"""Multiple of the threshold above which the bound of the first classifier is enough, and the second is not fitted."""


def measure_mi(codes: Codes, seed: int) -> tuple[dict[str, float | bool], Information | None]:
    """A record's row of mi.csv, and its NMI where the factors are known."""
    parts = decompose_kl(codes, samples=SAMPLES, seed=seed)
    row: dict[str, float | bool] = {
        "mi_nats": parts.index_code_mi_nats,
        "mi_stderr_nats": parts.index_code_mi_stderr_nats,
        "mi_upper_nats": parts.index_code_mi_upper_nats,
        "cap_nats": parts.cap_nats,
        "near_cap": parts.near_cap,
        "total_correlation_nats": parts.total_correlation_nats,
        "dimwise_kl_nats": parts.dimwise_kl_nats,
    }
    kl_nats_D = codes.kl_nats_D()
    row |= {"kl_nats": float(kl_nats_D.sum())} | {f"kl_nats_{latent}": float(kl) for latent, kl in enumerate(kl_nats_D)}
    if not codes.has_factors:
        return row, None
    information = measure_information(
        codes, "posterior", permutations=RECORD_PERMUTATIONS, bootstraps=RESAMPLES, seed=seed
    )
    for rank in (1, 2):
        ordered_DF = np.sort(information.nmi_DF - information.floor_nmi_DF, axis=0)[::-1]
        ranked_F = ordered_DF[rank - 1] if len(ordered_DF) >= rank else np.zeros(ordered_DF.shape[1])
        row |= {f"nmi{rank}_{name}": float(nmi) for name, nmi in zip(codes.factor_names, ranked_F, strict=True)}
    return row, information


def measure_points(
    beta_T: np.ndarray,
    codes_T: Sequence[Codes],
    *,
    direction: str,
    seed: int,
    threshold_nats: float,
    codes_seed: int,
    measured: Callable[[], None] = lambda: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One network's freezing points in one direction, and the curves behind them, one row per record.

    Parameters
    ----------
    measured : called once for each factor.

    Returns
    -------
    The points with `POINT_COLUMNS`; and `direction, seed, beta, kl_nats_D ..., info_nats_FACTOR ...`, the latter NaN
    where it was not needed.
    """
    kl_nats_TD = np.stack([codes.kl_nats_D() for codes in codes_T])
    names = codes_T[0].factor_names
    # all that is known of anything is at most the KL
    ceiling_T = kl_nats_TD.sum(axis=1)
    info_nats_TF = np.full((len(beta_T), len(names)), np.nan)
    for factor in range(len(names)):

        def held(at: int, factor: int = factor) -> float:
            return held_nats(codes_T[at], factor, seed=codes_seed, enough_nats=ENOUGH * threshold_nats)

        info_nats_TF[:, factor] = measure_crossing(held, ceiling_T, threshold_nats)
        measured()
    points = joint_freezing_points(
        beta_T, kl_nats_TD, info_nats_TF, names, direction=direction, seed=seed, threshold_nats=threshold_nats
    )
    columns = {f"kl_nats_{latent}": kl_nats_TD[:, latent] for latent in range(kl_nats_TD.shape[1])}
    columns |= {f"info_nats_{name}": info_nats_TF[:, factor] for factor, name in enumerate(names)}
    return points, pd.DataFrame({"direction": direction, "seed": seed, "beta": beta_T, **columns})


def with_half_nmi(
    points: pd.DataFrame,
    beta_T: np.ndarray,
    kl_nats_TD: np.ndarray,
    information_T: Sequence[Information],
    factor_names: Sequence[str],
    threshold_nats: float,
) -> pd.DataFrame:
    """`points` of a cooled network with `beta_half_nmi`: where a factor's largest NMI passes half of its last value.

    It depends on where beta ended. Of a network none of whose latents passed the threshold it says nothing.
    """
    if not information_T or not (kl_nats_TD[-1] >= threshold_nats).any():
        return points
    half = melting_points(beta_T, kl_nats_TD, information_T, factor_names, threshold_nats=threshold_nats)
    half = half[half["kind"] == FACTOR]
    beta_of = dict(zip(half["name"], half["beta_ifp"], strict=True))
    return points.assign(beta_half_nmi=points["name"].map(beta_of).where(points["kind"] != LATENT))
