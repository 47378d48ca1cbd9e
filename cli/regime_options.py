"""Options that say how the factors of the images are distributed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ifp.errors import IfpError

if TYPE_CHECKING:
    from ifp.datasets.correlated import Pair

Command = TypeVar("Command", bound=Callable[..., Any])


def regime_options(command: Command) -> Command:
    """--correlate, --sigma, --inverse."""
    for option in reversed(
        (
            click.option("--correlate", multiple=True, show_default="none",
                         help="Two factors to correlate in the images, e.g. posX,scale; repeat."),
            click.option("--sigma", multiple=True, show_default="0.2",
                         help="Spread of a correlated pair (smaller is stronger), or none; once, or once per pair."),
            click.option("--inverse", is_flag=True, help="Correlate high values with low ones."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def given_pairs(options: dict[str, Any]) -> tuple[Pair, ...]:
    """The pairs of --correlate and --sigma, those without a correlation left out.

    Raises
    ------
    IfpError : --sigma or --inverse alone, a text that is no pair or no number, or codes that came as arrays.
    """
    from ifp.datasets.correlated import DEFAULT_SIGMA, make_pairs, parse_sigma

    if not options["correlate"]:
        if options["sigma"] or options["inverse"]:
            raise IfpError("--sigma and --inverse need a pair of factors; add --correlate A,B, or leave them out.")
        return ()
    if options["codes"]:
        raise IfpError("--correlate draws images of a data set and --codes brings codes; encode such images yourself.")
    pairs = make_pairs(options["correlate"], [parse_sigma(text) for text in options["sigma"]] or [DEFAULT_SIGMA])
    return tuple(pair for pair in pairs if not math.isinf(pair[2]))
