"""The option that sends the work to other processes and machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def scheduler_option(function: Function) -> Function:
    """Add --scheduler."""
    return click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Compute on the workers of a dask scheduler, tcp://HOST:PORT, or on processes here, local:N; needs "
        "ifp[cluster].",
        show_default="threads of this process",
    )(function)
