"""The command line, `ifp`: the group that finds the commands, loading each only when it is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from ifp.cli.errors import one_line_errors
from ifp.cli.output import echo, keep_streams_open
from ifp.errors import unknown_name
from ifp.system.versions import versions

COMMANDS = {
    "anneal": ("ifp.cli.anneal:anneal", "Measure the information freezing points of a data set's factors."),
    "plot": ("ifp.cli.plot:plot", "Draw the figures of a run or a diagnosis for a paper."),
    "suggest": ("ifp.cli.suggest:suggest", "Say which beta to train with, in the units of any code base."),
    "report": ("ifp.cli.report:report", "Write a run, or several, as one page of HTML to look at."),
    "table": ("ifp.cli.table:table", "Print a table of a run as LaTeX, Markdown or csv."),
    "train": ("ifp.cli.train:train", "Train VAEs on a whole data set, DEFT or a baseline."),
    "watch": ("ifp.cli.watch:watch", "Show a run at work in the terminal until it ends."),
    "diagnose": ("ifp.cli.diagnose:diagnose", "Say what each latent of a model holds, and what has diffused."),
    "channels": ("ifp.cli.channels:channels", "Find the information that many models hold again and again."),
    "shift": ("ifp.cli.shift:shift", "Say how far a mitigation moves freezing points."),
    "directions": ("ifp.cli.directions:directions", "Find a decoder's directions whose shifts are symmetries."),
    "beta": ("ifp.cli.beta:beta", "Convert another project's beta into our units, or back."),
    "data": ("ifp.cli.data:data", "List, describe, get, check and export data sets."),
    "cache": ("ifp.cli.cache:cache", "List and remove kept copies of images."),
}
"""Command -> where it is, and its line in `ifp --help` (which must not import the command)."""

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, and whose errors become one line."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in self.commands_at:
            return None
        module, name = self.commands_at[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was asked for; an unknown name is told the nearest one."""
        if args[0] not in self.commands_at and not args[0].startswith("-"):
            ctx.fail(str(unknown_name("command", args[0], self.commands_at)))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin with what was typed; no command is imported for that."""
        named = [CompletionItem(n, help=t) for n, (_, t) in self.commands_at.items() if n.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their one line each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.commands_at.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """The context of the group's own options; what is wrong with them becomes one line."""
        with one_line_errors():
            return super().make_context(*args, **kwargs)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """The whole command line, with standard streams that are there even where the caller closed them."""
        keep_streams_open()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the user can act on becomes one line and an exit code."""
        with one_line_errors():
            return super().invoke(ctx)


@click.group(
    cls=LazyGroup, commands_at=COMMANDS, context_settings=CONTEXT_SETTINGS, invoke_without_command=True, name="ifp"
)
@click.option("--version", "show_version", is_flag=True, help="Print the versions of ifp and what it stands on, exit.")
@click.option("--json", "as_json", is_flag=True, help="With --version: print JSON.")
@click.pass_context
def main(ctx: click.Context, show_version: bool, as_json: bool) -> None:
    """Information freezing points: at which beta does each factor of variation freeze into a VAE's latents?

    Start with `ifp anneal --dataset sprites --preset quick --out runs/first`.
    """
    if as_json and not show_version:
        raise click.UsageError("--json belongs after the command, as in `ifp data list --json`, or with --version.")
    if show_version:
        version_of = versions()
        lines = [f"{name} {version}" for name, version in version_of.items()]
        echo(json.dumps(version_of, indent=2) if as_json else "\n".join(lines))
        ctx.exit()
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())
