"""Makes names and texts from a file safe to print: characters that could move a terminal's cursor are escaped."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

_LONGEST = 120
"""Maximum number of characters of a shortened text."""


def printable(text: str) -> str:
    r"""`text` with every character that does not print escaped.

    >>> print(printable("conv\x1b[2J\n"))
    conv\x1b[2J\n
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


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
