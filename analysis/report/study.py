"""`ifp.report`: a run, or several, as one page of HTML that needs no network, no other file and no `ifp`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.plot_folder import plot
from ifp.analysis.plot_one_run import check_traversals
from ifp.analysis.report.drawn import page_figures
from ifp.analysis.report.of_annealings import of_response, of_sweep, of_traversals, of_whole
from ifp.analysis.report.of_models import (
    of_channels,
    of_diagnosis,
    of_directions,
    of_several,
    of_shift,
    of_training,
)
from ifp.analysis.report.render import render
from ifp.analysis.report.section import PageFigure, Section, one_line
from ifp.errors import IfpError
from ifp.system.checksums import trusting
from ifp.system.files import cannot_write, remove_partials_of, replace_file
from ifp.system.out_folder import as_folder, check_finished, check_out
from ifp.system.progress import Progress, silent

SECTIONS: dict[str, Callable[[Path], Section]] = {
    "diagnosis.json": of_diagnosis,
    "channels.json": of_channels,
    "whole.json": of_whole,
    "multi_rate.json": of_response,
    "joint_edges.csv": of_whole,
    "shift.json": of_shift,
    "directions.json": of_directions,
    "gan_sweep.json": of_sweep,
    "records.csv": of_training,
}
"""The file by which a folder is known, in the order of looking; any other is taken for a run of traversals."""
_SEVERAL = "[1-9]*-*/diagnosis.json"
FILE_NAME = "report.html"


def report(
    run: str | Path | Result | Sequence[str | Path | Result],
    *more: str | Path | Result,
    out: str | Path | None = None,
    title: str = "",
    trust: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write one self-contained HTML page on a run, or on several, and return its path.

    The page says what was asked and what was found, shows tables that can be sorted and the figures of `ifp plot`, each
    with its caption and its csv, says whether the run agrees with the theory, and ends with settings, versions and what
    to cite. It loads nothing from anywhere, and prints on A4.

    Parameters
    ----------
    run, more : folders of `ifp anneal` (also --whole), `train`, `diagnose`, `shift`, `channels` or `directions`, or
        what library calls returned; several are sections of one page.
    out : the page's file; RUN/report.html of the first run if None, needed for a result that is in memory only.
    title : of the page; by default what its run is about.
    trust : whether to believe files that are not as they were written.

    Raises
    ------
    IfpError : no run; a folder of none; an `out` that is a folder or cannot be written; files that were changed after
        they were written, or that are damaged.
    """
    runs = [*(run if isinstance(run, list | tuple) else [run]), *more]
    if not runs:
        raise IfpError("No run is named; give the folder of one, or several.")
    page = _page_file(runs, out)
    for each in runs:  # all of them before the first is drawn
        _folder_of(each)
    sections: list[Section] = []
    with trusting(trust):
        for number, each in enumerate(runs):
            progress("Report", number, len(runs))
            sections += _sections(each, f"r{number}", trust)
    progress("Report", len(runs), len(runs))
    content = render(sections, title=one_line(title))
    try:
        remove_partials_of(page)
        replace_file(page, content.encode("utf-8", "replace"))
    except OSError as error:
        raise cannot_write(page, error) from error
    return page


def _page_file(runs: Sequence[str | Path | Result], out: str | Path | None) -> Path:
    """Where the page goes; checked before anything is drawn."""
    if out is None:
        first = runs[0]
        path = getattr(first, "path", None) if isinstance(first, Result) else as_folder(first, "run")
        if path is None:
            raise IfpError(f"{first!r} is in memory only; say where the page goes, ifp.report(result, out='a.html').")
        if not Path(path).is_dir():
            raise IfpError(f"There is no folder {path}; give the folder of a run.")
        page = Path(path) / FILE_NAME
    else:
        page = as_folder(out, "out")
    if page.is_dir() or str(out).endswith(os.sep):
        raise IfpError(f"`out` must name a file, got the folder {str(page)!r}; write {page / FILE_NAME}.")
    if page.exists() and page.suffix.lower() not in (".html", ".htm"):
        raise IfpError(f"`out` names {str(page)!r}, which is there and no page of HTML; choose a name ending in .html.")
    check_out(page.parent)
    return page


def _folder_of(run: str | Path | Result) -> Path | None:
    """The folder of a run, None of a result that is in memory only; raises IfpError where it is none, or a part."""
    if isinstance(run, Result) and getattr(run, "path", None) is None:
        return None
    folder = Path(getattr(run, "path", "")) if isinstance(run, Result) else as_folder(run, "run")
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give the folder of a run.")
    check_finished(folder)
    return folder


def _sections(run: str | Path | Result, prefix: str, trust: bool) -> Iterator[Section]:
    """The sections on one run: one, or of several diagnoses one on all and one on each."""
    folder = _folder_of(run)
    if folder is None:
        assert isinstance(run, Result)
        with tempfile.TemporaryDirectory(prefix="ifp-report-") as place:
            saved = run.save(Path(place) / "run")
            yield from (replace(section, folder="") for section in _sections(saved, prefix, trust))
        return
    several = sorted(folder.glob(_SEVERAL), key=lambda path: int(path.parent.name.partition("-")[0]))
    if several and not (folder / "diagnosis.json").is_file():
        yield replace(of_several(folder), figures=page_figures(partial(_draw_models, several), prefix))
        for number, inner in enumerate(several):
            yield from _sections(inner.parent, f"{prefix}m{number}", trust)
        return
    # drawn first: `plot` says in one sentence what is wrong with a folder of no run
    figures: list[PageFigure] = page_figures(partial(plot, folder, trust=trust), prefix)
    yield replace(_section_of(folder), figures=figures)


def _section_of(folder: Path) -> Section:
    """The section on one run, without figures."""
    make = next((make for name, make in SECTIONS.items() if (folder / name).is_file()), None)
    if make is None:
        check_traversals(folder)
    return (make or of_traversals)(folder)


def tables_of(run: str | Path | Result, *, trust: bool = False) -> Sequence[ShownTable]:
    """The tables of a run in the order of its report; raises IfpError as `report` does."""
    folder = _folder_of(run)
    if folder is None:
        assert isinstance(run, Result)
        with tempfile.TemporaryDirectory(prefix="ifp-table-") as place:
            return tables_of(run.save(Path(place) / "run"), trust=trust)
    with trusting(trust):
        if any(folder.glob(_SEVERAL)) and not (folder / "diagnosis.json").is_file():
            return of_several(folder).tables
        return _section_of(folder).tables


def _draw_models(diagnoses: Sequence[Path], *, out: Path, width: float, formats: Sequence[str]) -> list[Path]:
    from ifp.analysis.diffusion.plot_diagnosis import draw_models

    return draw_models([path.parent for path in diagnoses], out, width=width, formats=formats)
