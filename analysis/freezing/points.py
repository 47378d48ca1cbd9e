"""Freezing points: at which beta does each member's KL cross the threshold and stay across?

Shapes: M members (curves), T records, W records of a smoothing window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ifp.datasets.factors import MOVING
from ifp.errors import IfpError
from ifp.system.settings import check_threshold
from ifp.trace import DIVERGED, NO_NUISANCE, AnnealTrace

if TYPE_CHECKING:
    from ifp.analysis.freezing.annealing import Annealing

FROZEN = "frozen"
NEVER_FROZE, FROZEN_AT_START, NEVER_MELTED = "never_froze", "frozen_at_start", "never_melted"
STATUSES = (FROZEN, NEVER_FROZE, FROZEN_AT_START, NEVER_MELTED, DIVERGED)
BELOW, ABOVE = (NEVER_FROZE,), (FROZEN_AT_START, NEVER_MELTED)
"""Censored statuses by the side on which the freezing point lies: below or above the betas that were tried."""

COLUMNS = (
    "dataset", "factor", "context", "seed", "method", "direction", "beta_ifp", "status", "beta_closed_form",
    "beta_upper", "threshold_nats", "n_images", "likelihood", "beta_bracket_low", "beta_bracket_high",
    "nuisance",
)  # fmt: skip
SMOOTHING_RECORDS = 5
KL_FLOOR_NATS = 1e-6
"""A collapsed latent's KL is 0 up to rounding; below this a logarithm would only measure the rounding."""


def freezing_points(
    trace: AnnealTrace | Annealing,
    *,
    threshold_nats: float | None = None,
    dataset: str | None = None,
    likelihood: str | None = None,
    factor_names: Sequence[str] | None = None,
    smoothing_records: int = SMOOTHING_RECORDS,
) -> pd.DataFrame:
    """One row per curve of `trace`, with the beta at which its total KL crosses the threshold for good.

    Cooling and equilibrium curves: the last upward crossing as beta falls, after which the KL stays above. Heating
    curves: the last downward crossing as beta rises, after which it stays below. Interpolated between the two records,
    ln KL linear in ln beta (KL itself where one of the two is 0). Trained curves are first smoothed by a running median
    of 5 records; exact ones are not.

    Parameters
    ----------
    trace : curves of KL (nats) against beta; of an `Annealing` the settings that are left out are its own.
    threshold_nats : the total KL, summed over latents, that counts as frozen; 0.1 where nobody says.
    dataset, likelihood : copied into every row, because a freezing point means nothing without them; "" and "bernoulli"
        where nobody says.
    factor_names : the data set's factors; where given, every factor of the trace must be among them.
    smoothing_records : of the running median; 1 for none.

    Returns
    -------
    DataFrame with `COLUMNS`. `beta_ifp` is NaN unless `status` is "frozen". `beta_bracket_low` and `_high` are the
    records either side of the crossing; of a censored member the one bound that is known (never_froze: high is the
    lowest beta tried; frozen_at_start and never_melted: low is the highest). Closed-form rows have no curve: status
    "", their onset is `beta_closed_form`; where that is 0, all images being equal, never_froze. Status is also "" where
    a member has no record yet. `nuisance` is the number of the nuisance (instance) that the traversal shares with those
    of other contexts, "" for none.

    Raises
    ------
    IfpError : the threshold is not positive, or the trace holds a factor that the data set has not.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): the annealing test. The threshold of 0.1 nat is that of the author's code.
    """
    if not isinstance(trace, AnnealTrace):
        threshold_nats = trace.threshold_nats if threshold_nats is None else threshold_nats
        dataset, likelihood = dataset or trace.dataset, likelihood or trace.likelihood
        factor_names, trace = factor_names or trace.factor_names, trace.trace
    threshold_nats = 0.1 if threshold_nats is None else threshold_nats
    check_threshold("threshold_nats", threshold_nats)
    strangers = sorted(set(trace.factor_M.tolist()) - set(factor_names or trace.factor_M.tolist()))
    if factor_names and strangers:
        raise IfpError(
            f"The trace holds the factor {strangers[0]!r}, which the data set has not ({', '.join(factor_names)}); "
            "run.json and trace.npz are of different runs."
        )
    status_M, beta_M, low_M, high_M = _crossings(trace, threshold_nats, smoothing_records)
    return pd.DataFrame(
        {
            "dataset": dataset or "",
            "factor": trace.factor_M,
            "context": context_names(trace.context_MF),
            "seed": trace.seed_M,
            "method": trace.method_M,
            "direction": trace.direction_M,
            "beta_ifp": beta_M,
            "status": status_M,
            "beta_closed_form": trace.beta_closed_form_M,
            "beta_upper": trace.beta_upper_M,
            "threshold_nats": float(threshold_nats),
            "n_images": trace.n_images_M,
            "likelihood": likelihood or "bernoulli",
            "beta_bracket_low": low_M,
            "beta_bracket_high": high_M,
            "nuisance": ["" if number == NO_NUISANCE else str(number) for number in trace.nuisance_M.tolist()],
        },
        columns=list(COLUMNS),
    )


