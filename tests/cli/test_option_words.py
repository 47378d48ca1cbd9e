"""Messages of the library name arguments, and the command line puts options that it has in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from ifp.cli import main
from ifp.cli.option_words import with_options

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"`(?:ifp|dask|pip) [^`]+`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@cache
def texts() -> tuple[tuple[str, str], ...]:
    return tuple(read_texts())


def read_texts() -> Iterator[tuple[str, str]]:
    """Every string of the library that is no docstring, f-strings as one, with the file and line that it is in."""
    for path in sorted([*(ROOT / "ifp").rglob("*.py"), *(ROOT / "analysis").rglob("*.py")]):
        tree = ast.parse(path.read_text())
        skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                skipped |= {id(part) for part in node.values}
                yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def options_of(command: click.Command) -> set[str]:
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            commands = [command.get_command(ctx, name) for name in command.list_commands(ctx)]
        return set().union(*map(options_of, filter(None, commands)))
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


def test_messages_of_the_library_name_options_in_whole_commands_alone() -> None:
    named = [(where, text) for where, text in texts() if OPTION.search(COMMAND.sub("", text))]
    assert named == []


def test_every_argument_that_a_message_marks_is_an_option_of_a_command() -> None:
    marked = [(where, text) for where, text in texts() if with_options(text) != text]
    known = options_of(main)
    missing = {
        (where, option)
        for where, text in marked
        for option in OPTION.findall(COMMAND.sub("", with_options(text)))
        if option not in known
    }
    assert len(marked) > 50
    assert missing == set()


def test_arrays_of_files_are_quoted_and_not_marked_as_arguments() -> None:
    assert [where for where, text in texts() if "array `" in text] == []


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("give `shape=(3, 64, 64)`, or fewer, `images=40`", "give --shape 3,64,64, or fewer, --images 40"),
        ("`{name}` and `a b` are as they are", "`{name}` and `a b` are as they are"),
        ("`ifp data list` shows the names", "`ifp data list` shows the names"),
        ("`model='no_such:function'` cannot be imported", "--encoder no_such:function cannot be imported"),
        (
            "state `reading=ifp.ReadingOptions(variance='log variance', head=..., pixel_mean=..., pixel_std=...)`",
            "state --variance log-variance, --head, --pixel-scaling",
        ),
    ],
)
def test_arguments_become_options(said: str, printed: str) -> None:
    assert with_options(said) == printed
