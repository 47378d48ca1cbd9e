"""The one place where JSON is parsed: no text, however made, gives anything but plain values or a ValueError."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

MAX_BYTES = 2**26
"""Maximum size of a JSON file, 64 MiB."""
MAX_VALUES = 2**23
"""Maximum number of values in a JSON text, as its commas and brackets count them: 8 million take 600 MB as objects."""
MAX_DEPTH = 64
"""Maximum depth to which JSON is nested; what reads or writes the values may go down by calling itself."""


def parse_json(text: str | bytes) -> Any:
    """The plain values in a JSON text.

    Raises
    ------
    ValueError : no JSON; nested deeper than 64 levels, too many values, a number of thousands of digits, or half of a
        character (a surrogate), which no file and no terminal takes. The message says what of these, without the text.

    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        raise ValueError(f"it holds more than {MAX_VALUES:,} values")
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from error
    _check_plain(content)
    return content


def load_json(path: Path, most_bytes: int = MAX_BYTES) -> Any:
    """The plain values in a JSON file; OSError where it cannot be read, ValueError as `parse_json` or of its size."""
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes / 2**20:.3g} MiB")
    return parse_json(data.decode("utf-8"))


def _check_plain(content: Any) -> None:
    """Raise ValueError where `content` is nested too deep, or a text of it is none (half of a surrogate pair)."""
    level = [content]
    for _ in range(MAX_DEPTH + 1):
        texts = [entry for entry in level if isinstance(entry, str)]
        if any(not text.isascii() and _SURROGATE.search(text) for text in texts):
            raise ValueError("it holds half of a character, a surrogate")
        containers = [entry for entry in level if isinstance(entry, dict | list)]
        if not containers:
            return
        level = [inner for of in containers for inner in ([*of, *of.values()] if isinstance(of, dict) else of)]
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


_SURROGATE = re.compile("[\ud800-\udfff]")
