"""Drawing without side effects: our settings through a context, new axes, and figures saved whole."""

from __future__ import annotations

import io
import logging
import math
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ifp.analysis.figures.page_choices import page_choices
from ifp.analysis.figures.plot_fonts import choose_fonts, font_settings
from ifp.analysis.figures.style import FORMATS, STYLE, checked_formats, latex_program
from ifp.analysis.tables import csv_bytes
from ifp.errors import IfpError
from ifp.system.files import cannot_write, remove_partials_of, whole_file

# no dates and no versions: equal runs give equal bytes
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None}, "png": {"Software": None}, "svg": {"Date": None, "Creator": None},
}  # fmt: skip


@contextmanager
def paper_style() -> Iterator[None]:
    """Our settings for the length of a `with` block; the user's rcParams are as before after it.

    Of letters that a font lacks `save_figure` speaks, once; matplotlib would at each drawing.
    """
    # they tell of a bold, or a letter, that a font has not
    loggers = [logging.getLogger(f"matplotlib.{name}") for name in ("font_manager", "mathtext")]
    levels = [logger.level for logger in loggers]
    settings: Any = {**STYLE, **font_settings()}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def new_figure(width_in: float, height_in: float) -> Figure:
    """A figure of exactly this page size, outside pyplot's list of windows; call within `paper_style`."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def pyplot_figure(width_in: float, height_in: float = 1.0) -> Figure:
    """A figure among pyplot's, so that a notebook shows it; call within `paper_style`."""
    import matplotlib.pyplot as plt  # only here: pyplot picks a window system when it is imported

    return plt.figure(figsize=(width_in, height_in))


def check_axes(ax: Any) -> None:
    """Raise IfpError unless `ax` is None or one pair of axes of matplotlib."""
    if ax is not None and not isinstance(ax, Axes):
        raise IfpError(
            f"ax must be one matplotlib Axes, such as plt.subplots()[1], got {type(ax).__name__}; leave it out for a "
            "new figure."
        )


def axes_or_new(ax: Axes | None, width_in: float, height_in: float) -> Axes:
    """`ax`, or the axes of a new pyplot figure (so that a notebook shows it); raises IfpError as `check_axes` does."""
    check_axes(ax)
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # only here: pyplot picks a window system when it is imported

    new: Axes = plt.subplots(figsize=(width_in, height_in))[1]
    return new


def save_figure(
    figure: Figure, stem: Path, data: pd.DataFrame, *, formats: str | Sequence[str] = FORMATS, caption: str = ""
) -> list[Path]:
    """Write `figure` in each format, `data`, what it shows, as csv, and its caption as txt, if there is one.

    All files are written whole or none of them is. The page is as large as the figure: no cropping to the content. The
    pixels of images in a pgf lie beside it, as LaTeX wants them.

    Returns
    -------
    The paths, `stem` plus a suffix: the formats in their order, csv, txt.

    Raises
    ------
    IfpError : an unknown format; pgf without LaTeX, or with texts that LaTeX does not take; files that cannot be
        written, as on a full disk.
    """
    from ifp.analysis.figures.plot_finish import finish_page  # only here: it lays pages out, which this file makes

    caption = " ".join(filter(None, [caption, page_choices().says if caption else ""]))

    formats = checked_formats(formats)
    paths = {kind: stem.with_name(f"{stem.name}.{kind}") for kind in formats}
    table, words = (stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "txt"))
    try:
        with paper_style(), ExitStack() as own:
            files = _TOGETHER.get() or own
            finish_page(figure, stem.name)
            choose_fonts(figure)
            own.enter_context(_laid_out(figure, stem.name))
            remove_partials_of(table)
            for kind, path in paths.items():
                # in memory first: on a full disk matplotlib fails in ways that do not say so
                for name, content in _drawn(figure, stem.name, kind).items():
                    files.enter_context(_written(content, path.with_name(name)))
            if caption:
                files.enter_context(_written(f"{caption}\n".encode(), words))
            files.enter_context(_written(csv_bytes(data, digits=6), table))
    except OSError as error:
        raise cannot_write(next(iter(paths.values()), table), error) from error
    return [*paths.values(), table, *([words] if caption else [])]


_TOGETHER: ContextVar[ExitStack | None] = ContextVar("written_together", default=None)


