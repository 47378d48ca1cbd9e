"""How figures look: widths of the venues, fonts, and a colour, marker, line and hatch for each factor.

Only values: nothing here imports matplotlib or touches its settings.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from ifp.errors import IfpError, unknown_name
from ifp.system.printable import has_controls, printable

WIDTHS_IN = {"icml": 3.25, "neurips": 5.5, "jmlr": 6.0, "tmlr": 6.5}
"""Widths in inches: one column (icml) or the whole text (the others).

Sources: icml, the author instructions (two columns of 3.25 in, 0.25 in apart; a figure across both is 6.75 in);
neurips, "the text must be confined within a rectangle 5.5 inches wide" (template of 2023 and after); jmlr, 6.0 in, and
tmlr, 6.5 in, the text widths of their style files. All agree with tueplots (figsizes.py at 035c37d). Checked 2026-11.
"""
WIDTH_LIMITS_IN = (2.0, 20.0)

FORMATS = ("pdf", "png")
"""The formats in which figures are saved where nobody says."""
KNOWN_FORMATS = ("pdf", "png", "svg", "pgf")
"""All formats that figures can be saved in; pgf needs LaTeX, which measures its texts."""

LATEX_PROGRAMS = ("xelatex", "pdflatex", "lualatex")
"""Programs that can measure the texts of pgf figures, the preferred one first."""

BETA = r"$\beta$"
"""What axes call the weight of the KL."""
SMALL_PT, MEDIUM_PT = 7.0, 8.0
INK, NEUTRAL, PALE, BAND = "#222222", "#6E6E6E", "#8C8C8C", "#BDBDBD"

STYLE: dict[str, object] = {
    # STIX comes with matplotlib: the same Times-like figure on every machine, and no LaTeX
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "text.usetex": False,
    "pdf.fonttype": 42,  # TrueType: conferences reject Type 3
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "ifp",  # equal figures give equal bytes
    "pgf.rcfonts": False,  # the fonts of the document that reads the file
    "font.size": MEDIUM_PT,
    "axes.labelsize": MEDIUM_PT,
    "axes.titlesize": MEDIUM_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "legend.handlelength": 1.9,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    "axes.linewidth": 0.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.labelpad": 2.5,
    "axes.unicode_minus": True,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.0,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.4,
    "hatch.color": INK,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
    "savefig.bbox": None,  # "tight" would change the page width
    "savefig.dpi": 300,
}


@dataclass(frozen=True)
class FactorLook:
    """What distinguishes a factor in colour, and without colour."""

    color: str
    marker: str
    linestyle: str | tuple[int, tuple[float, ...]]
    hatch: str


# Okabe and Ito's colour-blind-safe set (2008), neighbours far apart in lightness; two more greys and an olive
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#4D4D4D", "#8F8A2B")
# no triangles: those point the way of a trained branch, or to where a censored member lies
_MARKERS = ("o", "s", "D", "X", "p", "P", "h", "*")
_LINES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-", (0, (4, 1.2)), (0, (1.2, 1)), (0, (5, 1.2, 1.2, 1.2)), (0, (2.5, 1)), (0, (7, 1.2)),
    (0, (4, 1, 1, 1, 1, 1)), (0, (1.2, 2.2)),
)  # fmt: skip
_HATCHES = ("", "////", "....", "\\\\\\\\", "----", "xxxx", "||||", "++++")


def plain(text: str) -> str:
    r"""A text from outside (a factor, a data set, a file), to be drawn letter by letter, on one line.

    A $ in it starts no formula, a leading _ does not hide it from a legend, and escapes are shown: to be used for every
    such text.

    >>> plain("price in $"), plain("_hidden"), plain("two\nlines"), plain("\x1b[2J")
    ('price in \\$', '$\\_$hidden', 'two lines', '\\x1b[2J')
    """
    text = " ".join(text.split())
    text = (printable(text) if has_controls(text) else text).replace("$", r"\$") or "\N{EN DASH}"
    return rf"$\_${text[1:]}" if text.startswith("_") else text


KNOWN_PLACES = {
    "shape": 0, "scale": 1, "orientation": 2, "posX": 3, "posY": 4, "angle": 2,
    "category": 0, "elevation": 1, "azimuth": 2, "lighting": 3, "instance": 4, "object_type": 0,
    "floor_hue": 3, "wall_hue": 4, "object_hue": 5,
    "x_R": 0, "y_R": 1, "x_G": 2, "y_G": 3, "x_B": 4, "y_B": 5,
    "object_color": 0, "object_shape": 1, "object_size": 2, "camera_height": 3, "background_color": 4,
    "horizontal_axis": 5, "vertical_axis": 6,
}  # fmt: skip
"""The looks of the factors of the data sets that have names: by their place in the data set that was there first.

