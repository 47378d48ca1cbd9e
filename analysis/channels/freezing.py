"""Freezing points of channels and of hotspots: at which beta a recurring piece of information froze in each run.

A latent's freezing point is where its KL passes the threshold of the annealing test, as in `ifp.analysis.diffusion.
melting`; a channel of several latents is judged by the sum of their KL. What a fingerprint holds is what the latent has
held without a break since: with falling beta the last upward crossing counts, so that a latent that died and froze
again is not given its first life; with rising beta the last downward one. KL and thresholds are in nats.

Shapes: T records of a trace, D latents, L latents of a channel, M channels of a hotspot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ifp.analysis.freezing.median_interval import median_interval
from ifp.analysis.freezing.points import ABOVE, BELOW, FROZEN, FROZEN_AT_START, NEVER_FROZE, NEVER_MELTED
from ifp.analysis.shift.melting import last_crossing
from ifp.errors import IfpError, bad_value, counted
from ifp.fingerprints.models import KlTrace, Model, Similarity

if TYPE_CHECKING:
    from ifp.analysis.channels.hotspot import Hotspots

CHANNEL_COLUMNS = (
    "channel", "name", "member", "run", "latents", "beta_ifp", "status", "bracket_low", "bracket_high", "kl_nats",
    "beta_from", "beta_to", "threshold_nats",
)  # fmt: skip
HOTSPOT_COLUMNS = (
    "hotspot", "name", "channels", "runs", "without_trace", "frozen", "below", "above", "median", "bound", "low",
    "high", "quartile_low", "quartile_high", "least", "most", "threshold_nats",
)  # fmt: skip
_ROUNDING = 1e-6
"""Relative tolerance when a beta is compared with one read back from a file."""


def channel_freezing(similarity: Similarity, models: Sequence[Model], threshold_nats: float = 0.1) -> pd.DataFrame:
    """The freezing point of each channel whose model has a trace of at least two betas, one row each.

    Only the last stretch of a trace over which beta moves one way counts, up to the beta of the model itself where it
    is a checkpoint on the way; of several records at one beta the last. Between two betas the point is interpolated,
    KL linear in ln beta.

    Parameters
    ----------
    similarity : whose channels' `model` and `latents` point into `models`.
    threshold_nats : the KL of a channel, nats summed over its latents, that counts as frozen.

    Returns
    -------
    DataFrame with `CHANNEL_COLUMNS`: `channel` is the place in `similarity`, `run` the first model with the same
    trace, `latents` a text. `status` is one of those of `ifp.analysis.freezing.points`; `beta_ifp` is NaN unless it is
    "frozen". `bracket_low`, `bracket_high`: the betas either side of the crossing, of a censored channel the one bound
    that is known (never_froze: high is the lowest beta; frozen_at_start, never_melted: low is the highest). `kl_nats`
    is that of the last record; beta went from `beta_from` to `beta_to`.

    Raises
    ------
    IfpError : the threshold is not positive, or a channel has a latent that its model's trace has not.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): the annealing test; 0.1 nat is the threshold of the author's code.
    """
    if not 0 < threshold_nats < np.inf:
        raise bad_value("threshold_nats", threshold_nats, "a positive number")
    stretches = [None if model.trace is None else _last_stretch(model.trace, model.beta) for model in models]
    runs = _runs(models)
    rows: list[dict[str, object]] = []
    for place in similarity.latents().tolist():
        channel = similarity.channels[place]
        stretch = stretches[channel.model]
        if stretch is None:
            continue
        beta_T, kl_nats_TD = stretch
        if max(channel.latents) >= kl_nats_TD.shape[1]:
            raise IfpError(
                f"{channel.name} has latent {max(channel.latents)}, but the trace of {models[channel.model].name} "
                f"has {counted(kl_nats_TD.shape[1], 'latent')}; give the records of that model."
            )
        kl_nats_T = kl_nats_TD[:, list(channel.latents)].sum(axis=1)
        rows.append(
            {
                "channel": place,
                "name": channel.name,
                "member": channel.model,
                "run": runs[channel.model],
                "latents": "+".join(map(str, channel.latents)),
                **_crossing(beta_T, kl_nats_T, threshold_nats),
                "kl_nats": float(kl_nats_T[-1]),
                "beta_from": float(beta_T[0]),
                "beta_to": float(beta_T[-1]),
                "threshold_nats": float(threshold_nats),
            }
        )
    return pd.DataFrame(rows, columns=list(CHANNEL_COLUMNS))


def hotspot_freezing(
    hotspots: Hotspots,
    models: Sequence[Model],
    *,
    threshold_nats: float = 0.1,
) -> pd.DataFrame:
    """How the freezing points of each hotspot's channels are distributed, one row per hotspot.

    Checkpoints of one training are one run: a latent of it counts once, as in its last checkpoint among the channels.

    Parameters
    ----------
    hotspots : see `ifp.analysis.channels.hotspots`. models : of the ensemble they were found in.
    threshold_nats : see `channel_freezing`.

    Returns
    -------
    DataFrame with `HOTSPOT_COLUMNS`, of runs that have the hotspot: `channels` with a freezing point or a bound of it
    from `runs`, and `without_trace` those that no trace tells of; how many are `frozen`, and `below` or `above` the
    betas that were tried. Those keep their place in the order: where the median falls among them `bound` is "<" or ">"
    and `median` is the median of their bounds. `low` to `high` is its 95 % interval over runs (`median_interval`; a
    run counts by the median of its channels), none with fewer than 6 runs; `quartile_low` to `quartile_high` the middle
    half of the channels. Each is NaN where it is open on that side; `least` and `most` are of the frozen ones.
    """
    points = channel_freezing(hotspots.similarity, models, threshold_nats)
    rows = []
    for hotspot in hotspots.hotspots:
        of_it = points[points["channel"].isin(hotspot.channels)]
        latest = of_it.sort_values("member").drop_duplicates(["run", "latents"], keep="last")
        rows.append(
            {
                "hotspot": hotspot.number,
                "name": hotspot.name,
                "channels": len(latest),
                "runs": latest["run"].nunique(),
                "without_trace": len(hotspot.channels) - len(of_it),
                **_distribution(latest),
                "threshold_nats": float(threshold_nats),
            }
        )
    return pd.DataFrame(rows, columns=list(HOTSPOT_COLUMNS))


def _runs(models: Sequence[Model]) -> list[int]:
    """For each model the first one whose trace is the same: checkpoints of one training share it."""
    first: dict[tuple[bytes, bytes], int] = {}
    return [
        place
        if model.trace is None
        else first.setdefault((model.trace.beta_T.tobytes(), model.trace.kl_nats_TD.tobytes()), place)
        for place, model in enumerate(models)
    ]


def _last_stretch(trace: KlTrace, beta: float | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Distinct betas [T] in order of time and KL [T, D] of each one's last record; None with fewer than two betas."""
    if trace.kl_nats_TD.ndim != 2 or trace.beta_T.shape != trace.kl_nats_TD.shape[:1]:
        raise IfpError(
            f"A trace needs the KL of each latent at each of its {trace.beta_T.shape} betas, got shape "
            f"{trace.kl_nats_TD.shape}."
        )
    usable_T = np.isfinite(trace.beta_T) & (trace.beta_T > 0) & np.isfinite(trace.kl_nats_TD).all(axis=1)
    beta_T, kl_nats_TD = trace.beta_T[usable_T].astype(float), trace.kl_nats_TD[usable_T]
    last_of_beta_T = np.append(np.diff(beta_T) != 0, True)[: len(beta_T)]
    beta_T, kl_nats_TD = beta_T[last_of_beta_T], kl_nats_TD[last_of_beta_T]
    if len(beta_T) < 2:
        return None
    rises = np.diff(beta_T) > 0
    turns = np.flatnonzero(rises != rises[-1])
    begin = int(turns[-1]) + 1 if len(turns) else 0
    beta_T, kl_nats_TD = beta_T[begin:], kl_nats_TD[begin:]
    if beta is not None:
        done_T = beta_T <= beta * (1 + _ROUNDING) if rises[-1] else beta_T >= beta * (1 - _ROUNDING)
        beta_T, kl_nats_TD = beta_T[done_T], kl_nats_TD[done_T]
    return (beta_T, kl_nats_TD) if len(beta_T) > 1 else None


