"""Letters that the figures' own fonts lack (CJK, emoji): a font of the machine that has them, else one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache

from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text

from ifp.analysis.figures.page_choices import FONTS, page_choices
from ifp.analysis.figures.style import STYLE
from ifp.errors import IfpError, IfpWarning

_SECOND = "DejaVu Sans"
"""Comes with matplotlib, and has what other fonts lack of most alphabets."""
_LAST_RESORT = "Last Resort"
"""A font of boxes, which has every letter and shows none."""
_MOST_SHOWN = 8


def font_settings() -> dict[str, object]:
    """The settings of the font that the user chose for the figures; none for that of the style.

    Raises
    ------
    IfpError : a font that this machine does not have, or that a pdf cannot hold as TrueType.
    """
    name = page_choices().font
    if not name:
        return {}
    if name in FONTS:
        family, formulas = FONTS[name]
        return {"font.family": family, "mathtext.fontset": formulas}
    if not _letters(name):
        near = get_close_matches(name, sorted(_regular_fonts()), 1, 0.6)
        meant = f"; did you mean {near[0]!r}?" if near else "."
        raise IfpError(
            f"No font {name!r} that figures can hold is on this machine: give {' or '.join(FONTS)}, or the name of a "
            f"font with TrueType outlines{meant}"
        )
    return {"font.family": name, "mathtext.fontset": "custom", "mathtext.rm": name, "mathtext.it": f"{name}:italic"}


def choose_fonts(figure: Figure) -> None:
    """Give every text of the figure fonts that have its letters; warns of those that no font here has.

    Texts whose letters are all in the style's own font are left as they are.
    """
    texts = {text: set(text.get_text()) - _whitespace() for text in _texts(figure)}
    first = str(font_settings().get("font.family", STYLE["font.family"]))
    own = _letters(first)
    foreign = set().union(*texts.values()) - own
    if not foreign:
        return
    families = [first, _SECOND, *_families_with(frozenset(foreign - _letters(_SECOND)))]
    for text, letters in texts.items():
        if letters - own:
            text.set_fontfamily(families)
    missing = foreign.difference(*map(_letters, families)).union(
        *(_in_formulas(text.get_text()) - own for text in texts)
    )
    if missing:
        warnings.warn(_sentence(missing), IfpWarning, stacklevel=2)


def _texts(artist: Artist) -> Iterator[Text]:
    """All texts below an artist, without the labels of minor ticks: those are numbers, and making the ticks is slow."""
    if isinstance(artist, Text):
        yield artist
    if isinstance(artist, Axis):
        children = [artist.label, artist.offsetText, *artist.get_major_ticks()]
    else:
        children = artist.get_children()
    for child in children:
        yield from _texts(child)


def _in_formulas(text: str) -> set[str]:
    """The letters of the lines with a formula in them: matplotlib sets those in fonts of formulas alone."""
    lines = [line for line in text.split("\n") if "$" in line.replace(r"\$", "")]
    return set("".join(lines)) - _whitespace()


def _sentence(missing: Iterable[str]) -> str:
    letters = sorted(missing)
    shown = " ".join(letters[:_MOST_SHOWN]) + (" ..." if len(letters) > _MOST_SHOWN else "")
    return (
        f"Figures show boxes for {shown}, which no font on this machine has; install one that does (a .ttf with "
        "TrueType outlines), or give other names by `labels`, where there are any."
    )


@cache
def _whitespace() -> frozenset[str]:
    return frozenset(" \t\n\r")


@cache
def _regular_fonts() -> dict[str, str]:
    """The file of the upright font of usual weight of each family that has one."""
    return {
        entry.name: entry.fname
        for entry in fontManager.ttflist
        if entry.style == "normal" and entry.weight in (400, "normal", "regular")
    }


@cache
def _letters(family: str) -> frozenset[str]:
    """The letters of a font; none of one that cannot be drawn with."""
    path = _regular_fonts().get(family)
    if path is None or family.startswith(_LAST_RESORT):
        return frozenset()
    try:
        font = get_font(path)
        # a bitmap font has no outlines, and compact outlines cannot be embedded as TrueType
        if not font.scalable or _has_compact_outlines(path):
            return frozenset()
        return frozenset(map(chr, font.get_charmap()))
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _has_compact_outlines(path: str) -> bool:
    """Whether a font file, or the first font of a collection, has CFF outlines."""
    with open(path, "rb") as file:
        start = file.read(16)
        if start[:4] == b"ttcf":
            file.seek(int.from_bytes(start[12:16], "big"))
            start = file.read(4)
    return start[:4] == b"OTTO"


@cache
def _families_with(letters: frozenset[str]) -> tuple[str, ...]:
    """Few families of this machine that have as many of these letters as can be had, the same ones every time."""
    left, chosen = set(letters), []
    if left:
        names = sorted(_regular_fonts())
        while left:
            best = max(names, key=lambda name: len(left & _letters(name)))
            if not left & _letters(best):
                break
            chosen.append(best)
            left -= _letters(best)
    return tuple(chosen)
