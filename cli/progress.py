"""How far a command has come: a bar on a terminal, plain lines elsewhere, nothing when quiet.

All of it goes to stderr, so that stdout stays free for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import IO

from ifp.cli.option_words import with_options
from ifp.cli.output import echo, forget_stderr
from ifp.system.printable import printable

LINE_SECONDS = 30.0
LINE_SHARE = 0.05
SHORTEST_GAP_SECONDS = 1.0
"""A log gets a line every `LINE_SECONDS` or `LINE_SHARE` of the work, but no two within `SHORTEST_GAP_SECONDS`."""

NUMBERS_WIDTH = 46
"""Characters that the counts and times beside a bar take, with up to 9 digits per count."""
SHORTEST_BAR, LONGEST_BAR = 8, 40
"""The width of the bar itself, in characters."""


class Reporter:
    """Takes the state of a job; by itself it shows nothing (`--quiet`)."""

    def update(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """`done` of `total` are done; leave `total` or `text` out to keep the last one."""

    def __call__(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """The same as `update`, for engines that take a plain function."""
        self.update(done, total, text)


class LineReporter(Reporter):
    """Plain lines, without control codes, for log files."""

    def __init__(self, total: int, text: str, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.text, self.stream, self.clock = total, text, stream, clock
        self.started = self.said_at = clock()
        self.done = self.said_done = 0
        self._begun: tuple[float, int] | None = None

    def update(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """Write a line if enough was done, or enough time has gone by, since the last."""
        self.done, self.total, self.text = done, total or self.total, text or self.text
        if self._begun is None:
            # what is told at once was done by an earlier call, and says nothing of the pace of this one
            now = self.clock()
            at_once = now - self.started < SHORTEST_GAP_SECONDS
            self._begun = (now, done) if at_once else (self.started, 0)
        waited = self.clock() - self.said_at
        moved = (done - self.said_done) / max(1, self.total)
        if waited >= LINE_SECONDS or (moved >= LINE_SHARE and waited >= SHORTEST_GAP_SECONDS):
            self.say()

    def say(self) -> None:
        """Write a line now."""
        self.said_at, self.said_done = self.clock(), self.done
        elapsed = self.said_at - self.started
        begun_at, before = self._begun or (self.started, 0)
        made = self.done - before
        left = f", {duration((self.said_at - begun_at) * (self.total - self.done) / made)} left" if made > 0 else ""
        share = 100 * self.done / max(1, self.total)
        end = f" in {duration(elapsed)}" if self.done >= self.total else left
        try:
            self.stream.write(f"{printable(self.text)}: {self.done:,} of {self.total:,} ({share:.0f} %){end}\n")
            self.stream.flush()
        except OSError:  # the disk of a log is full, or its pipe closed: the run goes on
            if self.stream is sys.stderr:
                forget_stderr()
            self.stream = sys.stderr


@contextmanager
def progress(total: int, text: str, *, quiet: bool = False, stream: IO[str] | None = None) -> Iterator[Reporter]:
    """Report on a job of `total` steps: `with progress(10, "Fitting") as step: step(3)`.

    Parameters
    ----------
    total : the number of steps; `step(done, total)` may correct it.
    text : what is being done.
    quiet : show nothing.
    stream : where to; stderr by default.
    """
    stream = stream or sys.stderr
    if quiet or stream is None:
        yield Reporter()
    elif stream.isatty():
        with _bar(total, text, stream) as reporter:
            yield reporter
    else:
        lines = LineReporter(total, text, stream)
        yield lines
        if lines.done != lines.said_done:
            lines.say()


class StageProgress:
    """Shows the progress of the stage that is running; a new text begins a new stage.

    Parameters
    ----------
    quiet : show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._text = ""
        self._stack = ExitStack()
        self._reporter = Reporter()

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def update(self, text: str, done: int, total: int) -> None:
        """`done` of `total` units of the stage `text` are done; a stage of none is not shown."""
        if total < 1:
            return
        if text != self._text:
            self.close()
            self._text = text
            self._reporter = self._stack.enter_context(progress(total, text, quiet=self.quiet))
        self._reporter.update(done, total)

    def say(self, text: str) -> None:
        """A line of its own on stderr, between stages."""
        if not self.quiet:
            self.close()
            echo(with_options(text), err=True)

    def close(self) -> None:
        """End the stage that is running."""
        self._stack.close()
        self._text = ""
        self._reporter = Reporter()


@contextmanager
def _bar(total: int, text: str, stream: IO[str]) -> Iterator[Reporter]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(file=stream)
    room = console.width - NUMBERS_WIDTH
    bar_width = min(LONGEST_BAR, max(SHORTEST_BAR, room // 3))
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # rich honours NO_COLOR and TERM=dumb by itself
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(_cut(text, room - bar_width - 1), total=total)

        class BarReporter(Reporter):
            def __init__(self) -> None:
                self.begun = False

            def update(self, done: int, total: int | None = None, text: str | None = None) -> None:
                words = None if text is None else _cut(text, room - bar_width - 1)
                if not self.begun:  # the pace is that of this call, whatever was done before it
                    self.begun = True
                    bar.reset(task, completed=done)
                bar.update(task, completed=done, total=total, description=words)

        yield BarReporter()


def _cut(text: str, room: int) -> str:
    """The text, or as much of it as leaves the numbers beside it readable.

    >>> _cut("Annealing 20 members of posX", 18)
    'Annealing 20 memb…'
    """
    text = printable(text)
    return text if len(text) <= max(room, 1) else text[: max(room, 1) - 1] + "…"


def duration(seconds: float) -> str:
    """A duration to read.

    >>> duration(4.2), duration(75), duration(7265)
    ('4 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
