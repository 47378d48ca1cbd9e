"""What is said of a run that is at work or was cut short: one sentence, in reports, tables and captions alike."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.errors import IfpWarning
from ifp.formats import RUNNING, STOPPED
from ifp.system.files import read_json

_RUN_FILE = "run.json"


def unfinished_sentence(about: Mapping[str, Any]) -> str:
    """That a run has not finished, by what its run.json holds; "" of one that has.

    >>> unfinished_sentence({"status": "stopped"})
    'The run has not finished (status stopped): what is said here is of the part that is there.'
    >>> unfinished_sentence({"status": "finished"})
    ''
    """
    status = about.get("status")
    if status not in (RUNNING, STOPPED):
        return ""
    return f"The run has not finished (status {status}): what is said here is of the part that is there."


def unfinished(folder: Path) -> str:
    """The same by the run.json of a folder; "" where there is none, as of a diagnosis.

    Raises
    ------
    IfpError : the file cannot be read.
    """
    path = folder / _RUN_FILE
    return unfinished_sentence(read_json(path, "run the same command again")) if path.is_file() else ""


def unfinished_status(folder: Path) -> str:
    """The status of a run that has not finished, "running" or "stopped"; "" of any other.

    Raises
    ------
    IfpError : the file cannot be read.
    """
    path = folder / _RUN_FILE
    about = read_json(path, "run the same command again") if path.is_file() else {}
    return str(about["status"]) if unfinished_sentence(about) else ""


def warn_unfinished(folder: Path) -> str:
    """The same, also as an `IfpWarning` that names the folder."""
    said = unfinished(folder)
    if said:
        warnings.warn(f"{folder}: {said}", IfpWarning, stacklevel=3)
    return said
