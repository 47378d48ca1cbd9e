"""Exact annealing of sprites against crossings of an implementation apart from this project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ifp.exact.annealing import exact_annealing

from .curves import crossings
from .written_out import sprites_traversal

ORACLE = Path(__file__).parents[2] / "../shared/fixtures/sprites-oracle-true-geometry.json"


@pytest.mark.slow
def test_sprites_agree_with_the_oracle() -> None:
    if not ORACLE.exists():
        pytest.skip("needs ../shared/fixtures/sprites-oracle-true-geometry.json")
    rows: list[dict[str, Any]] = json.loads(ORACLE.read_text())
    assert len(rows) == 15
    trace = exact_annealing([sprites_traversal(row["factor"], tuple(row["context"])) for row in rows])
    found = crossings(trace)
    for number, row in enumerate(rows):
        assert found["cool"][number] == pytest.approx(row["exact_cool"], rel=0.02)
        if row["exact_heat"] is not None:
            assert found["heat"][number] == pytest.approx(row["exact_heat"], rel=0.02)
        else:
            assert found["heat"][number] > 1.15 * row["beta_closed_form"]
