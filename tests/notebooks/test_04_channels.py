"""The notebook on channels runs, and shows what it is stored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from .stored import assert_runs_as_stored

SHORTER = {
    "steps=800": "steps=400",
    "records=20, checkpoint_every=160": "records=5, checkpoint_every=80",
}


@pytest.mark.slow
def test_it_runs_and_shows_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_as_stored("04_channels", tmp_path, monkeypatch, SHORTER)
