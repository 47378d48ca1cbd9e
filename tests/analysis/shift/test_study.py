"""`ifp.shift` in memory and with a folder, on models whose optimum is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ifp
from ifp.analysis.shift.result import ShiftResult
from ifp.errors import IfpError

from ...checkpoints import exact_vaes as exact

SHORT: dict[str, Any] = {
    "images": 1000, "fixed_images": 1000, "steps": 100, "hold_steps": 0, "records": 6, "learning_rate": 0.003,
    "beta_min": 0.002, "beta_max": 0.6,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """grid.npz, and two checkpoints."""
    folder = tmp_path_factory.mktemp("shift")
    exact.write_grid(folder / "grid.npz")
    exact.write_components(folder / "a.pt")
    exact.write_components(folder / "b.pt", sigma2=0.01)
    return folder


@pytest.fixture(scope="module")
def result(place: Path) -> ShiftResult:
    return ifp.shift(place / "a.pt", place / "b.pt", f"npz:{place / 'grid.npz'}", **SHORT)


def test_one_row_per_factor_and_nothing_is_claimed_of_one_pair(result: ShiftResult) -> None:
    table = result.table()
    assert table["name"].tolist() == list(exact.NAMES)
    assert result.verdicts().tolist() == ["too few pairs to tell (under 6)"] * 3
    assert repr(result).startswith("<ShiftResult: 1 pair of models on npz:")
    assert "probe heat from beta 0.002 to 0.6" in repr(result)
    assert [label.get_text() for label in result.plot().get_yticklabels()] == list(exact.NAMES)


def test_what_is_saved_serves_the_next_call(
    result: ShiftResult, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = result.save(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {"melting.csv", "shifts.csv", "shift.json", "probes", "figures"}

    drawn = [path.read_bytes() for path in sorted((folder / "figures").iterdir())]
    ifp.plot(folder)
    assert [path.read_bytes() for path in sorted((folder / "figures").iterdir())] == drawn

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("probed again")

    monkeypatch.setattr("ifp.analysis.shift.probes.probe", never)
    again = ifp.shift(place / "a.pt", place / "b.pt", f"npz:{place / 'grid.npz'}", out=folder, **SHORT)
    pd.testing.assert_frame_equal(again.melting, result.melting)
    with pytest.raises(AssertionError, match="probed again"):
        ifp.shift(place / "a.pt", place / "b.pt", f"npz:{place / 'grid.npz'}", out=folder, **{**SHORT, "seed": 1})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": 10}, "images must be a whole number of at least 1000"),
        ({"threshold": 0.0}, "threshold must be a positive number"),
        ({"probe": "heatt"}, "did you mean 'heat'"),
    ],
)
def test_a_mistake_is_one_sentence(place: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        ifp.shift(place / "a.pt", place / "b.pt", f"npz:{place / 'grid.npz'}", **{**SHORT, **change})
