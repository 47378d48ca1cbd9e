"""`ifp table`: a table of a run as LaTeX, Markdown or csv, on stdout or in a file."""

from __future__ import annotations

from pathlib import Path

import click

from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError

SUFFIXES = (".tex", ".md", ".csv", ".txt")
"""Of the files that a table may replace."""


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "table_format", default="latex", help="latex (booktabs), markdown or csv.")
@click.option("--number", type=int, default=1, help="Which of the run's tables, as `ifp report` numbers them.")
@click.option("--out", type=click.Path(path_type=Path), help="A file to write.", show_default="none; it is printed")
@trust_option
def table(run: Path, table_format: str, number: int, out: Path | None) -> None:
    """Print a table of RUN for a paper, a note or a spreadsheet.

    RUN is a folder of `ifp anneal` (also --whole), `ifp train`, `ifp diagnose`, `ifp shift`, `ifp channels` or `ifp
    directions`. LaTeX needs the package booktabs.

    \b
    ifp table runs/demo > points.tex
    ifp table runs/demo --format markdown --number 2
    """
    if out is not None and out.is_dir():
        raise IfpError(f"--out must name a file, got the folder {str(out)!r}.")
    if out is not None and out.exists() and out.suffix.lower() not in SUFFIXES:
        raise IfpError(
            f"--out names {str(out)!r}, which is there and no table; choose a name ending in {', '.join(SUFFIXES)}."
        )

    from ifp.analysis.report.paper_table import table as write_table
    from ifp.system.files import cannot_write, remove_partials_of, replace_file

    text = write_table(run, format=table_format, number=number)
    if out is None:
        echo(text)
        return
    try:
        remove_partials_of(out)
        replace_file(out, f"{text}\n".encode())
    except OSError as error:
        raise cannot_write(out, error) from error
    echo(out)
