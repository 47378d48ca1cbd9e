"""The options of the order of factors, of what figures call them, and of the names of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ifp.errors import IfpError

Function = TypeVar("Function", bound=Callable[..., Any])


def order_and_labels(function: Function) -> Function:
    """Add --order and --label."""
    for option in (
        click.option(
            "--label", "labels", multiple=True,
            help='What figures and reports call a factor: posX="x position"; repeat for several.',
        ),
        click.option(
            "--order", multiple=True, show_default="highest freezing point first",
            help="The factors that come first in figures and tables: posX,posY; or repeat it.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def figure_choices(function: Function) -> Function:
    """Add --factors, --title, --no-legend, --font and --height."""
    for option in (
        click.option("--height", show_default="what the figure needs", help="Page height in inches."),
        click.option("--font", show_default="serif", help="serif, sans, or the name of a font of this machine."),
        click.option("--no-legend", "legend", flag_value=False, default=True, help="Leave the legends out."),
        click.option("--title", show_default="none", help="A line above each figure."),
        click.option("--factors", multiple=True, show_default="all",
                     help="The factors that are shown: posX,scale; or repeat it."),
    ):  # fmt: skip
        function = option(function)
    return function


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def given_names(texts: Sequence[str], models: int) -> dict[int, str]:
    """What --name A=..., B=... calls the first, the second, ... of `models`: names by place from 0.

    Raises
    ------
    IfpError : not LETTER=NAME, a letter without a model, or a name or letter twice.

    >>> given_names(["B=DEFT", "A=beta-VAE"], 2)
    {1: 'DEFT', 0: 'beta-VAE'}
    """
    names: dict[int, str] = {}
    for text in texts:
        letter, equals, name = text.partition("=")
        name = " ".join(name.split())
        place = LETTERS.find(letter.strip().upper()) if len(letter.strip()) == 1 else -1
        if not equals or not name or place < 0:
            raise IfpError(f"--name must be a letter, = and a name, such as A=beta-VAE, got {text!r}.")
        if place >= models:
            few = "model A alone is" if models == 1 else f"models A to {LETTERS[min(models, 26) - 1]} are"
            raise IfpError(f"--name {text} names a model that is not there: {few} given.")
        if place in names or name in names.values():
            raise IfpError(f"--name {text} gives a letter or a name for the second time; give each model its own.")
        names[place] = name
    return names
