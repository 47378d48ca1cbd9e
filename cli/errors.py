"""From an exception to one line on stderr and an exit code: the only place where the command line does this.

0 all went well; 1 a run in which nothing froze; 2 a mistake that the user can correct; 130 interrupted.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from ifp.errors import IfpError, NothingFroze

INTERRUPTED = 130
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class OneLine(click.ClickException):
    """A message on stderr, then this exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(self.message, file=file, err=file is None)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can act on into `OneLine`; everything else is our own fault and keeps its traceback."""
    try:
        yield
    except IfpError as error:
        raise OneLine(f"Error: {error}", 2) from error
    except NothingFroze as error:
        raise OneLine(str(error), 1) from error
    except (KeyboardInterrupt, click.Abort) as error:
        raise OneLine("Interrupted.", INTERRUPTED) from error
    except OSError as error:
        # a closed pipe (`ifp ... | head`) is click's to handle; without a file it is no user's fault, save a full disk
        if error.errno == errno.EPIPE or (error.filename is None and error.errno not in DISK_FULL):
            raise
        where = f"{error.filename}: " if error.filename else ""
        raise OneLine(f"Error: {where}{error.strerror}; choose another place or make room in this one.", 2) from error