def context_names(context_MF: np.ndarray) -> list[str]:
    """Contexts as text, a star for the moving factor.

    >>> context_names(np.array([[2, 1, MOVING, 20, 11]]))
    ['2-1-*-20-11']
    """
    return ["-".join("*" if value == MOVING else str(value) for value in row) for row in context_MF.tolist()]


def running_median(kl_nats_MT: np.ndarray, window: int = SMOOTHING_RECORDS) -> np.ndarray:
    """Median of the `window` records around each record [M, T]; fewer at the ends; NaN stays NaN.

    >>> running_median(np.array([[0.0, 9.0, 0.0, 1.0, 1.0, np.nan]]), window=3)
    array([[4.5, 0. , 1. , 1. , 1. , nan]])
    """
    half = window // 2
    padded = np.pad(kl_nats_MT, ((0, 0), (half, half)), constant_values=np.nan)
    sorted_MTW = np.sort(np.lib.stride_tricks.sliding_window_view(padded, window, axis=1), axis=2)  # NaN sorts last
    count_MT1 = np.isfinite(sorted_MTW).sum(axis=2, keepdims=True)
    low = np.take_along_axis(sorted_MTW, np.maximum(count_MT1 - 1, 0) // 2, axis=2)
    high = np.take_along_axis(sorted_MTW, np.minimum(count_MT1 // 2, window - 1), axis=2)
    return np.where(np.isnan(kl_nats_MT), np.nan, ((low + high) / 2)[:, :, 0])


def _in_order(trace: AnnealTrace, smoothing_records: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln beta [M, T], total KL [M, T] (smoothed where trained) and the number of records [M].

    Records without a number come last. Exact curves are sorted along their direction, because refinement may have
    added records out of order; trained ones stay as they happened.
    """
    total_MT = trace.total_kl_nats_MT
    recorded_MT = np.isfinite(trace.beta_MT) & np.isfinite(total_MT) & (trace.beta_MT > 0)
    ln_beta_MT = np.log(np.where(recorded_MT, trace.beta_MT, np.nan))
    exact_M1 = (trace.method_M == "exact")[:, None]
    sign_M1 = np.where(trace.direction_M == "heat", 1.0, -1.0)[:, None]
    key_MT = np.where(recorded_MT, np.where(exact_M1, sign_M1 * ln_beta_MT, 0.0), np.inf)
    order_MT = np.argsort(key_MT, axis=1, kind="stable")
    ln_beta_MT = np.take_along_axis(ln_beta_MT, order_MT, axis=1)
    total_MT = np.take_along_axis(np.where(recorded_MT, total_MT, np.nan), order_MT, axis=1)
    smoothed_MT = np.where(exact_M1, total_MT, running_median(total_MT, smoothing_records))
    return ln_beta_MT, smoothed_MT, recorded_MT.sum(axis=1)


def _crossings(
    trace: AnnealTrace, threshold_nats: float, smoothing_records: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Status, freezing point, and the bracket's low and high beta, each [M]."""
    members = len(trace)
    status_M = np.full(members, "", dtype=object)
    if trace.beta_MT.shape[1] == 0:
        blank = np.full(members, np.nan)
        status_M[trace.status_M == DIVERGED] = DIVERGED
        status_M[_flat_edges(trace)] = NEVER_FROZE
        return status_M, blank, blank.copy(), blank.copy()

    ln_beta_MT, kl_MT, count_M = _in_order(trace, smoothing_records)
    heat_M = trace.direction_M == "heat"
    above_MT = kl_MT >= threshold_nats
    # records that have not crossed yet: the crossing for good follows the last one of them
    waiting_MT = np.where(heat_M[:, None], above_MT, ~above_MT) & np.isfinite(kl_MT)
    last_M = waiting_MT.shape[1] - 1 - waiting_MT[:, ::-1].argmax(axis=1)
    last_M[~waiting_MT.any(axis=1)] = -1
    end_M = count_M - 1

    status_M[:] = FROZEN
    status_M[last_M == -1] = FROZEN_AT_START
    status_M[last_M == end_M] = NEVER_FROZE
    status_M[heat_M & (last_M == -1)] = NEVER_FROZE
    status_M[heat_M & (last_M == end_M)] = NEVER_MELTED
    status_M[count_M == 0] = ""
    status_M[_flat_edges(trace)] = NEVER_FROZE
    status_M[trace.status_M == DIVERGED] = DIVERGED

    rows = np.arange(members)
    before_M = np.clip(last_M, 0, max(ln_beta_MT.shape[1] - 2, 0))
    after_M = np.minimum(before_M + 1, ln_beta_MT.shape[1] - 1)
    x0, x1 = ln_beta_MT[rows, before_M], ln_beta_MT[rows, after_M]
    k0, k1 = kl_MT[rows, before_M], kl_MT[rows, after_M]
    y0, y1 = (np.log(np.maximum(kl_M, KL_FLOOR_NATS)) for kl_M in (k0, k1))
    with np.errstate(invalid="ignore", divide="ignore"):
        # no logarithm leads from 0 to anything: it would put the crossing on the record that is not 0
        whole_M = (threshold_nats - k0) / (k1 - k0)
        share_M = np.where(np.minimum(k0, k1) <= 0, whole_M, (np.log(threshold_nats) - y0) / (y1 - y0)).clip(0, 1)
        frozen_M = status_M == FROZEN
        beta_M = np.where(frozen_M, np.exp(x0 + share_M * (x1 - x0)), np.nan)
        low_M = np.where(frozen_M, np.exp(np.minimum(x0, x1)), np.nan)
        high_M = np.where(frozen_M, np.exp(np.maximum(x0, x1)), np.nan)

    known_MT = np.isfinite(ln_beta_MT)
    lowest_M = np.exp(np.where(known_MT, ln_beta_MT, np.inf).min(axis=1))
    highest_M = np.exp(np.where(known_MT, ln_beta_MT, -np.inf).max(axis=1))
    high_M = np.where(np.isin(status_M, BELOW) & (count_M > 0), lowest_M, high_M)
    low_M = np.where(np.isin(status_M, ABOVE), highest_M, low_M)
    return status_M, beta_M, low_M, high_M


def _flat_edges(trace: AnnealTrace) -> np.ndarray:
    """Which members [M] are the closed form of a traversal of equal images: its edge is 0."""
    return (trace.method_M == "closed-form") & (trace.beta_closed_form_M == 0)


def hysteresis(points: pd.DataFrame, *, tolerance: float = 0.02) -> pd.DataFrame:
    """The exact traversals whose two branches cross at betas more than `tolerance` apart: first-order transitions.

    Returns
    -------
    DataFrame, one row per traversal: dataset, factor, context, seed, `beta_cool`, `beta_heat`, `beta_equilibrium`
    (where the two branches' objectives meet; NaN where not computed), the edges `beta_closed_form` and `beta_upper`,
    and `heat_over_cool`. Where the heating branch never melted, `beta_heat` is the highest beta it reached and
    `heat_is_bound` is True.
    """
    key = ["dataset", "factor", "context", "seed"]
    exact = points[points["method"] == "exact"]
    cool = exact[(exact["direction"] == "cool") & (exact["status"] == FROZEN)].set_index(key)
    heat = exact[(exact["direction"] == "heat") & exact["status"].isin([FROZEN, NEVER_MELTED])].set_index(key)
    equilibrium = exact[exact["direction"] == "equilibrium"].set_index(key)["beta_ifp"]
    table = cool[["beta_ifp", "beta_closed_form", "beta_upper"]].rename(columns={"beta_ifp": "beta_cool"})
    table = table.join(heat[["beta_ifp", "beta_bracket_low", "status"]], how="inner").join(
        equilibrium.rename("beta_equilibrium")
    )
    table["heat_is_bound"] = table["status"] == NEVER_MELTED
    table["beta_heat"] = table["beta_ifp"].where(~table["heat_is_bound"], table["beta_bracket_low"])
    table["heat_over_cool"] = table["beta_heat"] / table["beta_cool"]
    apart = (np.log(table["heat_over_cool"]).abs() > np.log1p(tolerance)).to_numpy(dtype=bool)
    columns = ["beta_cool", "beta_heat", "heat_is_bound", "beta_equilibrium", "beta_closed_form", "beta_upper",
               "heat_over_cool"]  # fmt: skip
    return table.loc[apart, columns].reset_index()
