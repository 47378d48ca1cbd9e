"""Which paths are folders of recordings: to be asked before torch is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ifp.errors import IfpError
from ifp.formats import RECORD_FORMAT
from ifp.system.json_text import load_json
from ifp.system.resumable import RUN_FILE


def is_recording(path: Any) -> bool:
    """Whether a path is the folder of a recording; cheap, and without an error for anything else."""
    if not isinstance(path, str | os.PathLike):
        return False
    try:
        run_file = Path(path) / RUN_FILE
        content = load_json(run_file) if run_file.is_file() else None
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == RECORD_FORMAT


def all_recordings(models: Sequence[Any], dataset: Any) -> bool:
    """Whether all models are recordings, which bring the codes of their images; none are where this is False.

    Raises
    ------
    IfpError : recordings beside other models, or a data set beside recordings.
    """
    found = [model for model in models if is_recording(model)]
    if not found:
        return False
    place = os.fspath(found[0])
    if len(found) < len(models):
        raise IfpError(
            f"{place} is a recording of codes, which are not compared with models; give recordings alone, or "
            "checkpoints alone (a recorder saves them in its folder checkpoints where it was asked for them: "
            "checkpoints=True)."
        )
    if dataset is not None:
        raise IfpError(
            f"{place} is a recording, whose codes bring their own factors; leave the data set out, or name checkpoints "
            "(a recorder saves them in its folder checkpoints where it was asked for them: checkpoints=True)."
        )
    return True
