"""`ifp.report`: a run, or several, as one page of HTML that needs no network, no other file and no `ifp`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from ifp.analysis.figures.page_choices import checked_choices
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.figures.unfinished import unfinished_status, warn_unfinished
from ifp.analysis.plot_folder import plot
from ifp.analysis.plot_one_run import check_traversals
from ifp.analysis.report.drawn import page_figures
from ifp.analysis.report.named_runs import each_once, in_memory, run_titles
from ifp.analysis.report.naming import SectionNaming, namings_of
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
    "shift.json": of_shift,
    "directions.json": of_directions,
    "gan_sweep.json": of_sweep,
    "records.csv": of_training,  # of an annealing of a whole data set that is not measured yet, too
    "joint_edges.csv": of_whole,
}
"""The file by which a folder is known, in the order of looking; any other is taken for a run of traversals."""
_SEVERAL = "[1-9]*-*/diagnosis.json"
FILE_NAME, SEVERAL_FILE_NAME = "report.html", "report-of-several.html"


def report(
    run: str | Path | Result | Sequence[str | Path | Result],
    *more: str | Path | Result,
    out: str | Path | None = None,
    title: str | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    names: str | Sequence[str] | Mapping[int, str] = (),
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
    out : the page's file; RUN/report.html if None, of several runs report-of-several.html beside the first, so that no
        run's own page is replaced. Needed where the (first) run is a result that is in memory only.
    title : of the page; by default what its run is about.
    order, labels : the factors that come first in figures and tables, and what figures, tables and sentences call a
        factor; settings and the csv of figures keep the data set's own names.
    names : what the page calls each of several runs, or some of them by their place from 0; the others by their
        folders.
    trust : whether to believe files that are not as they were written.

    Raises
    ------
    IfpError : no run; a folder of none; an empty title; more names than runs, or names of one run; a factor that no
        run has; an `out` that is a folder or cannot be written; files that were changed after they were
        written, or that are damaged.
    """
    runs = [*(run if isinstance(run, list | tuple) else [run]), *more]
    if not runs:
        raise IfpError("No run is named; give the folder of one, or several.")
    heading = checked_choices(title).title
    runs, names = each_once(runs, names)
    page = _page_file(runs, out)
    sections: list[Section] = []
    with ExitStack() as kept, trusting(trust):
        folders = [_folder_of(each, kept) for each in runs]  # all of them before the first is drawn
        called = run_titles(runs, folders, names)
        namings = namings_of(folders, order, labels)
        for number, (folder, naming) in enumerate(zip(folders, namings, strict=True)):
            progress("Report", number, len(runs))
            found = _sections(folder, f"r{number}", trust, naming)
            for section in found:
                named = one_line(f"{section.title} ({called[number]})") if len(runs) > 1 else section.title
                folder_said = "" if in_memory(runs[number]) else section.folder
                sections.append(replace(section, title=named, folder=folder_said))
    progress("Report", len(runs), len(runs))
    content = render(sections, title=one_line(heading))
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
        # beside the first of several: its own page says what this one does not
        page = Path(path) / FILE_NAME if len(runs) == 1 else Path(path).absolute().parent / SEVERAL_FILE_NAME
    else:
        page = as_folder(out, "out")
    if page.is_dir() or str(out).endswith(os.sep):
        raise IfpError(f"`out` must name a file, got the folder {str(page)!r}; write {page / FILE_NAME}.")
    if page.exists() and page.suffix.lower() not in (".html", ".htm"):
        raise IfpError(f"`out` names {str(page)!r}, which is there and no page of HTML; choose a name ending in .html.")
    check_out(page.parent)
    return page


def _folder_of(run: str | Path | Result, kept: ExitStack) -> Path:
    """The folder of a run; of a result that is in memory only a temporary one, which goes when `kept` is closed.

    Raises IfpError where there is no folder, or a part of a result in it.
    """
    if isinstance(run, Result) and in_memory(run):
        place = kept.enter_context(tempfile.TemporaryDirectory(prefix="ifp-report-"))
        return run.save(Path(place) / "run")
    folder = Path(getattr(run, "path", "")) if isinstance(run, Result) else as_folder(run, "run")
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give the folder of a run.")
    check_finished(folder)
    return folder


def _sections(folder: Path, prefix: str, trust: bool, naming: SectionNaming) -> Iterator[Section]:
    """The sections on one run: one, or of several diagnoses one on all and one on each."""
    several = sorted(folder.glob(_SEVERAL), key=lambda path: int(path.parent.name.partition("-")[0]))
    if several and not (folder / "diagnosis.json").is_file():
        draw = partial(_draw_models, several, naming)
        yield replace(naming.section(of_several(folder)), figures=page_figures(draw, prefix))
        for number, inner in enumerate(several):
            yield from _sections(inner.parent, f"{prefix}m{number}", trust, naming)
        return
    # drawn first: `plot` says in one sentence what is wrong with a folder of no run
    figures: list[PageFigure] = page_figures(partial(plot, folder, trust=trust, **naming.options()), prefix)
    section = _section_of(folder)
    yield replace(naming.section(section), figures=figures)


def _section_of(folder: Path) -> Section:
    """The section on one run, without figures."""
    make = next((make for name, make in SECTIONS.items() if (folder / name).is_file()), None)
    if make is None:
        check_traversals(folder)
    return (make or of_traversals)(folder)


def tables_of(run: str | Path | Result, *, trust: bool = False) -> Sequence[ShownTable]:
    """The tables of a run in the order of its report; raises IfpError as `report` does.

    Of a run that has not finished this is warned of, and stands in each table's note.
    """
    with ExitStack() as kept, trusting(trust):
        folder = _folder_of(run, kept)
        if any(folder.glob(_SEVERAL)) and not (folder / "diagnosis.json").is_file():
            return of_several(folder).tables
        tables = _section_of(folder).tables
        said = warn_unfinished(folder)
    return [
        replace(shown, note=". ".join(filter(None, [shown.note, said])), run_status=unfinished_status(folder))
        for shown in tables
    ]


def _draw_models(
    diagnoses: Sequence[Path], naming: SectionNaming, *, out: Path, width: float, formats: Sequence[str]
) -> list[Path]:
    from ifp.analysis.diffusion.plot_diagnosis import draw_models

    return draw_models([path.parent for path in diagnoses], out, width=width, formats=formats, **naming.options())
