"""Results on stdout: sentences and tables that fit the terminal, and plain text where stdout is a file or a pipe."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ifp.cli.option_words import with_options
from ifp.system.printable import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, RenderableType

PIPE_WIDTH = 150
"""Width of a table, in characters, where stdout is not a terminal."""
DIGITS = 3
"""Significant digits of a number for which no format is given."""


def stdout_console() -> Console:
    """A console that prints text as it is, without colour codes where stdout is not a terminal."""
    from rich.console import Console

    console = Console(
        highlight=False, markup=False, emoji=False, force_terminal=sys.stdout.isatty(), force_jupyter=False
    )
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def print_line(text: str = "", *, indent: int = 0) -> None:
    """Print sentences: broken between words on a terminal, one line elsewhere. Paths are never broken.

    Parameters
    ----------
    text : each of its lines is printed by itself.
    indent : the number of spaces before each line.
    """
    console = stdout_console()
    for line in with_options(text).split("\n"):
        lines = [line]
        if console.is_terminal:
            room = max(console.width - indent, 1)
            lines = textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]
        for part in lines:
            console.print((" " * indent + printable(part)).rstrip(), soft_wrap=True)


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Print texts and tables of rich, whose cells are `printable` already, one below the other."""
    console = stdout_console()
    for part in parts:
        console.print(part)


def print_table(
    table: pd.DataFrame,
    *,
    title: str = "",
    note: str = "",
    left: Collection[str] = (),
    formats: Mapping[str, str] | None = None,
    repeated: int = 1,
    width: int | None = None,
) -> None:
    """Print a table within the width of the terminal; what does not fit beside it follows in a block of its own.

    Parameters
    ----------
    table : one row per line; the column names are the headings, and may stand twice. Its index is not printed.
    title : printed above, on a line of its own.
    note : what the columns mean, in which units; printed below.
    left : the headings of the columns that are aligned to the left; all others are aligned to the right.
    formats : heading -> format of its numbers, ".2f" for instance. By default three significant digits.
    repeated : how many of the first columns are printed again in each block, where the table has to be broken.
    width : the width to keep to, in characters; the terminal's by default, or `PIPE_WIDTH` without one.
    """
    from rich import box
    from rich.table import Table

    console = stdout_console()
    formats = formats or {}
    headings = [printable(str(column)) for column in table.columns]
    columns = [
        [printable(cell_text(value, formats.get(heading, ""))) for value in table.iloc[:, position].astype(object)]
        for position, heading in enumerate(headings)
    ]
    if title:
        print_line(title)
    for block in _blocks(headings, columns, repeated, width or console.width):
        printed = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for position in block:
            heading = headings[position]
            printed.add_column(heading, justify="left" if heading in left else "right", overflow="fold")
        for row in range(len(table)):
            printed.add_row(*[columns[position][row] for position in block])
        console.print(printed)
    if note:
        print_line(note, indent=2)
        print_line()


def cell_text(value: Any, number_format: str = "") -> str:
    """A value as it is printed in a table; "-" for a number that is not known.

    >>> cell_text(0.123456), cell_text(1234), cell_text(float("nan")), cell_text(None), cell_text(True)
    ('0.123', '1,234', '-', '', 'yes')
    >>> cell_text(2.0, ".2f"), cell_text("posX")
    ('2.00', 'posX')
    """
    import numpy as np

    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):{number_format or ','}}"
    if isinstance(value, (float, np.floating)):
        return "-" if np.isnan(value) else f"{float(value) + 0.0:{number_format or f'.{DIGITS}g'}}"
    return str(value)


def _blocks(headings: list[str], columns: list[list[str]], repeated: int, room: int) -> list[list[int]]:
    """The positions of the columns of each block; the first `repeated` columns begin each block."""
    from rich.cells import cell_len

    # two characters stand between columns, and one before the first and after the last
    widths = [2 + max(map(cell_len, [heading, *cells])) for heading, cells in zip(headings, columns, strict=True)]
    first = list(range(min(repeated, len(headings))))
    blocks = [list(first)]
    used = 2 + sum(widths[position] for position in first)
    for position in range(len(first), len(headings)):
        if len(blocks[-1]) > len(first) and used + widths[position] > room:
            blocks.append(list(first))
            used = 2 + sum(widths[again] for again in first)
        blocks[-1].append(position)
        used += widths[position]
    return blocks
