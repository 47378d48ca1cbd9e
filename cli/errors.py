"""From an exception to one line on stderr and an exit code: the only place where the command line does this.

0 all went well; 1 a run in which nothing froze; 2 a mistake that the user can correct; 130 interrupted.
"""

from __future__ import annotations

import difflib
import errno
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from ifp.cli.option_words import with_options
from ifp.cli.output import echo
from ifp.errors import IfpError, IfpWarning, NothingFroze

NO_MEMORY = ("can't allocate memory", "out of memory")
"""Words in PyTorch's messages that mean a lack of memory."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of the system that mean a full disk or a used-up quota."""


class UserMistake(click.ClickException):
    """A message on stderr as it is; exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message."""
        echo(self.message, file=file, err=file is None)


class NothingFound(UserMistake):
    """A run that ended well and found nothing; exit code 1."""

    exit_code = 1


class Interrupted(UserMistake):
    """Ctrl-C; exit code 130, as shells have it."""

    exit_code = 130


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can act on into a message; everything else is our own fault and keeps its traceback."""
    try:
        with _one_line_warnings():
            yield
    except IfpError as error:
        # some messages list files, one per line; anything else that could move a terminal's cursor is escaped
        raise UserMistake("Error: " + with_options(str(error))) from error
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            raise
        raise UserMistake(f"Error: {usage_sentence(error)}") from error
    except NothingFroze as error:
        raise NothingFound(with_options(str(error))) from error
    except (KeyboardInterrupt, click.Abort) as error:
        raise Interrupted("Interrupted.") from error
    except (MemoryError, RuntimeError) as error:
        # PyTorch says it by a message on a CPU and by a class of its own, which is a RuntimeError too, on a GPU
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in NO_MEMORY):
            raise
        raise UserMistake(
            "Error: The memory does not suffice; ask for smaller networks, batches or fewer at once."
        ) from error
    except OSError as error:
        # a closed pipe (`ifp ... | head`) is click's to handle; without a file it is no user's fault, save a full disk
        if error.errno == errno.EPIPE or (error.filename is None and error.errno not in DISK_FULL):
            raise
        where = f"{error.filename}: " if error.filename else ""
        raise UserMistake(f"Error: {where}{error.strerror}; choose another place or make room in this one.") from error
    except Exception as error:
        if _during_interrupt(error):
            raise Interrupted("Interrupted.") from error
        raise


def usage_sentence(error: click.UsageError) -> str:
    """One of click's own errors in one sentence: an unknown option with the nearest there is, and where help is."""
    command = error.ctx.command_path if error.ctx is not None else "ifp"
    options = _options(error.ctx.command) if error.ctx is not None else []
    if not isinstance(error, click.NoSuchOption):
        said = error.format_message()
        extra = re.search(r"unexpected extra arguments? \((\S+).*\)$", said)
        if extra and "--dataset" in options:
            from ifp.datasets.catalog import DATASETS

            meant = difflib.get_close_matches(extra[1], DATASETS, n=1)  # a name itself is the nearest to it
            end = f"did you mean '--dataset {meant[0]}'?" if meant else "a data set is given by --dataset NAME."
            return f"`{command}` takes no argument {extra[1]!r}; {end}"
        return said
    bare = {name.lstrip("-"): name for name in options}  # the dashes are alike in all
    near = difflib.get_close_matches(error.option_name.lstrip("-"), bare, n=1)
    others = [f"`{name}`" for name in _commands_with(error.option_name, error.ctx)]
    if others:
        hint = f"that is an option of {', '.join(others)}."
    else:
        hint = f"did you mean {bare[near[0]]!r}?" if near else f"`{command} --help` shows its options."
    return f"`{command}` has no option {error.option_name!r}; {hint}"


def _options(command: click.Command) -> list[str]:
    return [name for param in command.params for name in param.opts if name.startswith("-")]


def _commands_with(option: str, ctx: click.Context | None) -> list[str]:
    """The commands beside this one that have the option: it was no slip of the keyboard."""
    root = ctx.find_root() if ctx is not None else None
    if root is None or not isinstance(root.command, click.Group):
        return []
    beside = {name: root.command.get_command(root, name) for name in root.command.list_commands(root)}
    having = [name for name, command in beside.items() if command is not None and option in _options(command)]
    return [f"{root.command_path} {name}" for name in having]


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Print each IfpWarning once, as its sentence on stderr; other warnings go their way."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, IfpWarning):
            before(message, category, *place, **more)
        elif str(message) not in said:
            said.add(str(message))
            echo(with_options(str(message)), err=True)

    with warnings.catch_warnings():
        before = warnings.showwarning
        warnings.simplefilter("always", IfpWarning)
        warnings.showwarning = show
        yield


def _during_interrupt(error: BaseException) -> bool:
    """Whether the error came out of the clean-up after Ctrl-C (a half-open zip file complains, say)."""
    while error.__context__ is not None:
        error = error.__context__
        if isinstance(error, KeyboardInterrupt):
            return True
    return False