def _crossing(beta_T: np.ndarray, kl_nats_T: np.ndarray, threshold_nats: float) -> dict[str, object]:
    """beta_ifp, status and bracket of one curve whose betas are in order of time."""
    falls = beta_T[0] > beta_T[-1]
    if falls:
        beta_T, kl_nats_T = beta_T[::-1], kl_nats_T[::-1]
    held_T = kl_nats_T >= threshold_nats
    point, low, high = np.nan, np.nan, np.nan
    if not falls and held_T[-1]:
        # nothing melted; that a young network held less at low betas says nothing of them
        status, low = NEVER_MELTED, beta_T[-1]
    elif not held_T[0]:
        status, high = NEVER_FROZE, beta_T[0]
    elif held_T.all():
        status, low = FROZEN_AT_START, beta_T[-1]
    else:
        # from the lowest beta up: the records beyond the first break, where beta fell, are of an earlier life
        after = int(np.argmin(held_T)) if falls else int(np.flatnonzero(held_T)[-1]) + 1
        status, low, high = FROZEN, beta_T[after - 1], beta_T[after]
        point = last_crossing(beta_T[: after + 1], kl_nats_T[: after + 1], threshold_nats)
    return {"beta_ifp": point, "status": status, "bracket_low": float(low), "bracket_high": float(high)}


def _distribution(points: pd.DataFrame) -> dict[str, object]:
    below, above = (points["status"].isin(side).to_numpy() for side in (BELOW, ABOVE))
    value_M = np.where(below, -np.inf, np.where(above, np.inf, points["beta_ifp"].to_numpy(float)))
    run_M = points["run"].to_numpy()
    interval = median_interval(value_M, run_M)
    median, bound = interval.median, ""
    if np.isinf(median):
        # each channel's point is at most (least) its own bound, so their median is at most (least) that of the bounds
        bound, side, censored = ("<", "bracket_high", below) if median < 0 else (">", "bracket_low", above)
        median = median_interval(np.where(censored, points[side].to_numpy(float), value_M), run_M).median
        median, bound = (median, bound) if np.isfinite(median) else (np.nan, "")  # as many above as below
    frozen_M = value_M[np.isfinite(value_M)]
    # order statistics, rounded outward: what is censored cannot be interpolated
    low, high = np.nan, np.nan
    if len(value_M):
        low, high = np.quantile(value_M, 0.25, method="lower"), np.quantile(value_M, 0.75, method="higher")
    ends = (interval.low, interval.high, low, high)
    names = ("low", "high", "quartile_low", "quartile_high")
    return {
        "frozen": len(frozen_M),
        "below": int(below.sum()),
        "above": int(above.sum()),
        "median": median,
        "bound": bound,
        **{name: float(end) if np.isfinite(end) else np.nan for name, end in zip(names, ends, strict=True)},
        "least": float(frozen_M.min()) if len(frozen_M) else np.nan,
        "most": float(frozen_M.max()) if len(frozen_M) else np.nan,
    }
