"""`ifp.table`: a table of a run as LaTeX, Markdown or csv, for a paper, a note or a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.report.render import cell
from ifp.analysis.report.section import one_line, sentence
from ifp.analysis.report.study import tables_of
from ifp.analysis.tables import quoted
from ifp.errors import IfpError, bad_value, unknown_name

TABLE_FORMATS = ("latex", "markdown", "csv")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"\textbar{}",
    "\N{EN DASH}": "--", "\N{MULTIPLICATION SIGN}": r"$\times$", '"': "''",
}  # fmt: skip
_MINUS = re.compile(r"(?<![\w)}$.-])-(?=\.?\d)")
"""The sign of a number; the hyphen within a name or between two numbers is none."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def table(run: str | Path | Result, *, format: str = "latex", number: int = 1, trust: bool = False) -> str:
    r"""A table of a run as text: LaTeX with booktabs, Markdown or csv.

    Parameters
    ----------
    run : a folder of `ifp anneal`, `train`, `diagnose`, `shift`, `channels` or `directions`, or what a library call
        returned.
    format : "latex", a `table` environment with its caption, for `\usepackage{booktabs}`; "markdown", a table of pipes
        below its caption; or "csv".
    number : which of the run's tables, as `ifp report` numbers them.
    trust : whether to believe files that are not as they were written.

    Raises
    ------
    IfpError : an unknown format, a number of no table, or a folder of no run.

    Examples
    --------
    >>> import numpy as np, ifp
    >>> images = np.tri(6, 8)[:, :, None] * np.ones(3)
    >>> run = ifp.anneal(ifp.dataset(images, np.arange(6), ["length"]), method="closed-form")
    >>> print(ifp.table(run, format="csv"))
    factor,contexts,lower edge,upper edge
    length,1,9,9
    """
    if format not in TABLE_FORMATS:
        raise unknown_name("table format", str(format), TABLE_FORMATS)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise bad_value("number", number, "a whole number of at least 1")
    tables = tables_of(run, trust=trust)
    if number > len(tables):
        names = "; ".join(f"{place} {one_line(shown.title)}" for place, shown in enumerate(tables, start=1))
        raise IfpError(f"There is no table {number} of this run; there are: {names or 'none'}.")
    shown = tables[number - 1]
    return {"latex": as_latex, "markdown": as_markdown, "csv": as_csv}[format](shown)


def as_latex(shown: ShownTable) -> str:
    """A `table` environment with the rules of booktabs, everything escaped."""
    headings, rows, left = _texts(shown)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex(_caption(shown))}}}",
        rf"  \begin{{tabular}}{{{''.join('l' if is_left else 'r' for is_left in left)}}}",
        r"    \toprule",
        f"    {' & '.join(map(latex, headings))} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(map(latex, row))} \\\\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def latex(text: str) -> str:
    r"""A text as LaTeX sets it letter by letter; a lone dash is one that says that nothing is known.

    >>> print(latex("price_$ <20"), latex("-"), latex("95 %"), latex("-0.2"))
    price\_\$ $<$20 -- 95 \% $-$0.2
    """
    if text == "-":
        return "--"
    return _MINUS.sub("$-$", "".join(_LATEX.get(letter, letter) for letter in text))


def as_markdown(shown: ShownTable) -> str:
    """A table of pipes below its caption."""
    headings, rows, left = _texts(shown)
    lines = [headings, [":---" if is_left else "---:" for is_left in left], *rows]
    escaped = [[_MARKDOWN.sub(r"\\\1", text) for text in line] if place != 1 else line for place, line in
               enumerate(lines)]  # fmt: skip
    return "\n".join([_MARKDOWN.sub(r"\\\1", _caption(shown)), "", *(f"| {' | '.join(line)} |" for line in escaped)])


def as_csv(shown: ShownTable) -> str:
    """The cells as shown, or `exact` ones; what a spreadsheet would take for a formula has an apostrophe before.

    Of a run that has not finished a last column, `run_status`, says so, since a csv has no caption.
    """
    status = [shown.run_status] if shown.run_status else []
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    table = shown.table if shown.exact is None else shown.exact
    write.writerow([quoted(one_line(name)) for name in table.columns] + ["run_status"] * len(status))
    for row in table.astype(object).itertuples(index=False):
        write.writerow(["" if value != value else quoted(_bare(value)) for value in row] + status)
    return out.getvalue().rstrip("\n")


def _bare(value: Any) -> Any:
    """A text without the blanks that align it on a screen: with them a dash would seem a formula."""
    return value.strip(" ") if isinstance(value, str) else value


def _texts(shown: ShownTable) -> tuple[list[str], list[list[str]], list[bool]]:
    """Headings, rows of texts, and which columns are aligned to the left."""
    headings = [one_line(name) for name in shown.table.columns]
    columns = [[cell(value) for value in shown.table.iloc[:, place].astype(object)] for place in range(len(headings))]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return headings, rows, [name in shown.left for name in headings]


def _caption(shown: ShownTable) -> str:
    parts = [sentence(part).rstrip(".") for part in (shown.title, shown.note) if part]
    return f"{'. '.join(parts)}." if parts else ""
