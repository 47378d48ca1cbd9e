"""The benchmark of growth: its exponents, its bytes, and that every kind of row goes through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
MIB = 2**20


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/growth.py, imported as a program of that folder would be, and forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    known = set(sys.modules)
    yield import_module("growth")
    for name in set(sys.modules) - known:
        if name.startswith("growth") or name == "checkout":
            sys.modules.pop(name)


def test_the_exponent_of_the_upper_half(growth: ModuleType) -> None:
    sizes = [2.0**k for k in range(8)]
    # a constant that is lost at the upper sizes does not count
    slope, error = growth.exponent(sizes, [100.0 if n < 16 else 3 * n**1.5 for n in sizes])
    assert slope == pytest.approx(1.5, abs=1e-12)
    assert error == pytest.approx(0, abs=1e-12)
    noise = np.array([0.1, -0.2, 0.3, -0.1])
    slope, error = growth.exponent(sizes, [1, 1, 1, 1, *(np.array(sizes[4:]) ** 2 * np.exp(noise))])
    x = np.log(sizes[4:])
    (expected, _), covariance = np.polyfit(x, 2 * x + noise, 1, cov="unscaled")
    rest = 2 * x + noise - np.polyval(np.polyfit(x, 2 * x + noise, 1), x)
    assert slope == pytest.approx(expected)
    assert error == pytest.approx(np.sqrt(covariance[0, 0] * (rest @ rest) / 2))
    assert np.isnan(growth.exponent([1, 2], [1, 2])[0])


def touch(mebibytes: int) -> None:
    """Memory that is written to."""
    np.ones(mebibytes * MIB // 8)


def test_peak_bytes_of_known_memory(growth: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = import_module("growth_sweep")
    monkeypatch.setattr(sweep, "PRELOADED", [])
    # one MiB was there before; pages of the process's own come on top
    assert 62 * MIB < sweep.peak_bytes(touch, 64) < 66 * MIB


def test_rows_of_every_kind_and_parts_measured_anew(
    growth: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows() -> list[dict[str, str]]:
        return growth.read(tmp_path / "growth.csv")

    growth.main(["--smoke", "--out", str(tmp_path), "--parts", "saving", "disk", "annealing, mlp", "channels, pairs"])
    first = rows()
    parts = list(dict.fromkeys(row["part"] for row in first))
    assert parts == ["saving", "disk", "annealing, mlp", "channels, pairs"]
    assert all(float(row["cost"]) > 0 for row in first)
    of_disk = [float(row["cost"]) / float(row["size"]) for row in first if row["part"] == "disk"]
    # 150 records of beta, reconstruction and KL, 8 bytes each, and the labels
    assert all(3600 < each < 4000 for each in of_disk)

    growth.main(["--smoke", "--out", str(tmp_path), "--parts", "disk"])
    second = rows()
    assert second[:3] == first[:3]
    assert [row["part"] for row in second] == [row["part"] for row in first]
    table = (tmp_path / "growth.md").read_text()
    assert sum(line.startswith("| ") for line in table.splitlines()) == 1 + len(parts)
    assert "| disk | members in trace.npz | bytes on disk | 250 |" in table
