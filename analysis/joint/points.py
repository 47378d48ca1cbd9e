"""Joint freezing points: where each factor's joint information, and each latent's KL, crosses the threshold for good.

Both cross at a level that does not depend on where beta ends. The old level, half of the largest NMI at the lowest
beta, stands beside them as `beta_half_nmi`.

Shapes: T records, D latents, F factors, M curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ifp.analysis.freezing.median_interval import median_interval
from ifp.analysis.freezing.points import ABOVE, BELOW, FROZEN, freezing_points
from ifp.trace import OK, AnnealTrace

FACTOR, LATENT = "factor", "latent"
POINT_COLUMNS = (
    "kind", "name", "direction", "seed", "beta_ifp", "status", "beta_bracket_low", "beta_bracket_high",
    "threshold_nats", "beta_half_nmi",
)  # fmt: skip
SUMMARY_COLUMNS = (
    "factor", "networks", "cool_median", "cool_low", "cool_high", "cool_frozen", "heat_median", "heat_low", "heat_high",
    "heat_frozen", "beta_half_nmi", "beta_alone", "beta_given_rest", "cool_bound", "heat_bound",
)  # fmt: skip


_SIDES = {-np.inf: "<", np.inf: ">"}
"""Where a median among censored networks lies: below, or above, all betas that were tried."""


def joint_freezing_points(
    beta_T: np.ndarray,
    kl_nats_TD: np.ndarray,
    info_nats_TF: np.ndarray,
    factor_names: Sequence[str],
    *,
    direction: str,
    seed: int,
    threshold_nats: float = 0.1,
) -> pd.DataFrame:
    """One row per factor, then one per latent, of one network and direction, with POINT_COLUMNS.

    Crossings and statuses are those of traversals (`ifp.analysis.freezing.points`): cooled curves cross where they rise
    above the threshold for good, heated ones where they fall below it for good. The KL of latents is smoothed as there.
    The information on factors is not smoothed, because a running median lags at the end of a curve, and each of its
    records is an average over many images already. What never rose above it in either direction is never_froze.

    Parameters
    ----------
    beta_T, kl_nats_TD : in the order of the records. info_nats_TF : of `held_nats`, NaN where it was not measured.
    """
    names = [*factor_names, *(str(latent) for latent in range(kl_nats_TD.shape[1]))]
    curves_TM = np.concatenate([info_nats_TF, kl_nats_TD], axis=1)
    members = len(names)
    blank = np.full(members, np.nan)
    trace = AnnealTrace(
        factor_M=np.array(names, dtype=object),
        context_MF=np.zeros((members, 1), dtype=int),
        seed_M=np.full(members, seed),
        method_M=np.full(members, "train", dtype=object),
        direction_M=np.full(members, direction, dtype=object),
        status_M=np.full(members, OK, dtype=object),
        n_images_M=np.zeros(members, dtype=int),
        beta_closed_form_M=blank,
        beta_upper_M=blank.copy(),
        beta_MT=np.where(np.isfinite(curves_TM.T), beta_T, np.nan),
        recon_nats_MT=np.full(curves_TM.T.shape, np.nan),
        kl_nats_MTD=curves_TM.T[:, :, None].copy(),
    )
    factors, latents = np.arange(len(factor_names)), np.arange(len(factor_names), members)
    crossings = pd.concat(
        [
            freezing_points(trace.select(factors), threshold_nats=threshold_nats, smoothing_records=1),
            freezing_points(trace.select(latents), threshold_nats=threshold_nats),
        ],
        ignore_index=True,
    )
    kind = [FACTOR] * len(factor_names) + [LATENT] * kl_nats_TD.shape[1]
    return crossings.rename(columns={"factor": "name"}).assign(kind=kind, beta_half_nmi=np.nan)[list(POINT_COLUMNS)]


def summarize_joint(points: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """One row per factor with SUMMARY_COLUMNS: median over networks of either direction, with its interval.

    A network that froze below, or above, all betas that were tried takes part by its side; where the median is among
    those, it is empty and `cool_bound` or `heat_bound` says on which side it lies. Intervals are empty with
    fewer than 6 networks; see `ifp.analysis.freezing.median_interval`.

    Parameters
    ----------
    points : the tables of `joint_freezing_points`, one below the other. edges : `joint_edges` of `edge_tables`.
    """
    factors = points[points["kind"] == FACTOR]
    rows = []
    for name, part in factors.groupby("name", sort=False):
        row: dict[str, object] = {"factor": name, "networks": part["seed"].nunique()}
        for direction in ("cool", "heat"):
            networks = part[part["direction"] == direction]
            interval = median_interval(ordered_values(networks), networks["seed"].to_numpy())
            row |= {
                f"{direction}_median": _known(interval.median),
                f"{direction}_low": interval.low,
                f"{direction}_high": interval.high,
                f"{direction}_frozen": int((networks["status"] == FROZEN).sum()),
                f"{direction}_bound": _SIDES.get(interval.median, ""),
            }
        half = part["beta_half_nmi"].dropna()
        row["beta_half_nmi"] = float(half.median()) if len(half) else np.nan
        edge = edges[edges["factor"] == name]
        for column in ("beta_alone", "beta_given_rest"):
            row[column] = float(edge[column].iloc[0]) if len(edge) else np.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def ordered_values(points: pd.DataFrame) -> np.ndarray:
    """The freezing points, infinite on the side on which a censored one lies; NaN where nothing is known."""
    values = points["beta_ifp"].to_numpy(float)
    status = points["status"]
    return np.where(status.isin(BELOW), -np.inf, np.where(status.isin(ABOVE), np.inf, values))


def _known(value: float) -> float:
    return value if np.isfinite(value) else np.nan
