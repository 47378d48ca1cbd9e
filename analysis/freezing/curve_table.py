"""What a trace figure shows, as one long table: KL against beta of many members faintly and of one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import FROZEN, hysteresis
from ifp.trace import AnnealTrace

if TYPE_CHECKING:
    from ifp.analysis.freezing.annealing import Annealing

CURVE_COLUMNS = ("factor", "context", "seed", "method", "direction", "role", "latent", "beta", "kl_nats")
LABELS = ("factor", "context", "seed", "method", "direction")
MEMBER, TYPICAL = "member", "typical"
KEY = ["context", "seed"]


def curve_table(
    trace: AnnealTrace | Annealing, points: pd.DataFrame, *, factor: str, method: str | None = None, most: int = 24
) -> pd.DataFrame:
    """The curves of one factor's figure, one row per record.

    Parameters
    ----------
    trace : the curves. points : `freezing_points` of the same trace, row by row.
    factor : which one. method : "exact" or "train"; None for both. most : members drawn at most, evenly spaced in the
        order of their freezing points; more would only thicken the figure.

    Returns
    -------
    DataFrame with `CURVE_COLUMNS`. `role` is "typical" for the member whose freezing point is nearest to the median
    (of those with the most curves that froze), else "member". `latent` is "total", and for the typical member of a
    model with several latents also each latent's number. Exact branches stand for themselves only where there is no
    equilibrium curve or, for the typical member, where the two differ (hysteresis).
    """
    assert len(points) == len(trace)
    rows = points.reset_index(drop=True)
    rows = rows[(rows["factor"] == factor) & (rows["method"] != "closed-form")]
    if method is not None:
        rows = rows[rows["method"] == method]
    if rows.empty:
        return pd.DataFrame(columns=list(CURVE_COLUMNS))
    typical, chosen = _members(rows, most)
    branches = set(map(tuple, hysteresis(rows)[KEY].to_numpy().tolist()))
    has_equilibrium = bool((rows["direction"] == "equilibrium").any())
    curves, labels = [], []
    for label, row in rows.iterrows():
        key = (row["context"], row["seed"])
        is_branch = row["method"] == "exact" and row["direction"] != "equilibrium" and has_equilibrium
        if key not in chosen or (is_branch and not (key == typical and key in branches)):
            continue
        role = TYPICAL if key == typical else MEMBER
        for latent, beta_T, kl_T in _curves(trace, int(str(label)), role):
            curves.append((beta_T, kl_T))
            labels.append((*(row[name] for name in LABELS), role, latent))
    # made at once: a table per curve costs more than all of their numbers
    table = pd.DataFrame(labels, columns=[*LABELS, "role", "latent"])
    table = table.loc[np.repeat(table.index, [len(beta_T) for beta_T, _ in curves])].reset_index(drop=True)
    table["beta"], table["kl_nats"] = (np.concatenate(part) for part in zip(*curves, strict=True))
    return table[list(CURVE_COLUMNS)]


def _members(rows: pd.DataFrame, most: int) -> tuple[tuple[str, int], set[tuple[str, int]]]:
    """The typical member, and those to draw."""
    frozen = rows.assign(froze=rows["status"] == FROZEN, ln_beta=np.log(rows["beta_ifp"]))
    members = frozen.groupby(KEY, sort=False).agg(froze=("froze", "sum"), ln_beta=("ln_beta", "mean"))
    members = members.sort_values("ln_beta", kind="stable", na_position="first")
    complete = members[members["froze"] == members["froze"].max()]
    typical = tuple(complete.index[(len(complete) - 1) // 2])
    picked = np.unique(np.linspace(0, len(members) - 1, min(most, len(members))).round().astype(int))
    return typical, {typical, *map(tuple, members.index[picked])}


def _curves(trace: AnnealTrace | Annealing, member: int, role: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The total of one curve and, for the typical member, every latent that held anything: (latent, betas, KL)."""
    beta_T, kl_TD = trace.beta_MT[member], trace.kl_nats_MTD[member]
    recorded_T = np.isfinite(beta_T) & np.isfinite(kl_TD).all(axis=1)
    latents = {"total": kl_TD[recorded_T].sum(axis=1)}
    active_D = np.flatnonzero((kl_TD[recorded_T] > 0).any(axis=0))
    if role == TYPICAL and len(active_D) > 1:
        latents |= {str(latent): kl_TD[recorded_T, latent] for latent in active_D}
    return [(latent, beta_T[recorded_T], kl_T) for latent, kl_T in latents.items()]
