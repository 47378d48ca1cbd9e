"""A small data set by its name."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bars(bars_npz: Path) -> str:
    return f"npz:{bars_npz}"
