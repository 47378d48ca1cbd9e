"""`ifp diagnose` as a user runs it, with few images and repeats; what it wrote, and what it says of a mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main

FAST = [
    "--images",
    "1000",
    "--permutations",
    "20",
    "--bootstraps",
    "20",
    "--metrics",
    "none",
    "--format",
    "none",
    "--no-joint",
]
"""Settings that keep a command quick; an option that is given beside them overrules them."""


def diagnose(*args: object, fast: bool = True) -> Result:
    return CliRunner().invoke(main, ["diagnose", *(FAST if fast else []), *map(str, args), "--quiet"])


def content_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "diagnosis.json").read_text(), parse_constant=pytest.fail)
    return content


def done(*args: object, out: Path) -> dict[str, Any]:
    result = diagnose(*args, "--out", out)
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stderr == ""
    return content_of(out)


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")


def check_mistake(result: Result, sentence: str, out: Path) -> None:
    """One sentence on stderr, exit code 2, and nothing written but codes that were encoded rightly."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert sentence in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert {path.name for path in out.glob("*")} <= {"codes"}
    assert not list(out.rglob("*partial*"))
