"""Codes that are compared are of the same rows in the same order: where rows have names, these decide.

Two files of cells often hold the same cells in another order (each was shuffled, or joined of batches, on its own).
Compared row by row they would have nothing in common, and no number would show why.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ifp.checkpoints.run_records import Run
from ifp.errors import IfpError, counted

_EXAMPLES = 3


def in_one_order(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs with their rows in the order of the first that names them, and a sentence for each that was moved.

    Rows without names stay as they are.

    Raises
    ------
    IfpError : the named rows are not the same ones, or a name that occurs twice leaves open which row is which.
    """
    first = next((run for run in runs if run.last.codes.row_names_N is not None), None)
    if first is None:
        return list(runs), []
    ordered, said = [], []
    for place, run in enumerate(runs):
        moved = [_moved(first, run, place, at) for at in range(len(run.records))]
        ordered.append(run if all(rows_N is None for rows_N in moved) else _with_rows(run, moved))
        if (last_N := moved[-1]) is not None:
            elsewhere = int((last_N != np.arange(len(last_N))).sum())
            cells = counted(len(last_N), run.last.codes.unit)
            said.append(
                f"{run.name}: {elsewhere:,} of {cells} stood elsewhere than in {first.name}; they were put into its "
                "order by their names."
            )
    return ordered, said


def _with_rows(run: Run, moved: Sequence[np.ndarray | None]) -> Run:
    records = tuple(
        record if rows_N is None else replace(record, codes=record.codes.at_rows(rows_N))
        for record, rows_N in zip(run.records, moved, strict=True)
    )
    return replace(run, records=records)


def _moved(first: Run, run: Run, place: int, at: int) -> np.ndarray | None:
    """The rows of a record in the order of the first run's; None where they stand in it, or have no names."""
    names_N, wanted_N = run.records[at].codes.row_names_N, first.last.codes.row_names_N
    assert wanted_N is not None
    if names_N is None or np.array_equal(names_N, wanted_N):
        return None
    unit = run.last.codes.unit
    other = run.name if run.name != first.name else f"model {place + 1}, also called {run.name},"
    strange_N = np.setdiff1d(names_N, wanted_N)
    lacking_N = np.setdiff1d(wanted_N, names_N)
    if len(strange_N) or len(lacking_N):
        examples = ", ".join(repr(str(name)) for name in (strange_N if len(strange_N) else lacking_N)[:_EXAMPLES])
        raise IfpError(
            f"{first.name} and {other} hold different {unit}s by their names: {len(strange_N):,} are in the second "
            f"alone and {len(lacking_N):,} in the first alone, such as {examples}; write all files with the same "
            f"{unit}s (obs_names of AnnData), in one order where a part of them is drawn."
        )
    if len(np.unique(names_N)) < len(names_N) or len(names_N) != len(wanted_N):
        raise IfpError(
            f"{first.name} and {other} hold their {unit}s in different orders, and names that occur twice leave open "
            f"which is which; give every {unit} a name of its own (obs_names of AnnData), or write all files in one "
            "order."
        )
    order_N = np.argsort(names_N)
    return order_N[np.searchsorted(names_N, wanted_N, sorter=order_N)]
