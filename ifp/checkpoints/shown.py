"""How names and texts out of a file are shown: whatever could move a terminal's cursor is escaped."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str) -> str:
    r"""`text` with every character that does not print escaped.

    >>> print(printable("conv\x1b[2J\n"))
    conv\x1b[2J\n
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def listed(names: Iterable[object], most: int) -> str:
    """The first `most` of `names`, printable, and "..." where there are more.

    >>> listed(range(5), 3)
    '0, 1, 2, ...'
    """
    shown = [printable(str(name)) for name in names]
    return ", ".join([*shown[:most], *["..."] * (len(shown) > most)])
