"""What the pages of a built site would fetch from elsewhere, which should be nothing: `outside_requests.py SITE`.

Links that a reader follows are no requests. Scripts are searched for nothing: which of the addresses in them are ever
asked for shows in a browser alone (tests/test_site.py).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

_FETCHED = {"src", "srcset", "poster", "data", "background", "action", "formaction"}
"""Attributes whose address a browser asks for as it shows the page."""
_SAFE_LINKS = {"canonical", "next", "prev", "author", "license"}
"""What <link> may say of an address without fetching it."""
_ELSEWHERE = re.compile(r"\s*(https?:|//|ftp:|wss?:)", re.IGNORECASE)
_IN_STYLE = re.compile(r"(?:url\(|@import\s+)\s*[\"']?\s*((?:https?:)?//[^\"')\s;]+)", re.IGNORECASE)


class _Page(HTMLParser):
    """Collects the addresses elsewhere that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        fetched = {value for name, value in values.items() if name in _FETCHED}
        if tag == "link" and values.get("rel", "") not in _SAFE_LINKS:
            fetched.add(values.get("href", ""))
        if tag in ("use", "image"):
            fetched |= {values.get("href", ""), values.get("xlink:href", "")}
        self.asked += sorted(value for value in fetched if _ELSEWHERE.match(value))
        self.asked += _IN_STYLE.findall(values.get("style", ""))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.asked += _IN_STYLE.findall(data)


def asked_elsewhere(site: Path) -> dict[str, list[str]]:
    """The addresses elsewhere that each page or style sheet of a site asks for; empty where none does."""
    asked = {}
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".svg"):
            page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
            asked[str(path.relative_to(site))] = page.asked
        elif path.suffix == ".css":
            asked[str(path.relative_to(site))] = _IN_STYLE.findall(path.read_text(encoding="utf-8"))
    return {name: addresses for name, addresses in asked.items() if addresses}


def main(arguments: Sequence[str]) -> int:
    """Print what is asked for; 1 if anything is."""
    asked = asked_elsewhere(Path(arguments[0]))
    for name, addresses in asked.items():
        print(f"{name} asks for {', '.join(addresses)}", file=sys.stderr)
    return int(bool(asked))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
