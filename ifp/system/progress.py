"""How long work tells how far it has come, to whoever shows it: one signature everywhere.

A library call shows nothing by default. The command line hands in a bar; a notebook can pass `print`.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as progress(what is being done, units done, units in all)."""

Say = Callable[[str], None]
"""Called with one sentence that the user should read now."""


def silent(text: str, done: int, total: int) -> None:
    """Progress that shows nothing."""


def unsaid(text: str) -> None:
    """Sentences that nobody reads."""
