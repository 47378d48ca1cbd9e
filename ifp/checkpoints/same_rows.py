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
    IfpError : the named rows are not the same ones, or of other factors, or a name that occurs twice leaves open which
        row is which.
    """
    first = next((run for run in runs if run.last.codes.row_names_N is not None), None)
    if first is None:
        return list(runs), []
    ordered, said = [], []
    for place, run in enumerate(runs):
        moved = [_moved(first, run, place, at) for at in range(len(run.records))]
        ordered.append(run if all(rows_N is None for rows_N in moved) else _with_rows(run, moved))
        _check_factors(first, ordered[-1])
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
        _check_left_out(first, run, other, at, strange_N, lacking_N)
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


def _check_left_out(
    first: Run, run: Run, other: str, at: int, strange_N: np.ndarray, lacking_N: np.ndarray
) -> None:  # fmt: skip
    """Raise IfpError where the sets differ by rows that are in both files, and have no value of a factor in one."""
    codes, said, factors = run.records[at].codes, [], dict[str, None]()
    for names_N, without, name in ((strange_N, first.last.codes, first.name), (lacking_N, codes, other)):
        known = {factor: np.isin(names_N, left_N) for factor, left_N in without.left_out.items()}
        if not len(names_N):
            continue
        if not known or not np.logical_or.reduce(list(known.values())).all():
            return  # some are in one file alone
        lacked = [factor for factor, without_N in known.items() if without_N.any()]
        factors |= dict.fromkeys(lacked)
        are = "is" if len(names_N) == 1 else "are"
        said.append(
            f"{counted(len(names_N), codes.unit)} {are} left out in {name.rstrip(',')} alone, because "
            f"{'it has' if len(names_N) == 1 else 'they have'} no {' or no '.join(lacked)} there"
        )
    raise IfpError(
        f"{', and '.join(said)}; give these {codes.unit}s a {' and a '.join(factors)} in all files or in none, or "
        f"leave {' and '.join(factors)} out of the factors."
    )


def _check_factors(first: Run, run: Run) -> None:
    """Raise IfpError where rows of the same names have other factors: the names say that they are the same rows."""
    wanted, codes = first.last.codes, run.last.codes
    if codes.row_names_N is None or wanted.row_names_N is None or codes.factor_names != wanted.factor_names:
        return
    unit = codes.unit
    for place, factor in enumerate(codes.factor_names):
        advice = f"correct the {factor} of one file, or leave {factor} out of the factors."
        sizes = wanted.factor_sizes[place], codes.factor_sizes[place]
        if sizes[0] != sizes[1]:  # values are numbered anew in each file, and the numbers say nothing of single rows
            raise IfpError(
                f"The {unit}s of {run.name} have the same names as those of {first.name}, but not the same {factor}: "
                f"it has {counted(sizes[1], 'value')} in {run.name} and {sizes[0]} in {first.name}; {advice}"
            )
        if count := int((wanted.factors_NF[:, place] != codes.factors_NF[:, place]).sum()):
            raise IfpError(
                f"{counted(count, unit)} of the same name {'has' if count == 1 else 'have'} another {factor} in "
                f"{run.name} than in {first.name}; {advice}"
            )
