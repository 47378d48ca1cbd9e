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
    nuisances : of a factor and context, given to the curves that are added from then on and to those there already.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._rank = {key: rank for rank, key in enumerate(keys)}
        self._trace: AnnealTrace | None = None
        self.nuisances: dict[tuple[str, tuple[int, ...]], int] = {}

    @property
    def trace(self) -> AnnealTrace:
        """All finished curves, in the plan's order."""
        assert self._trace is not None, "nothing is finished yet"
        return self._trace

    def finished(self) -> set[Key]:
        """The labels of the finished curves."""
        return set() if self._trace is None else set(self._trace.labels())

    def add(self, trace: AnnealTrace) -> None:
        """Take in the curves of a finished chunk; raises IfpError for a curve that is not of this run."""
        both = trace if self._trace is None else AnnealTrace.concatenate([self._trace, trace])
        ranks = [self._rank.get(key, -1) for key in both.labels()]
        if -1 in ranks:
            raise IfpError("The stored trace holds curves of another run; choose a new folder as `out`.")
        self._trace = both.select(np.argsort(ranks, kind="stable")).with_nuisances(self.nuisances)
