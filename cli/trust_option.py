"""--trust, the same for all commands that read a run's files."""

from __future__ import annotations

import click

from ifp.system.checksums import trusting


def _trust(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Believe files to the end of the command."""
    ctx.with_resource(trusting(value))


trust_option = click.option(
    "--trust",
    is_flag=True,
    expose_value=False,
    callback=_trust,
    help="Believe files of runs that were changed after they were written.",
)
