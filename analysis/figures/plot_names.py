"""Texts that fit a width: an ellipsis where letters were left out, and names that differ still differ."""

from __future__ import annotations

import re
from collections.abc import Iterable

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from ifp.analysis.figures.style import SMALL_PT

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_BREAKS = re.compile(r"[\s/_:=-]")
"""Between the words of a name; a cut beside a word leaves it whole."""


def text_width_in(text: str, size_pt: float = SMALL_PT) -> float:
    """How wide a text comes out, in inches; call within `paper_style`."""
    width_pt: float = text_to_path.get_text_width_height_descent(text, FontProperties(size=size_pt), ismath=False)[0]
    return width_pt / 72


def shortened(text: str, width_in: float, size_pt: float = SMALL_PT, among: Iterable[str] = ()) -> str:
    """`text`, or its two ends with an ellipsis between where it is wider than `width_in`; call within `paper_style`.

    Parameters
    ----------
    among : the names that stand beside it, `text` or not. Where another of them would read the same, what tells them
        apart is kept, and in the last resort a number is added: the place among those that read alike.
    """
    text = " ".join(text.split())  # on one line
    shown = _ends(text, width_in, size_pt)
    if shown == text:
        return shown
    every = list(dict.fromkeys(" ".join(name.split()) for name in [*among, text]))
    alike = [name for name in every if _ends(name, width_in, size_pt) == shown]
    if len(alike) == 1:
        return shown
    apart = [_difference(name, alike, width_in, size_pt) for name in alike]
    if len(set(apart)) == len(alike):
        return apart[alike.index(text)]
    number = f" ({alike.index(text) + 1})"
    return _ends(text, width_in - text_width_in(number, size_pt), size_pt) + number


def _ends(text: str, width_in: float, size_pt: float) -> str:
    shown = text
    while text_width_in(shown, size_pt) > width_in and len(shown) > 3:
        letters = len(shown) - 2 if _ELLIPSIS in shown else len(shown) - 1
        shown = text[: (letters + 1) // 2] + _ELLIPSIS + text[len(text) - letters // 2 :]
    return shown


def _difference(text: str, alike: list[str], width_in: float, size_pt: float) -> str:
    """Where `text` departs from the others: whole words, and as much of what is before and after as there is room."""
    first = _common(alike)
    last = min(_common([name[::-1] for name in alike]), min(map(len, alike)) - first)
    while first and not _BREAKS.match(text[first - 1]):
        first -= 1
    while last and not _BREAKS.match(text[len(text) - last]):
        last -= 1
    before, kept, after = text[:first], text[first : len(text) - last], text[len(text) - last :]
    head, tail = first, last
    while True:
        shown = (
            before[:head] + (_ELLIPSIS if head < first else "") + kept
            + (_ELLIPSIS if tail < last else "") + after[last - tail :]
        )  # fmt: skip
        if text_width_in(shown, size_pt) <= width_in:
            return shown
        if not head and not tail:
            return _ends(shown, width_in, size_pt)
        if head >= tail:
            head -= 1
        else:
            tail -= 1


def _common(texts: list[str]) -> int:
    """How many letters all texts begin with."""
    return next((place for place, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1),
                min(map(len, texts)))  # fmt: skip
