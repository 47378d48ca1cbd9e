"""The notebook on DEFT runs, and shows what it is stored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from .stored import assert_runs_as_stored

SHORTER = {
    '"steps": 900': '"steps": 180',
    '"records": 18': '"records": 3',
    '"stage_steps": 250': '"stage_steps": 50',
    "step == 900": "step == 180",
    "beta_max=200, steps=200": "beta_max=200, steps=60",
}


@pytest.mark.slow
def test_it_runs_and_shows_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_as_stored("03_deft", tmp_path, monkeypatch, SHORTER)
