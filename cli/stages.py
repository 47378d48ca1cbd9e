"""StageProgress: one progress report after another, for commands whose work comes in stages."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import click

from ifp.cli.progress import Reporter, progress


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
            click.echo(text, err=True)

    def close(self) -> None:
        """End the stage that is running."""
        self._stack.close()
        self._text = ""
        self._reporter = Reporter()
