"""Measurements of which one that fails does not lose those after it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class Attempts:
    """Tries measurements in turn.

    Parameters
    ----------
    emit : is told which failed, and why.
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._failed: list[str] = []

    def value(self, what: str, measure: Callable[[], Value], otherwise: Value) -> Value:
        """What `measure` gives, or `otherwise` where it fails."""
        try:
            return measure()
        except Exception as error:  # whatever it is, the next one is to be tried
            first = (str(error).strip().splitlines() or [""])[0]
            self._emit(f"| {what}: **failed**, {type(error).__name__}: {first[:300]} |")
            self._failed.append(what)
            traceback.print_exc()
            return otherwise

    def settle(self) -> None:
        """End the program with an error if any failed."""
        if self._failed:
            raise SystemExit(f"failed: {'; '.join(self._failed)}")
