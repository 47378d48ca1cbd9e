"""Curves: the finished curves of a run, kept in the plan's order while chunks come in as they end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.errors import IfpError
from ifp.trace import AnnealTrace, Key


class Curves:
    """The finished curves of a run.

    Parameters
    ----------
    keys : the labels of every curve of the finished run, in order.

    Attributes
    ----------
    nuisances : of a factor and context, given to all curves of `trace`.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._rank = {key: rank for rank, key in enumerate(keys)}
        self._done: set[Key] = set()
        self._parts: list[AnnealTrace] = []
        self.nuisances: dict[tuple[str, tuple[int, ...]], int] = {}

    @property
    def trace(self) -> AnnealTrace:
        """All finished curves, in the plan's order."""
        assert self._parts, "nothing is finished yet"
        both = AnnealTrace.concatenate(self._parts)
        order = np.argsort([self._rank[key] for key in both.labels()], kind="stable")
        self._parts = [both.select(order).with_nuisances(self.nuisances)]
        return self._parts[0]

    def finished(self) -> set[Key]:
        """The labels of the finished curves."""
        return set(self._done)

    def ranks(self, trace: AnnealTrace) -> np.ndarray:
        """The places of a trace's curves among those of the finished run.

        Raises
        ------
        IfpError : a curve is not of this run.
        """
        ranks = [self._rank.get(key, -1) for key in trace.labels()]
        if -1 in ranks:
            raise IfpError("The stored trace holds curves of another run; choose a new folder as `out`.")
        return np.array(ranks, dtype=int)

    def add(self, trace: AnnealTrace) -> None:
        """Take in the curves of a finished chunk, but for those there already; raises IfpError as `ranks` does."""
        self.ranks(trace)
        labels = trace.labels()
        new = [row for row, key in enumerate(labels) if key not in self._done]
        self._parts.append(trace if len(new) == len(labels) else trace.select(np.array(new, dtype=int)))
        self._done.update(labels)
