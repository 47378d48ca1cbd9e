"""What is looked at before the work, not after it: where results are to go, seeds, settings that go unused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ifp.errors import IfpError, bad_value
from ifp.system.out_folder import check_out


def checked_out(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """The callback of --out: raises IfpError where no folder can be made or written there."""
    if value is not None:
        check_out(value)
    return value


def checked_seed(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """The callback of --seed: raises IfpError for a negative number."""
    if value is not None and value < 0:
        raise bad_value("seed", value, "a whole number of at least 0")
    return value


def refuse_idle_sigma(given: Mapping[str, Any], likelihood: str, option: str = "--sigma") -> None:
    """Raise IfpError where the user gave a sigma to a likelihood that has none."""
    if "sigma" in given and likelihood != "gaussian":
        raise IfpError(
            f"{option} is the standard deviation of the gaussian likelihood, and {likelihood} has none; add "
            f"--likelihood gaussian, or leave {option} out."
        )
