"""The notebook on the annealing test runs, and shows what it is stored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from .stored import assert_runs_as_stored

SHORTER = {"steps=500, hold_steps=200, records=60": "steps=120, hold_steps=40, records=20"}


@pytest.mark.slow
def test_it_runs_and_shows_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_as_stored("01_annealing_test", tmp_path, monkeypatch, SHORTER)