So a factor looks the same in figures of several data sets, and of parts of one; those of one data set all differ.
"""


def factor_looks(factors: Iterable[str]) -> dict[str, FactorLook]:
    """A look for each factor by its name, if it is of `KNOWN_PLACES`; the others take the looks that are left.

    The others do so in their order, those first that the user put first (see `first_looks`). Of over eight factors
    several look alike.

    >>> looks = factor_looks(["posX", "mine", "shape"])
    >>> looks["posX"].color, looks["shape"].color, looks["mine"].color
    ('#CC79A7', '#0072B2', '#E69F00')
    >>> looks["posX"] == factor_looks(["posX"])["posX"]
    True
    """
    names, chosen = list(dict.fromkeys(factors)), _LOOKS.get()
    looks = {name: chosen[name] for name in names if name in chosen}
    times = [sum(look == there for there in looks.values()) for look in _ALL_LOOKS]
    places: dict[str, int] = {}
    for name in names:
        place = KNOWN_PLACES.get(name)
        if name not in looks and place is not None and not times[place]:
            places[name] = place
            times[place] += 1
    first = [name for name in _FIRST.get() if name in names]
    for name in dict.fromkeys([*first, *names]):
        if name not in looks and name not in places:
            places[name] = times.index(min(times))
            times[places[name]] += 1
    return {name: looks.get(name) or _ALL_LOOKS[places[name]] for name in names}


_ALL_LOOKS = tuple(map(FactorLook, _COLORS, _MARKERS, _LINES, _HATCHES))
_FIRST: ContextVar[Sequence[str]] = ContextVar("factors_first", default=())


@contextmanager
def first_looks(order: str | Sequence[str]) -> Iterator[None]:
    """Let factors of the user's own take the looks in this order, for the length of a `with` block.

    `order` : names, or texts of several with commas between, as a user types them.
    """
    texts = [text for text in ([order] if isinstance(order, str) else order) if isinstance(text, str)]
    token = _FIRST.set([name.strip() for text in texts for name in dict.fromkeys((text, *text.split(",")))])
    try:
        yield
    finally:
        _FIRST.reset(token)


_LOOKS: ContextVar[Mapping[str, FactorLook]] = ContextVar("factor_looks", default={})  # noqa: B039 (never changed)


@contextmanager
def chosen_looks(looks: Mapping[str, FactorLook]) -> Iterator[None]:
    """Let `factor_looks` give these looks to the factors of these names, for the length of a `with` block.

    So a factor looks the same in figures of several data sets, in which its place differs.
    """
    token = _LOOKS.set(looks)
    try:
        yield
    finally:
        _LOOKS.reset(token)


def checked_formats(formats: str | Sequence[str]) -> tuple[str, ...]:
    """The formats, out of a list or a text with commas; none at all is allowed, and means no figure.

    >>> checked_formats("pdf"), checked_formats("pdf, png"), checked_formats(())
    (('pdf',), ('pdf', 'png'), ())

    Raises
    ------
    IfpError : one that is not of KNOWN_FORMATS, or "pgf" where no LaTeX is installed.
    """
    names = tuple(name.strip() for name in (formats.split(",") if isinstance(formats, str) else formats))
    for name in names:
        if name not in KNOWN_FORMATS:
            raise unknown_name("figure format", name, KNOWN_FORMATS)
    if "pgf" in names:
        latex_program()
    return names


def latex_program() -> str:
    """The LaTeX that measures the texts of pgf figures: the first of LATEX_PROGRAMS that is installed.

    Raises
    ------
    IfpError : there is none.
    """
    for name in LATEX_PROGRAMS:
        if shutil.which(name) is not None:
            return name
    raise IfpError(
        f"The format pgf needs LaTeX to measure texts, and none of {', '.join(LATEX_PROGRAMS)} is installed here; "
        "install TeX Live, or choose svg or pdf."
    )


def figure_width(width: str | float) -> float:
    """A venue's name or a number of inches, as inches; raises IfpError for anything else.

    >>> figure_width("icml"), figure_width("4.5"), figure_width(6.75)
    (3.25, 4.5, 6.75)
    """
    if isinstance(width, str) and width.lower() in WIDTHS_IN:
        return WIDTHS_IN[width.lower()]
    try:
        inches = float(width)
    except (ValueError, TypeError):
        inches = math.nan
    low, high = WIDTH_LIMITS_IN
    if not low <= inches <= high:
        raise IfpError(
            f"width must be {', '.join(WIDTHS_IN)} or a number of inches from {low:g} to {high:g}, got {width!r}."
        )
    return inches
