"""`ifp.plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder or its result."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ifp.analysis.figures.page_choices import checked_choices, choosing
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, checked_formats, first_looks
from ifp.analysis.figures.unfinished import warn_unfinished
from ifp.analysis.plot_asked import Asked
from ifp.analysis.plot_one_run import drawing_of
from ifp.analysis.plot_several_runs import draw_several
from ifp.errors import IfpError, bad_value
from ifp.system.checksums import trusting
from ifp.system.out_folder import FIGURES, as_folder, check_finished, result_folder


def plot(
    run: str | Path | Result | Sequence[str | Path | Result],
    *,
    kinds: str | Sequence[str] = (),
    width: str | float = "icml",
    height: float | str | None = None,
    method: str | None = None,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    factors: str | Sequence[str] = (),
    names: str | Sequence[str] | Mapping[int, str] = (),
    title: str | None = None,
    legend: bool = True,
    font: str | None = None,
    out: str | Path | None = None,
    formats: str | Sequence[str] = FORMATS,
    trust: bool = False,
) -> list[Path]:
    """Draw the figures of a run, or of several in one figure, into files; returns their paths.

    Beside each figure lie a csv of what it shows and a txt with its caption. Needs neither the data set nor a GPU. To
    see one figure of a result on the screen call `result.plot()`.

    Parameters
    ----------
    run : a folder of `ifp anneal`, `train`, `diagnose`, `shift` or `channels`, or what a library call returned; of
        runs of one kind several, a panel or column each, in which a factor has one colour and one place.
    kinds : of a run of traversals "kde", "trace", "hist", "strip", "ridge" or "all", by default "kde" and "trace"; of a
        diagnosis the names of its figures (docs/figures.md), by default all.
    width : "icml", "neurips", "jmlr", "tmlr" or a number of inches. height : inches, by default what a figure needs.
    method : draw these members only: "exact", "train" or "closed-form". scale : "log" or "linear", of beta.
    order, labels : the factors that come first, and what figures call a factor.
    factors : those that are shown; all if none is named.
    names : what to call the runs, where there are several; by default as their folders.
    title : a line above each figure. legend : whether legends are drawn.
    font : "serif" (the default), "sans", or the name of a font of this machine.
    out : the folder for the figures, which is new, empty or holds figures; RUN/figures by default, of several runs the
        folder `figures` beside the first. Needed for a result that is in memory only.
    formats : of "pdf", "png", "svg" and "pgf" (which needs LaTeX), in a list or separated by commas.
    trust : whether to believe files that are not as they were written: edited settings, tables or curves.

    Raises
    ------
    IfpError : no folder of a run; an unknown kind, width, method, format, scale or factor; or an option that does not
        go with what the folder holds; files that were changed after they were written.
    """
    runs = list(run) if isinstance(run, Sequence) and not isinstance(run, str) else [run]
    if not runs:
        raise IfpError("No run is given; give the folder of one, or of several of one kind.")
    if not isinstance(order, str | Sequence) or not isinstance(labels, str | Sequence | Mapping | None):
        raise IfpError(f"order and labels name factors, got order {order!r} and labels {labels!r}.")
    from ifp.analysis.figures.plot_page import written_together  # only here: it loads matplotlib

    choices = checked_choices(title, legend, font, height)
    wanted = checked_formats(_words("formats", formats))
    with ExitStack() as kept:
        folders = [_folder_of(one, out, kept) for one in runs]
        figures = None if out is None else result_folder(out, FIGURES, "out")
        for folder in folders:
            check_finished(folder)
        page = {"width": width, "formats": wanted or FORMATS, "out": figures}
        asked = Asked(
            folders[0], tuple(_words("kinds", kinds)), method, scale, order, labels, tuple(_words("factors", factors)),
            choices, page,
        )  # fmt: skip
        kept.enter_context(trusting(trust))
        says = [warn_unfinished(folder) for folder in folders]
        if len(folders) > 1:
            says = [said.replace("The run", f"The run {one.name}", 1) for said, one in zip(says, folders, strict=True)]
        kept.enter_context(choosing(replace(choices, says=" ".join(filter(None, says)))))
        kept.enter_context(first_looks(order))
        kept.enter_context(written_together())
        if len(folders) > 1:
            return draw_several(asked, folders, names)
        if names:
            raise IfpError("names call several runs in one figure, but one run is given; leave them out, or use title.")
        return drawing_of(folders[0])(asked)


def _folder_of(run: str | Path | Result, out: str | Path | None, kept: ExitStack) -> Path:
    """The folder of a run; of a result in memory a temporary one, which goes when `kept` is closed."""
    if not isinstance(run, Result):
        return as_folder(run, "run")
    path = getattr(run, "path", None)
    if path is not None:
        return Path(path)
    if out is None:
        raise IfpError(f"{run!r} is in memory only; say where figures go, ifp.plot(result, out='figures').")
    place = kept.enter_context(tempfile.TemporaryDirectory(prefix="ifp-plot-"))
    return run.save(Path(place) / "run")


def _words(name: str, given: Any) -> list[str]:
    """Names given as one text, separated by commas, or as several; raises IfpError, which calls them `name`."""
    if isinstance(given, str):
        return [word.strip() for word in given.split(",") if word.strip()]
    words = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(word, str) for word in words):
        raise bad_value(name, given, "a name or a list of names")
    return words
