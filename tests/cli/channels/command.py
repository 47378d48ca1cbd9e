"""`ifp channels` as the tests call it, and the tables that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main

SEEDS = 5


def channels(*args: object, figures: bool = False) -> Result:
    drawn = [] if figures else ["--format", "none"]
    return CliRunner().invoke(main, ["channels", *map(str, args), *drawn, "--quiet"])


def done(*args: object, out: Path, figures: bool = False) -> dict[str, Any]:
    result = channels(*args, "--out", out, figures=figures)
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stderr == ""
    content: dict[str, Any] = json.loads((out / "channels.json").read_text(), parse_constant=pytest.fail)
    return content


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")
