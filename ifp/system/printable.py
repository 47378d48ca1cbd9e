"""Makes names and texts from files safe to print: characters that could move a terminal's cursor are escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import islice

_LONGEST = 120
"""Maximum number of characters of a shortened text."""
_UNPRINTED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of letters, and breaks of lines and paragraphs."""
_TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the direction in which letters beside them are shown, so that a name reads as another."""


def printable(text: str) -> str:
    r"""`text` with every character that does not print escaped.

    >>> print(printable("conv\x1b[2J\n\u202e"))
    conv\x1b[2J\n\u202e
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def has_controls(text: str) -> bool:
    r"""Whether a text holds a line break or another control character, or one that turns the direction of letters.

    >>> has_controls("x\n"), has_controls("\x1b[2J"), has_controls("\u202ex"), has_controls("x 1 \u5f62")
    (True, True, True, False)
    """
    if text.isprintable():
        return False
    return any(unicodedata.category(letter) in _UNPRINTED or letter in _TURNS for letter in text)


def without_controls(text: str) -> str:
    r"""What to do about a text that `has_controls`: a break is mended by one line, any other by leaving it out.

    >>> without_controls("a\nb"), without_controls("\u202ea")
    ('write it on one line', "remove '\\u202e'")
    """
    wrong = [letter for letter in dict.fromkeys(text) if has_controls(letter)]
    if all(letter.splitlines() == [""] for letter in wrong):
        return "write it on one line"
    return f"remove {' and '.join(map(repr, wrong))}"


def shortened(text: str) -> str:
    """`text` made printable, with its middle left out where it is longer than a line."""
    return printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}")


def listed(names: Iterable[object], most: int) -> str:
    """The first `most` of `names`, made printable and shortened, followed by "..." if there are more.

    >>> listed(range(5), 3)
    '0, 1, 2, ...'
    """
    shown = [shortened(str(name)) for name in islice(names, most + 1)]
    return ", ".join([*shown[:most], *["..."] * (len(shown) > most)])
