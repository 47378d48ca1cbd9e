"""`ifp watch`: how a run at work stands, in the terminal, until it ends."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ifp.cli.option_help import GroupedCommand
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_parts, stdout_console
from ifp.cli.trust_option import trust_option
from ifp.errors import IfpError, bad_value, counted

if TYPE_CHECKING:
    from ifp.analysis.watching.state import RunState

LOG_SECONDS = 30.0
"""Where stdout is no terminal, the view is printed again no sooner than after so many seconds."""


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Print the view once and end.")
@click.option("--network", type=int, default=0, help="The network whose latents and factors are shown, from 0.")
@click.option("--every", type=float, default=2.0, help="Seconds between two looks at the folder, 0.1 at least.")
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout once and nothing else there.")
def watch(run: Path, once: bool, network: int, every: float, as_json: bool) -> None:
    """Show a run at work until it ends: steps, stage, KL of each latent, NMI of each factor, and the time left.

    RUN is the folder of `ifp anneal`, `ifp anneal --whole`, `ifp train` or an ifp.Recorder. Nothing is written into it,
    and Ctrl-C ends the view, not the run. Where stdout is no terminal the view is printed anew when something changed.

    Example: `ifp watch runs/deft`
    """
    if not 0.1 <= every < 86400:
        raise bad_value("--every", every, "a number of seconds from 0.1 to 86400")
    if network < 0:
        raise bad_value("--network", network, "a whole number of at least 0")

    from ifp.analysis.watching.study import watch as state_of

    state = state_of(run)
    if network and not state.networks:
        raise IfpError(f"{run} has no networks to choose from; leave --network out.")
    if state.networks and network >= len(state.networks):
        raise IfpError(
            f"{run} has {counted(len(state.networks), 'network')}; --network must be below that, got {network}."
        )
    if as_json:
        echo(json.dumps(state.content(), indent=2))
        return
    if once:
        _print(state, network)
        return
    try:
        state = _live(state, network, every) if stdout_console().is_terminal else _lines(state, network, every)
    except KeyboardInterrupt:
        return
    if state.left:
        print_line(f"No process of this machine works on {run} any more, and it is not finished. {state.advice()}")


def _live(state: RunState, network: int, every: float) -> RunState:
    from rich.console import Group
    from rich.live import Live

    from ifp.analysis.watching.study import watch as state_of
    from ifp.cli.watch_view import view

    console = stdout_console()
    with Live(Group(*view(state, network)), console=console, auto_refresh=False) as live:
        live.refresh()
        while not state.ended:
            time.sleep(every)
            state = state_of(state.path)
            live.update(Group(*view(state, network)), refresh=True)
    return state


def _lines(state: RunState, network: int, every: float) -> RunState:
    """The view as plain text, again when there is something new."""
    from ifp.analysis.watching.study import watch as state_of

    _print(state, network)
    shown, shown_at = state, time.monotonic()
    while not state.ended:
        time.sleep(every)
        state = state_of(state.path)
        changed = (state.done, state.status) != (shown.done, shown.status)
        if changed and (state.ended or time.monotonic() - shown_at >= LOG_SECONDS):
            _print(state, network)
            shown, shown_at = state, time.monotonic()
    return state


def _print(state: RunState, network: int) -> None:
    from ifp.cli.watch_view import view

    print_parts(view(state, network))
