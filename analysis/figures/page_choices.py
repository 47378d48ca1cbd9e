"""What a user chose for all figures of one call: title, legend, font, height, and the look of each factor.

The choices hold for the length of a `with` block, because every figure is drawn and saved through the same two
functions, `paper_style` and `save_figure`; only values are kept here, and nothing of matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from ifp.analysis.figures.style import FactorLook, chosen_looks
from ifp.errors import IfpError, bad_value
from ifp.system.printable import has_controls, without_controls

FONTS = {"serif": ("STIXGeneral", "stix"), "sans": ("DejaVu Sans", "dejavusans")}
"""Fonts that come with matplotlib, by what a user calls them: the family, and that of formulas."""
HEIGHT_LIMITS_IN = (0.8, 30.0)
HEIGHT_SHARES = (0.6, 3.0)
"""A page may be so much lower or higher than it would be: below that its marks run into each other."""


@dataclass(frozen=True)
class PageChoices:
    """Choices for all figures of one call.

    Attributes
    ----------
    title : a line above each figure. legend : whether legends are drawn.
    font : a name of `FONTS`, or the family of a font of this machine; "" for that of the style.
    height_in : of the page, inches; None for what the figure needs.
    says : a sentence that ends the captions, as of a run that has not finished.
    """

    title: str = ""
    legend: bool = True
    font: str = ""
    height_in: float | None = None
    looks: Mapping[str, FactorLook] = field(default_factory=dict)
    says: str = ""


_NOTHING = PageChoices()
_CHOICES: ContextVar[PageChoices] = ContextVar("page_choices")


def page_choices() -> PageChoices:
    """The choices that hold now; those of nobody outside any `choosing`."""
    return _CHOICES.get(_NOTHING)


@contextmanager
def choosing(choices: PageChoices) -> Iterator[None]:
    """Let these choices hold for the length of a `with` block."""
    token = _CHOICES.set(choices)
    try:
        with chosen_looks(choices.looks):
            yield
    finally:
        _CHOICES.reset(token)


@contextmanager
def looking(looks: Mapping[str, FactorLook]) -> Iterator[None]:
    """Let factors of these names look so, whatever their place, for the length of a `with` block."""
    choices = page_choices()
    with choosing(replace(choices, looks={**choices.looks, **looks})):
        yield


def checked_choices(
    title: str | None = None, legend: bool = True, font: str | None = None, height: float | str | None = None
) -> PageChoices:
    """The choices as a user gives them, checked.

    Raises
    ------
    IfpError : an empty title, or one with control characters; a height that is no number of inches.

    >>> checked_choices("Five factors", height="2.5")
    PageChoices(title='Five factors', legend=True, font='', height_in=2.5, looks={}, says='')
    """
    if title is not None and (not isinstance(title, str) or not title.strip()):
        raise IfpError(f"title must be a text, got {title!r}; leave it out for none of your own.")
    if title is not None and has_controls(title):
        raise IfpError(f"title holds a control character, {title!r}; {without_controls(title)}.")
    if font is not None and (not isinstance(font, str) or not font.strip()):
        raise bad_value("font", font, f"{', '.join(FONTS)} or the name of a font of this machine")
    if not isinstance(legend, bool):
        raise bad_value("legend", legend, "True or False")
    return PageChoices(" ".join((title or "").split()), legend, (font or "").strip(), _inches(height))


def _inches(height: float | str | None) -> float | None:
    if height is None:
        return None
    try:
        inches = float(height)
    except (TypeError, ValueError):
        inches = math.nan
    low, high = HEIGHT_LIMITS_IN
    if not low <= inches <= high:
        raise IfpError(f"height must be a number of inches from {low:g} to {high:g}, got {height!r}.")
    return inches