@contextmanager
def written_together() -> Iterator[None]:
    """Figures that are saved within the block take their places when it ends; an error in it leaves those of before.

    Raises
    ------
    IfpError : files that cannot be written, as on a full disk.
    """
    files = ExitStack()
    token = _TOGETHER.set(files)
    try:
        yield
    except BaseException:
        files.__exit__(*sys.exc_info())  # what is partly written goes
        raise
    finally:
        _TOGETHER.reset(token)
    files.close()


@contextmanager
def _written(content: bytes, path: Path) -> Iterator[None]:
    """A file that takes its place when the block ends well; raises IfpError, which names it, where it cannot."""
    try:
        with whole_file(path) as partial:
            partial.write_bytes(content)
            yield
    except OSError as error:
        raise cannot_write(path, error) from error


def _drawn(figure: Figure, name: str, kind: str) -> dict[str, bytes]:
    """The files of a figure in one format, by their names; more than one only of pgf with images."""
    if kind == "pgf":
        return _drawn_pgf(figure, name)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, metadata=_METADATA[kind])
    return {f"{name}.{kind}": drawn.getvalue()}


def _drawn_pgf(figure: Figure, name: str) -> dict[str, bytes]:
    """A pgf is drawn into a folder, because images do not fit into it; LaTeX measures the texts."""
    from matplotlib.backends.backend_pgf import LatexError

    with mpl.rc_context({"pgf.texsystem": latex_program()}), tempfile.TemporaryDirectory(prefix="ifp-pgf-") as place:
        try:
            figure.savefig(Path(place) / f"{name}.pgf")
        except (LatexError, RuntimeError, ValueError) as error:
            lines = str(error).strip().splitlines()
            reason = next((line.strip("! .") for line in lines if line.startswith("!")), lines[0])
            raise IfpError(
                f"LaTeX does not take a text of the figure {name} ({reason}); give factors other labels by `labels`, "
                "or choose svg or pdf."
            ) from error
        return {path.name: path.read_bytes() for path in sorted(Path(place).iterdir())}


@contextmanager
def _laid_out(figure: Figure, name: str) -> Iterator[None]:
    """The layout is computed here, once: `savefig` would compute it again, and draw twice, for each format."""
    engine = figure.get_layout_engine()
    if engine is None or not figure.axes:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied", UserWarning)
        try:
            engine.execute(figure)
        except UserWarning as error:
            raise IfpError(
                f"The page of {name}, {figure.get_figwidth():.3g} by {figure.get_figheight():.3g} inches, is too small "
                "for its texts; give a larger height or width, or shorter labels."
            ) from error
    # None stands for what these settings say; "none" would leave an engine that does nothing, and still draw twice
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        try:
            yield
        finally:
            figure.set_layout_engine(engine)


def beta_axis(ax: Axes, low: float, high: float, *, scale: str = "log", most_labels: int = 6) -> None:
    """Give `ax` a horizontal axis of beta from `low` to `high`, with up to `most_labels` round numbers."""
    ax.set_xscale(scale)
    ax.set_xlim(low, high)
    if scale != "log":
        return
    ax.xaxis.set_major_locator(FixedLocator(round_numbers(low, high, most_labels)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    ax.xaxis.set_minor_formatter(NullFormatter())


NARROW = 1.6
"""A range of beta whose ends are in a smaller ratio may hold no number with one or two round digits."""


def round_numbers(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers in [low, high], as evenly spaced in the logarithm as the finest set allows.

    >>> round_numbers(5, 900, 4), round_numbers(12, 900, 6)
    ([10.0, 30.0, 100.0, 300.0], [20.0, 50.0, 100.0, 200.0, 500.0])
    >>> round_numbers(8.1, 9.2, 6)
    [8.5, 9.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if high < NARROW * low:
        # over so short a stretch of the logarithm steps of equal size are even enough
        return [float(f"{value:.6g}") for value in MaxNLocator(most - 1, steps=[1, 2, 5, 10]).tick_values(low, high)
                if low <= value <= high]  # fmt: skip
    for digits in ((10, 12, 15, 20, 25, 30, 40, 50, 60, 80), (10, 15, 20, 30, 40, 60), (10, 20, 30, 50), (10, 20, 50),
                   (10, 30)):  # fmt: skip
        numbers = [float(f"{digit}e{power - 1}") for power in range(first, last + 1) for digit in digits]
        numbers = [value for value in numbers if low <= value <= high]
        if len(numbers) <= most:
            return numbers
    step = math.ceil((last - first + 1) / most)
    return [10.0**power for power in range(first, last + 1, step) if low <= 10.0**power <= high]
