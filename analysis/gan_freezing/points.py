"""At which pressure each code of a GAN, and each factor in them, freezes as the weight of information rises, and melts.

The pressure is 1 / weight of information. A code is frozen where its information bound H - NLL on generated images
is at least the threshold; a factor where its largest NMI over the codes (real images, as sampled, above the noise
floor) is at least half of what it is at the lowest pressure. Between two records the pressure is interpolated, the
measure linear in its logarithm.

These are points of an adversarial training and no equilibrium: there is no likelihood, hence no edge in closed form,
and a pressure here is no beta of a VAE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ifp.analysis.shift.melting import last_crossing
from ifp.analysis.tables import Column
from ifp.errors import IfpError
from ifp.training.records import posterior_column

COOL, HEAT = "cool", "heat"
"""Pressure falls (the weight of information rises), then rises again."""
FROZE, MELTED, NEVER, ALWAYS = "froze", "melted", "never held", "held throughout"
"""Statuses of a point; only the first two have a pressure."""
LEAST_NMI = 0.02
"""A factor whose NMI above the floor is smaller than this at the lowest pressure is not held."""
POINT_COLUMNS = ("seed", "direction", "kind", "name", "pressure", "info_weight", "status", "level", "at_lowest")
SUMMARY_COLUMNS = (
    "kind", "name", "cool_median", "cool_froze", "cool_held", "heat_median", "heat_melted", "heat_held", "seeds",
)  # fmt: skip
RECORDS: dict[str, Column] = {
    "seed": "whole", "step": "whole", "pressure": "given positive", "bound_nats_*": "number",
}  # fmt: skip
"""The columns of records.csv of a sweep that are drawn."""


def freezing_points(
    records: pd.DataFrame, factor_names: Sequence[str], *, threshold_nats: float = 0.1, hold_steps: int = 0
) -> pd.DataFrame:
    """One row per seed, direction and code or factor, with `POINT_COLUMNS`.

    Parameters
    ----------
    records : rows of records.csv of GANs whose weight of information rose, or rose and fell.
    factor_names : of the data; empty without factors.
    hold_steps : records up to this step are of the time before the pressure moved, and left out.

    Returns
    -------
    `level` is what had to be passed, `at_lowest` the measure at the lowest pressure.

    Raises
    ------
    IfpError : fewer than 2 records in a direction.
    """
    rows = []
    for _, of_seed in records[records["step"] >= hold_steps].groupby("seed"):
        turn = int(of_seed["pressure"].to_numpy().argmin())
        number = int(of_seed["seed"].iloc[0])
        for direction, part in ((COOL, of_seed.iloc[: turn + 1]), (HEAT, of_seed.iloc[turn:])):
            if direction == HEAT and len(part) == 1:
                continue  # the sweep ended where it turned
            if len(part) < 2:
                raise IfpError(f"Freezing points need at least 2 records in each direction, got {len(part)}.")
            ascending = part.sort_values("pressure", kind="stable")
            for kind, name, value_T, level in _measures(ascending, factor_names, threshold_nats):
                rows.append((number, direction, kind, name, *_point(ascending, value_T, level, direction)))
    return pd.DataFrame(rows, columns=list(POINT_COLUMNS))


def _measures(
    ascending: pd.DataFrame, factor_names: Sequence[str], threshold_nats: float
) -> Iterator[tuple[str, str, np.ndarray, float]]:
    """Kind, name, values and the level to be passed of each factor and code; infinity for a factor that is not held."""
    for factor in factor_names:
        value_T = ascending[posterior_column(1, factor)].to_numpy(dtype=float)
        yield "factor", factor, value_T, value_T[0] / 2 if value_T[0] >= LEAST_NMI else float("inf")
    for column in ascending.columns:
        if column.startswith("bound_nats_"):
            value_T = ascending[column].to_numpy(dtype=float)
            yield "code", column.removeprefix("bound_nats_"), value_T, threshold_nats


def _point(
    ascending: pd.DataFrame, value_T: np.ndarray, level: float, direction: str
) -> tuple[float, float, str, float, float]:
    pressure_T = ascending["pressure"].to_numpy(dtype=float)
    pressure = last_crossing(pressure_T, value_T, level)
    status = FROZE if direction == COOL else MELTED
    if np.isnan(pressure):
        status = ALWAYS if (value_T >= level).any() else NEVER
    return pressure, 1 / pressure, status, level if np.isfinite(level) else float("nan"), float(value_T[0])


def summarise(points: pd.DataFrame) -> pd.DataFrame:
    """One row per factor and code, with `SUMMARY_COLUMNS`: medians over the seeds that froze or melted, and how many.

    Each network numbers its codes for itself: code 0 of one seed is not code 0 of another. So code "1" here is the one
    that each network froze first, "2" its second, and so on. `cool_held` and `heat_held` count the seeds that held it
    at the highest pressure too, where it neither froze nor melted.
    """
    named = points.assign(name=_names(points))
    rows = []
    for (kind, name), group in named.groupby(["kind", "name"], sort=False):
        row: dict[str, object] = {"kind": kind, "name": name, "seeds": group["seed"].nunique()}
        for direction, verb in ((COOL, FROZE), (HEAT, MELTED)):
            part = group.loc[(group["direction"] == direction) & (group["status"] == verb), "pressure"]
            row[f"{direction}_median"] = float(part.median()) if len(part) else float("nan")
            row[f"{direction}_{verb}"] = len(part)
            held = (group["direction"] == direction) & (group["status"] == ALWAYS)
            row[f"{direction}_held"] = int(held.sum())
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    factors, codes = table[table["kind"] == "factor"], table[table["kind"] == "code"]
    factors = factors.sort_values("cool_median", ascending=False, kind="stable")
    return pd.concat([factors, codes.sort_values("name", key=lambda names: names.astype(int))], ignore_index=True)


def _names(points: pd.DataFrame) -> list[str]:
    """The name of each row's factor; of a code its place in the order in which its network froze codes, from 1."""
    places: dict[tuple[int, str], int] = {}
    cooled = points[(points["kind"] == "code") & (points["direction"] == COOL)]
    for _, of_seed in cooled.groupby("seed"):
        seed = int(of_seed["seed"].iloc[0])
        pressure = of_seed["pressure"].mask(of_seed["status"] == ALWAYS, np.inf).fillna(-np.inf)
        order = np.argsort(-pressure.to_numpy(), kind="stable")
        places |= {(seed, of_seed["name"].iloc[code]): place for place, code in enumerate(order, start=1)}
    rows = zip(points["seed"], points["kind"], points["name"], strict=True)
    return [str(places[int(seed), name]) if kind == "code" else name for seed, kind, name in rows]
