"""The notebook on information diffusion runs, and shows what it is stored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from .stored import assert_runs_as_stored

SHORTER = {
    '"steps": 1200, "records": 8': '"steps": 300, "records": 3',
    '"checkpoint_every": 150': '"checkpoint_every": 100',
}


@pytest.mark.slow
def test_it_runs_and_shows_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_as_stored("02_information_diffusion", tmp_path, monkeypatch, SHORTER)
