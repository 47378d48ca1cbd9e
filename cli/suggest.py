"""`ifp suggest`: which beta to train with, out of a finished annealing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError

if TYPE_CHECKING:
    from ifp.analysis.figures.result import Result
    from ifp.analysis.suggestion.result import Suggestion

Function = TypeVar("Function", bound=Callable[..., Any])


def _one_family(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> str | None:
    """The one code base that is named; click itself would take the last and drop the others without a word."""
    if len(names) > 1:
        raise IfpError(f"--units names one code base, got {' and '.join(names)}; ask for one after the other.")
    return names[0] if names else None


def suggestion_options(function: Function) -> Function:
    """Add --hold, --units, --model-latents and --kld-weight."""
    for option in (
        click.option("--kld-weight", type=float, help="The kld_weight of the units antixk.", show_default="0.00025"),
        click.option("--model-latents", type=int, help="Latents of the model to be trained, for units that average "
                     "the KL over them.", show_default="none; needed for such units"),
        click.option("--units", metavar="FAMILY", multiple=True, callback=_one_family, help="Whose beta is suggested; "
                     "`ifp beta convert --help` lists the families.", show_default="nats per image"),
        click.option("--hold", multiple=True, help="The factors that the suggested beta shall hold: posX,scale; or "
                     "repeat it.", show_default="all"),
    ):  # fmt: skip
        function = option(function)
    return function


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path(path_type=Path))
@suggestion_options
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
def suggest(run: Path, as_json: bool, **options: Any) -> None:
    """Say which beta holds which factors of RUN, and the highest one that holds all that are named.

    RUN is a folder of `ifp anneal`: of traversals, where each factor moves alone, or with --whole, where all freeze at
    once. Betas are told in nats per image, or in the units of a code base.

    \b
    ifp suggest runs/demo --hold posX,scale
    ifp suggest runs/demo --units higgins-normalised --model-latents 10
    """
    from ifp.analysis.suggestion.study import suggest as read_suggestion

    suggestion = read_suggestion(run, **options)
    if as_json:
        echo(json.dumps(suggestion.to_json(), indent=2))
        return
    print_suggestion(suggestion)


def print_suggestion(suggestion: Suggestion) -> None:
    """The table and its sentences."""
    print_table(
        suggestion.texts(), title=f"Which beta holds which factor, {suggestion.units.in_words}", left=("factor",)
    )
    for sentence in suggestion.sentences():
        print_line(sentence)


def find_suggestion(result: Result, options: Mapping[str, Any]) -> Suggestion | str:
    """What `ifp suggest` would say of a run that has just ended; a sentence where there is no such beta."""
    from ifp.analysis.suggestion.study import suggest as read_suggestion

    try:
        return read_suggestion(result, **options)
    except IfpError as error:
        return f"No beta is suggested for a beta-VAE: {error}"


def say_suggestion(found: Suggestion | str, options: Mapping[str, Any]) -> None:
    """The sentences after a run; with its table where factors or units were named, which the run's own lacks."""
    if isinstance(found, str):
        if any(options.values()):
            print_line(found)
    elif any(options.values()):
        print_suggestion(found)
    else:
        for sentence in found.sentences():
            print_line(sentence)


def suggestion_content(found: Suggestion | str) -> dict[str, Any] | None:
    """The same for JSON."""
    return None if isinstance(found, str) else found.to_json()
