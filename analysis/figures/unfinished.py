"""What is said of a run that is at work or was cut short: one sentence, in reports, tables and captions alike."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.errors import IfpWarning
from ifp.formats import RECORD_FORMAT, RUNNING, STOPPED
from ifp.system.at_work import is_at_work
from ifp.system.files import read_json
from ifp.training.whole_run import status_of

_RUN_FILE = "run.json"


def unfinished_sentence(about: Mapping[str, Any], *, at_work: bool | None = None) -> str:
    """That a run has not finished, by what its run.json holds, and how to go on with it; "" of one that has.

    `at_work` : whether a process of this machine works on it; None where that cannot be told.

    >>> unfinished_sentence({"status": "stopped"}).split(". ")[0]
    'The run has not finished (status stopped): what is said here is of the part that is there'
    >>> unfinished_sentence({"status": "finished"})
    ''
    """
    status = about.get("status")
    if status not in (RUNNING, STOPPED):
        return ""
    left = status == RUNNING and at_work is False
    of = f"status {status}, but no process of this machine works on it" if left else f"status {status}"
    said = f"The run has not finished ({of}): what is said here is of the part that is there."
    if status == RUNNING and at_work:
        return said
    again = "A recorder with the same settings" if about.get("format") == RECORD_FORMAT else "The same command"
    return f"{said} {again} goes on with it."


def unfinished_in(folder: Path, about: Mapping[str, Any]) -> str:
    """The same of the run in a folder, whose run.json, or another file of it, holds `about`.

    Raises
    ------
    IfpError : a file of the run cannot be read.
    """
    return unfinished_sentence({**about, "status": status_of(folder, about)}, at_work=is_at_work(folder))


def unfinished(folder: Path) -> str:
    """The same by the run.json of a folder; "" where there is none, as of a diagnosis.

    Raises
    ------
    IfpError : the file cannot be read.
    """
    return unfinished_in(folder, _about(folder))


def unfinished_status(folder: Path) -> str:
    """The status of a run that has not finished, "running" or "stopped"; "" of any other.

    Raises
    ------
    IfpError : the file cannot be read.
    """
    status = status_of(folder, _about(folder))
    return str(status) if status in (RUNNING, STOPPED) else ""


def warn_unfinished(folder: Path) -> str:
    """The same, also as an `IfpWarning` that names the folder."""
    said = unfinished(folder)
    if said:
        warnings.warn(f"{folder}: {said}", IfpWarning, stacklevel=3)
    return said


def _about(folder: Path) -> Mapping[str, Any]:
    path = folder / _RUN_FILE
    return read_json(path, "run the same command again") if path.is_file() else {}
