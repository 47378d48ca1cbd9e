"""The options of the order of factors and of what figures call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def order_and_labels(function: Function) -> Function:
    """Add --order and --label."""
    for option in (
        click.option(
            "--label", "labels", multiple=True,
            help='What figures call a factor: posX="x position"; repeat for several.',
        ),
        click.option(
            "--order", multiple=True, show_default="highest freezing point first",
            help="The factors that come first in figures and tables: posX,posY; or repeat it.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function
