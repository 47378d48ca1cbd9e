"""From sections to HTML: Jinja2 with everything escaped that is not a drawing or a style of ours."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from ifp import __version__
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.report.section import PAPER, Section, one_line, sentence
from ifp.analysis.tables import short_number

MOST_ROWS = 500
"""Rows of a table on the page, at most; the note says how many there are."""
_NUMBER = re.compile(r"^[<>~]?\s*([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|[-+]?\.\d+)", re.IGNORECASE)
_CODE = re.compile(r"`([^`]+)`")


def render(sections: Sequence[Section], *, title: str = "") -> str:
    """The whole page on these sections."""
    here = files("ifp.analysis.report")
    page = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    page.filters |= {"code": _code, "data_uri": _data_uri, "drawing": _drawing, "table": _table}
    several = len(sections) > 1
    return page.from_string(here.joinpath("page.html").read_text(encoding="utf-8")).render(
        sections=sections,
        title=title or (f"{len(sections)} runs" if several else sections[0].title),
        several=several,
        style=Markup(here.joinpath("page.css").read_text(encoding="utf-8")),
        script=Markup(here.joinpath("page.js").read_text(encoding="utf-8")),
        version=__version__,
        paper=PAPER,
        written=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def sort_key(text: str) -> float | str:
    """What a cell is sorted by: its first number where it begins with one, else its text in small letters.

    >>> sort_key("132 (97.2, 169)"), sort_key("<20"), sort_key("1,024"), sort_key("posX"), sort_key("-")
    (132.0, 20.0, 1024.0, 'posx', '')
    """
    found = _NUMBER.match(text.replace("\N{MINUS SIGN}", "-"))
    if found:
        value = float(found[1].replace(",", ""))
        return value if math.isfinite(value) else ""
    return "" if text in ("-", "\N{EN DASH}", "") else text.lower()


def cell(value: Any) -> str:
    """A cell as text: a number in short, yes and no, a dash for what is not known.

    >>> cell(0.123456), cell(float("nan")), cell(12345), cell(True), cell("posX"), cell(None)
    ('0.123', '-', '12,345', 'yes', 'posX', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    if isinstance(value, float | np.floating):
        return short_number(float(value))
    return "-" if value is pd.NA else one_line(value)


def _table(shown: ShownTable) -> dict[str, Any]:
    """Headings, whether each is of texts, and rows of cells with their sort keys."""
    table = shown.table.head(MOST_ROWS)
    headings = [one_line(name) or "no." for name in table.columns]
    columns = [[cell(value) for value in table.iloc[:, place].astype(object)] for place in range(table.shape[1])]
    keys = [[sort_key(text) for text in column] for column in columns]
    more = len(shown.table) - len(table)
    rest = f"and {more:,} more rows in the run's folder" if more else ""
    note = "; ".join(filter(None, [sentence(shown.note), rest]))
    numeric = [all(key == "" or isinstance(key, float) for key in column) for column in keys]
    return {
        "title": one_line(shown.title),
        "note": note,
        "headings": [
            {"name": name, "left": (name in shown.left) or not of_numbers}
            for name, of_numbers in zip(headings, numeric, strict=True)
        ],
        "rows": [list(zip(row, key, strict=True)) for row, key in zip(zip(*columns, strict=True),
                                                                     zip(*keys, strict=True), strict=True)],
    }  # fmt: skip


def _code(text: str) -> Markup:
    """A sentence of the library: what stands in backticks is code, everything is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _drawing(svg: str) -> Markup:
    """A drawing of matplotlib's, which wrote every name in it as paths."""
    return Markup(svg)
