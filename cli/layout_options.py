"""--grid and --bins: what a user says of images whose file does not. They become a part of the data set's name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ifp.errors import IfpError

_GRID = "Factors in whose order your images lie, the last fastest: shape:4,scale:8,..."
_BINS = "Put continuous factors into bins of equally many images (cells): NAME:N,... or N for all."


def layout_options(parameter: str = "dataset") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of commands, put next to the function: it takes both options and changes the data set's name.

    Parameters
    ----------
    parameter : the command's parameter that holds the name. A command with --codes is handed `bins` too, which are for
        the codes' own factors then.
    """

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_layout(*args: Any, **given: Any) -> Any:
            grid, bins = given.pop("grid"), given.pop("bins")
            if "codes" in given:
                given["bins"] = bins if given["codes"] else None
                bins = None if given["codes"] else bins
            if grid is not None or bins is not None:
                given[parameter] = _named(given.get(parameter), grid, bins)
            return command(*args, **given)

        for option in (
            click.option("--bins", show_default="none", help=_BINS),
            click.option("--grid", show_default="none", help=_GRID),
        ):
            option(with_layout)
        return with_layout

    return decorated


def _named(name: str | None, grid: str | None, bins: str | None) -> str:
    from ifp.datasets.catalog import is_own
    from ifp.datasets.layout import named_with

    option = "--grid" if grid is not None else "--bins"
    if name is None:
        raise IfpError(f"{option} is about images of your own; name them too, such as npz:PATH.")
    if not is_own(name):
        raise IfpError(f"{name} has factors of its own; {option} is for npz:PATH and images:FOLDER.")
    return named_with(name, grid, bins)
