"""A folder for results is looked at before the work, not after it."""

from __future__ import annotations

from pathlib import Path

import click

from ifp.refusals import check_out


def checked_out(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """The callback of --out: raises IfpError where no folder can be made or written there."""
    if value is not None:
        check_out(value)
    return value
