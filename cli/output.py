"""What every command prints goes through here: escapes are shown and never sent, and a lost stderr stops no run."""

from __future__ import annotations

import io
import os
import sys
from typing import IO

import click

from ifp.system.printable import printable


def shown(text: object) -> str:
    r"""The text, line by line, with all that could move a cursor or turn the direction of letters escaped.

    >>> print(shown("one\x1b[2J\ntwo"))
    one\x1b[2J
    two
    """
    return "\n".join(map(printable, str(text).split("\n")))


def echo(text: object = "", *, err: bool = False, file: IO[str] | None = None) -> None:
    """Print a text on stdout, or on stderr or a stream; what stderr cannot take is lost, and nothing else is."""
    stream = file if file is not None else sys.stderr if err else sys.stdout
    if stream is None:  # the caller closed it
        return
    try:
        click.echo(shown(text), file=stream)  # without a stream click would send UTF-8 to one of ASCII
    except OSError:
        if not err:
            raise
        forget_stderr()


def forget_stderr() -> None:
    """Nothing is written to stderr from here on: it is full, or nobody is there to read it."""
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (to the end of the process)


def keep_streams_open() -> None:
    """Put an empty device in the place of each of stdin, stdout and stderr that the caller closed (cron, `2>&-`).

    Otherwise the next file that is opened, one of a run's, takes its number, and messages are written into it. On a
    stream that cannot take every letter (LANG=C, a pipe of ASCII) the others are shown as escapes.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115
        stream = getattr(sys, name)
        if number and isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
