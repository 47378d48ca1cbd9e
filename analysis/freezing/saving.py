"""An annealing test into a folder: run.json, trace.npz, the tables, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width, first_looks
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.tables import write_csv
from ifp.errors import IfpError
from ifp.system.checksums import seal, unseal
from ifp.system.files import read_json, write_json
from ifp.system.out_folder import check_out
from ifp.system.progress import Progress, silent
from ifp.system.settings import is_same_run


def save_annealing(
    annealing: Annealing,
    folder: Path,
    *,
    width: str | float = "icml",
    formats: str | Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> Annealing:
    """Write the run and what it says into `folder`, and return it as it lies there.

    Raises
    ------
    IfpError : the folder holds something else, or an unknown width or format.
    """
    figure_width(width)
    formats = checked_formats(formats)
    check_free(folder, annealing)
    folder.mkdir(parents=True, exist_ok=True)
    unseal(folder)
    write_json(folder / "run.json", annealing.run)
    annealing.trace.save(folder / "trace.npz")
    return write_report(annealing, folder, width=width, formats=formats, progress=progress)


def write_report(
    annealing: Annealing,
    folder: Path,
    *,
    width: str | float = "icml",
    formats: str | Sequence[str] = FORMATS,
    progress: Progress = silent,
) -> Annealing:
    """Write the tables and figures of a run whose run.json and trace.npz are in `folder` already."""
    from ifp.analysis.freezing.plot_run import draw_run

    unseal(folder)
    for name, table in (
        ("freezing_points", annealing.freezing_points()),
        ("summary", annealing.table()),
        ("pressures", annealing.pressures()),
        ("hysteresis", annealing.hysteresis()),
    ):
        write_csv(table, folder / f"{name}.csv")
    figures = list[Path]()
    if formats:
        progress("Figures", 0, 1)
        with first_looks(annealing.order):
            figures = draw_run(
                folder, width=width, formats=formats, order=annealing.order, labels=annealing.factor_labels
            )
        progress("Figures", 1, 1)
    seal(folder)
    return replace(annealing, path=folder, figures=tuple(figures))


def check_free(folder: Path, annealing: Annealing) -> None:
    """Raise IfpError unless the folder is absent, empty, or holds this very run."""
    check_out(folder, "folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    about = folder / "run.json"
    stored = read_json(about, "restore it, or choose a new folder") if about.is_file() else {}
    if not stored or stored.get("dataset") != annealing.run.get("dataset") or not is_same_run(stored, annealing.run):
        raise IfpError(f"{folder} holds something else than this run; choose a new folder.")
