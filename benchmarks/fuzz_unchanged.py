"""What does not change from one execution to the next is read once: the other files of a folder, and known headers.

A reader of run.json also reads the curves beside it, which are the same in each of a million executions.
"""

from __future__ import annotations

import ast
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ifp.analysis.tables import read_csv
from ifp.datasets.own_arrays import read_own_arrays
from ifp.system.own_files import read_own_json

_READERS: tuple[Callable[..., Any], ...] = (read_own_arrays, read_csv, read_own_json)
_MOST_HEADERS = 4096


@contextmanager
def read_once(changed: Path) -> Iterator[None]:
    """Within the block files of ours other than `changed` are read once, and texts of headers are parsed once."""
    with ExitStack() as stack:
        for reader in _READERS:
            once = _once(reader, changed)
            for module in list(sys.modules.values()):
                if getattr(module, "__name__", "").startswith("ifp") and vars(module).get(reader.__name__) is reader:
                    stack.enter_context(patch.object(module, reader.__name__, once))
        stack.enter_context(patch.object(ast, "literal_eval", _parsed_once(ast.literal_eval)))
        yield


def _once(reader: Callable[..., Any], changed: Path) -> Callable[..., Any]:
    known: dict[str, bytes] = {}

    def read(path: Path, *arguments: Any, **named: Any) -> Any:
        if path == changed:
            return reader(path, *arguments, **named)
        key = f"{path} {arguments} {named}"
        if key not in known:
            known[key] = pickle.dumps(reader(path, *arguments, **named), protocol=5)
        return pickle.loads(known[key])

    return read


def _parsed_once(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`ast.literal_eval`, by which NumPy reads the dictionary in an array's header."""
    known = lru_cache(_MOST_HEADERS)(parse)

    def parsed(text: Any) -> Any:
        found = known(text) if isinstance(text, str) and len(text) < 1000 else parse(text)
        return dict(found) if isinstance(found, dict) else found

    return parsed
