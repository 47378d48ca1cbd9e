"""Section: what a report says of one run, as plain texts and tables; nothing here knows HTML.

Every text may hold names from a stranger's file: the page escapes them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.figures.unfinished import unfinished_in
from ifp.system.printable import has_controls, printable

MOST_LETTERS, MOST_OF_A_SENTENCE = 300, 3000
"""Of a name or the value of a setting, and of a sentence or a note; longer ones are cut."""
MOST_SETTINGS = 200
PAPER = (
    "J. Wu et al., DEFT: distilling entangled factors by preventing information diffusion, Machine Learning 111 "
    "(2022), arXiv:2102.03986."
)
"""Where the annealing test, information freezing points and information diffusion are from."""


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: its name, its caption, its csv, and the svg as drawn for wide and for narrow pages."""

    name: str
    caption: str
    csv: bytes
    wide: str
    narrow: str


@dataclass(frozen=True, eq=False)
class Section:
    """What is said of one run.

    Attributes
    ----------
    kind : what sort of run it is, in words. title : what it is about, for a heading.
    asked : what was asked, in a sentence or two. found : what was found, a sentence each, the most important first.
    tables : with texts or numbers.
    theory : whether the run agrees with the theory, or why that cannot be asked. checks : the table behind it.
    settings, versions : what is in the run's files.
    cite : the works to cite, a sentence each; the paper of the annealing test is cited anyway.
    """

    kind: str
    title: str
    asked: str
    found: Sequence[str]
    tables: Sequence[ShownTable]
    theory: str
    checks: ShownTable | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    cite: Sequence[str] = ()
    folder: str = ""
    created: str = ""
    figures: Sequence[PageFigure] = ()

    def of_run(self, about: Mapping[str, Any], folder: Path) -> Section:
        """The section with the settings, versions and time that a run.json, or another file of a result, holds."""
        said = unfinished_in(folder, about)
        return replace(
            self,
            found=[said, *self.found] if said else self.found,
            settings={**self.settings, **flat_settings(about)},
            versions=texts(about.get("versions")),
            created=one_line(about.get("created", "")),
            folder=str(folder),
        )


def flat_settings(about: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a run as texts, by their names: its config, and what the file says beside it."""
    found: dict[str, Any] = {}
    dataset = about.get("dataset")
    if isinstance(dataset, Mapping):
        found |= {f"dataset {key}": value for key, value in dataset.items()}
    for part in ("config", "settings", "probe"):
        if isinstance(about.get(part), Mapping):
            found |= about[part]
    for key in ("likelihood", "sigma", "beta_convention", "convention", "device", "products", "status"):
        if about.get(key) is not None:
            found.setdefault(key, about[key])
    return dict(list(texts(found).items())[:MOST_SETTINGS])


def texts(values: Any) -> dict[str, str]:
    """A table of a JSON file as texts; nothing where it is no table."""
    if not isinstance(values, Mapping):
        return {}
    return {one_line(key): value_text(value) for key, value in values.items()}


def value_text(value: Any) -> str:
    """The value of a setting as a reader wants it.

    >>> value_text(None), value_text([1, 64, 64]), value_text([]), value_text(True), value_text({"a": 2.5})
    ('-', '1, 64, 64', '-', 'yes', 'a 2.5')
    """
    if value in (None, "", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return one_line(", ".join(map(value_text, value)))
    if isinstance(value, Mapping):
        return one_line(", ".join(f"{key} {value_text(inner)}" for key, inner in value.items()))
    return one_line(f"{value:g}" if isinstance(value, float) else value)


def one_line(text: Any, most: int = MOST_LETTERS) -> str:
    """A text on one line, without control characters, and not too long."""
    line = " ".join(str(text).split())
    line = printable(line) if has_controls(line) else line
    return line if len(line) <= most else f"{line[:most]}\N{HORIZONTAL ELLIPSIS}"


def sentence(text: Any) -> str:
    """A sentence or a note on one line, as `one_line`, which may be longer than a name or a cell."""
    return one_line(text, MOST_OF_A_SENTENCE)


def rounded(table: pd.DataFrame, title: str, note: str = "", left: Sequence[str] = ()) -> ShownTable:
    """A table of numbers as it is; the page writes three digits of each."""
    return ShownTable(title, table, note, tuple(left))
