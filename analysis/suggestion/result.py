"""Suggestion: which beta holds the factors that are wanted, as a table and as sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ifp.analysis.figures.result import Result
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.by_measure import EXACT, LOWER_EDGE
from ifp.analysis.freezing.summary import of_contexts
from ifp.analysis.suggestion.below import froze_below
from ifp.analysis.suggestion.held import BRACKET, JOINT, RESPONSE
from ifp.analysis.suggestion.units import Units
from ifp.analysis.tables import json_rows, write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BETAS = ("beta", "low", "high", "cool", "heat", "in_all", "tried")
HEADINGS = {
    EXACT: "exact", BRACKET: "middle of the trained bracket", LOWER_EDGE: "onset in closed form",
    JOINT: "middle of the joint bracket", RESPONSE: "multi-rate networks",
}  # fmt: skip
ALONE = (
    "These are points of one factor that moves alone, all others known. In training on the whole data set a factor may "
    "freeze at a lower beta, because the others are not known yet; how much lower this run cannot tell: "
    "`ifp anneal --whole` measures it."
)
TOGETHER = (
    "These are joint points: all factors were annealed at once, as in training on the whole data set. They are of "
    "networks of this size and schedule; what larger networks or longer training hold is not known."
)
AT_ONCE = (
    "These are joint points of networks trained for all betas at once, without a history: an amortised response, and "
    "no bracket."
)


@dataclass(frozen=True, eq=False, repr=False)
class Suggestion(Result):
    """Below which beta each factor is held, and the highest beta that holds all factors in `hold`.

    Attributes
    ----------
    source : the annealing that this is read from. held : see `ifp.analysis.suggestion.held.held_table`; betas are ours.
    hold : the factors to be held. units : in which betas are told.
    """

    source: Any
    held: pd.DataFrame
    hold: tuple[str, ...]
    units: Units = field(default_factory=Units)

    @property
    def limiting(self) -> pd.Series:
        """The row, in these units, of the factor in `hold` that freezes last, as far as that is known."""
        named = self._held()
        # one of which a bound from above alone is known may freeze after all others
        unknown = named[named["bound"] == "<"]
        candidates = named if unknown.empty else unknown
        return candidates.iloc[int(candidates["beta"].to_numpy().argmin())]

    @property
    def beta(self) -> float:
        """The highest beta that holds all factors in `hold`, in these units: the median point of the last to freeze.

        Where a factor froze below all betas tried it is the lowest bound there is, and `limiting["bound"]` is "<".
        """
        return float(self._held()["beta"].min())

    def _held(self) -> pd.DataFrame:
        table = self.table()
        return table[table["factor"].isin(self.hold)]

    def headline(self) -> str:
        """The beta and the factor that decides it."""
        row = self.limiting
        told = f"{row['bound']}{_number(self.beta)}"
        return f"beta below {told} holds {self._named()}, {row['factor']} last; {self.units.in_words}"

    def table(self) -> pd.DataFrame:
        """`held` with betas in these units, highest first."""
        table = self.held.copy()
        table[list(BETAS)] = table[list(BETAS)].astype(float) * self.units.each
        return table

    def texts(self) -> pd.DataFrame:
        """The table as texts, without the columns that say nothing."""
        rows = []
        count = "contexts" if isinstance(self.source, Annealing) else "networks"
        for _, row in self.table().iterrows():
            interval = "" if row["of"] in (BRACKET, JOINT) else _interval(row["low"], row["high"])
            rows.append(
                {
                    "factor": str(row["factor"])
                    + ("" if row["factor"] in self.hold or not row["beta"] > 0 else " (not named)"),
                    count: str(row["n"]),
                    "held below": _told(row),
                    "95 % interval": interval,
                    "networks, cooling": _of_networks(row, "cool"),
                    "networks, heating": _of_networks(row, "heat"),
                    f"in all {count}": _number(row["in_all"]),
                }
            )
        texts = pd.DataFrame(rows)
        return texts[[name for name in texts if not texts[name].isin(["-", ""]).all()]]

    def sentences(self) -> list[str]:
        """The beta, how surely it is known, in which units, and what kind of points these are."""
        row = self.limiting
        said = [self._first(row)]
        cool, heat = (f"{row[f'{name}_bound']}{_number(row[name])}" for name in ("cool", "heat"))
        both = not row["bound"] and np.isfinite(row["cool"]) and np.isfinite(row["heat"])
        if both and (row["cool_bound"] or row["heat_bound"]):
            said.append(
                f"Where networks hold {row['factor']} is not bracketed: cooling {cool}, heating {heat}, of which the "
                "one with a sign is only a bound; train longer or over a wider range of beta."
            )
        elif both:
            said.append(
                f"Networks began to hold {row['factor']} at {cool} as beta fell and lost it at {heat} as it rose: "
                "below the first training holds it, above the second it does not, and between the two it depends on "
                "how beta came there."
            )
        in_all = self._held()["in_all"]
        if row["n"] > 1 and not row["bound"] and in_all.notna().all():
            every = "context whose images differ" if isinstance(self.source, Annealing) else "network"
            said.append(f"That is a median; below {_number(in_all.min())} every {every} held {self._named()}.")
        never = [str(name) for name in self.held.loc[~(self.held["beta"] > 0), "factor"]]
        if never:
            said.append(f"No beta is known that holds {', '.join(never)}: left out.")
        if row["of"] == LOWER_EDGE:
            said.append(
                "An onset: the threshold of the KL lies a little below it, at 0.82 of it where the factor is Gaussian; "
                "exact curves (`method='exact'`) give the point itself."
            )
        return [*said, self._of_units(), self._what_kind()]

    def to_json(self) -> dict[str, Any]:
        """The beta, its uncertainty, the units and the table as rows that strict JSON can hold."""
        row = self.limiting
        return {
            "beta": self.beta,
            "bound": str(row["bound"]),
            "factor": str(row["factor"]),
            "hold": list(self.hold),
            "units": self.units.name or "nats",
            "in_words": self.units.in_words,
            "units_per_nat": self.units.each,
            "sentences": self.sentences(),
            "held": json_rows(self.table()),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The figure of the annealing that this is read from, with its betas in nats."""
        axes: Axes = self.source.plot(ax=ax)
        return axes

    def save(self, folder: str | Path) -> Path:
        """Write the annealing into a folder that `ifp plot` can read, and this table beside it; returns the folder."""
        path: Path = self.source.save(folder)
        write_csv(self.table(), path / "suggested_beta.csv")
        return path

    def _named(self) -> str:
        return f"all {len(self.hold)} factors" if len(self.hold) > 2 else " and ".join(self.hold)

    def _first(self, row: pd.Series) -> str:
        """The beta with what it is and its interval."""
        sure = _interval(row["low"], row["high"]) if row["of"] not in (BRACKET, JOINT) else ""
        sure = f"; 95 % interval of the median {sure}" if sure else ""
        if row["bound"] == "<":
            held = self._held()
            below = froze_below(
                held[held["bound"] == "<"], "contexts" if isinstance(self.source, Annealing) else "networks"
            )
            return f"Which beta holds {self._named()} is not known: {below}; anneal further down (`beta_min`)."
        if row["bound"] == ">":
            return f"All betas tried, up to {_number(row['beta'])}, hold {self._named()}."
        last = f": {row['factor']} freezes last" if len(self.hold) > 1 else ""
        if row["n_beta"] < row["n"]:
            sure = f", of {row['n_beta']} of {row['n']} contexts{sure}"
        return f"A beta below {_number(row['beta'])} holds {self._named()}{last} ({_heading(row)}{sure})."

    def _of_units(self) -> str:
        if not self.units.name:
            return f"Betas are in {self.units.in_words}; `units` gives them in those of a code base."
        ours = self.beta / self.units.each
        if np.isclose(ours, self.beta, rtol=1e-9):
            return f"Betas are in {self.units.in_words}, which here are the same as in nats per image."
        return f"Betas are in {self.units.in_words}; {_number(self.beta)} there is {_number(ours)} in nats per image."

    def _what_kind(self) -> str:
        of = set(self.held["of"])
        return AT_ONCE if RESPONSE in of else TOGETHER if JOINT in of else ALONE


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"


def _told(row: pd.Series) -> str:
    return "-" if not np.isfinite(row["beta"]) else f"{row['bound']}{_number(row['beta'])}"


def _heading(row: pd.Series) -> str:
    """What the beta of a row is; of a bracket with one known end, which end that is."""
    known = [name for name in ("cool", "heat") if np.isfinite(row[name]) and not row[f"{name}_bound"]]
    if row["of"] in (BRACKET, JOINT) and len(known) == 1:
        return f"median of {'cooled' if known == ['cool'] else 'heated'} networks alone"
    return HEADINGS[str(row["of"])]


def _of_networks(row: pd.Series, name: str) -> str:
    """A median point of trained networks, its bound, and of how many it is where that is not all."""
    if not np.isfinite(row[name]):
        return "-"
    return f"{row[f'{name}_bound']}{_number(row[name])}{of_contexts(int(row[f'n_{name}']), int(row['n']))}"


def _interval(low: float, high: float) -> str:
    if not (np.isfinite(low) or np.isfinite(high)):
        return ""
    return " to ".join(_number(end) if np.isfinite(end) and end > 0 else "open" for end in (low, high))
