"""The figures of `ifp plot` as parts of a page: drawn twice, for wide and for narrow screens, as svg inside it."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from ifp.analysis.report.section import PageFigure

WIDTHS_IN = (6.5, 3.25)
"""Of a figure on a wide and on a narrow page: the text widths of two venues."""
_COMMENTS = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_DIGITS = re.compile(r"(\.\d\d)\d+")
_USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
_NAMED = re.compile(r' id="([^"]+)"')
_PATH = re.compile(r' d="[^"]*"')
_IDS = (
    (re.compile(r'\bid="([^"]+)"'), r'id="{}\1"'),
    (re.compile(r'\bhref="#([^"]+)"'), r'href="#{}\1"'),
    (re.compile(r"url\(#([^)]+)\)"), r"url(#{}\1)"),
)


def page_figures(draw: Callable[..., list[Path]], prefix: str) -> list[PageFigure]:
    """What `draw(out=folder, width=inches, formats=["svg"])` draws; nothing stays on the disk.

    Parameters
    ----------
    prefix : of all ids in the drawings, different for each call, so that no two of a page are the same.

    What both drawings warn of is warned of once.
    """
    versions = []
    warned: dict[str, warnings.WarningMessage] = {}
    for number, width_in in enumerate(WIDTHS_IN):
        with tempfile.TemporaryDirectory(prefix="ifp-report-") as place:
            with warnings.catch_warnings(record=True) as of_this:
                warnings.simplefilter("always")
                paths = draw(out=Path(place) / "figures", width=width_in, formats=["svg"])
            warned |= {str(said.message): said for said in reversed(of_this)}
            stems = list(dict.fromkeys(path.with_suffix("") for path in paths if path.suffix == ".svg"))
            versions.append(
                {
                    stem.name: (
                        inline(stem.with_suffix(".svg").read_text(encoding="utf-8"), f"{prefix}{number}{place_of}-"),
                        stem.with_suffix(".csv").read_bytes(),
                        stem.with_suffix(".txt").read_text(encoding="utf-8").strip(),
                    )
                    for place_of, stem in enumerate(stems)
                }
            )
    for said in warned.values():
        warnings.warn(said.message, said.category, stacklevel=2)
    wide, narrow = versions
    return [PageFigure(name, words, csv, svg, narrow[name][0]) for name, (svg, csv, words) in wide.items()]


def inline(svg: str, prefix: str) -> str:
    """An svg of ours for the inside of a page: ids of its own, no comments and metadata, sized by the page.

    Coordinates keep two decimals, a hundredth of a point.
    """
    svg = _COMMENTS.sub("", svg[svg.index("<svg") :])
    used = set(_USED.findall(svg))
    # matplotlib names every group, some of them alike
    svg = _NAMED.sub(lambda found: found[0] if found[1] in used else "", svg)
    for pattern, to in _IDS:
        svg = pattern.sub(to.format(prefix), svg)
    svg = _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), svg)
    head, rest = svg.split(">", 1)
    head = re.sub(r'\s(?:width|height|version|xmlns(?::xlink)?)="[^"]*"', "", head)
    return f'{head} aria-hidden="true" focusable="false">{rest.strip()}'.replace("xlink:href", "href")
