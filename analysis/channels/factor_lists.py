"""Several factors in one cell of a table, "posX + posY", read back as they were whatever their names hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

SEPARATOR = " + "
_LONE_PLUS = re.compile(r"(?<!\S)(\\*\+)(?!\S)")
_ESCAPED_PLUS = re.compile(r"(?<!\S)\\(\\*\+)(?!\S)")


def join_factors(names: Iterable[str]) -> str:
    r"""The names in one text; a plus that stands alone in a name gets a backslash before it.

    >>> print(join_factors(["posX", "posY"]), "|", join_factors(["hue + tint", "C++"]))
    posX + posY | hue \+ tint + C++
    """
    return SEPARATOR.join(_LONE_PLUS.sub(r"\\\1", name) for name in names)


def split_factors(text: str) -> list[str]:
    r"""The names that `join_factors` put into one text; none of an empty one.

    >>> split_factors(r"hue \+ tint + C++"), split_factors("")
    (['hue + tint', 'C++'], [])
    """
    return [_ESCAPED_PLUS.sub(r"\1", name) for name in text.split(SEPARATOR)] if text else []
