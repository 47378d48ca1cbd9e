"""`ifp.shift` in memory and with a folder, on models whose optimum is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ifp
from ifp.analysis.shift.plot_shift import plot_shift
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
    files = {"melting.csv", "shifts.csv", "shift.json", "probes", "figures", "checksums.json"}
    assert {path.name for path in folder.iterdir()} == files

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


@pytest.mark.parametrize("side", [5, lambda images: images])
def test_a_side_that_is_no_path_is_refused(side: Any) -> None:
    with pytest.raises(IfpError, match="baseline must be the path of a checkpoint or of a run"):
        ifp.shift(side, side, "toys")


def test_a_factor_without_a_pair_has_no_mean() -> None:
    rows = {"kind": "factor", "name": "size", "number": 0, "beta_start": 1.0, "beta_end": 300.0}
    sides = [("baseline", 179.0, "melted"), ("mitigated", np.nan, "not_held")]
    unpaired = pd.DataFrame([{**rows, "side": side, "beta_ifp": beta, "status": s} for side, beta, s in sides])
    paired = unpaired.assign(beta_ifp=[179.0, 60.0], status="melted")
    # a pair is joined by a line and each side has its points and its mean; without one only points are drawn
    assert [len(line.get_xdata()) for line in plot_shift(unpaired).lines] == [1, 0]
    assert [list(line.get_xdata()) for line in plot_shift(paired).lines][2] == pytest.approx([179, 179])
