"""Settings out of the run.json of an earlier run, for `--config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ifp.errors import IfpError
from ifp.system.files import read_json
from ifp.system.settings import clip_to_steps


def stored_settings(path: Path, given: dict[str, Any], config: type) -> dict[str, Any]:
    """The settings that the run.json at `path` holds, with those that the user gave in their place.

    What is stored was not typed: records beyond the steps that the user gave are clipped, as a default is.

    Raises
    ------
    IfpError : no such file, no settings in it, or a preset beside it.
    """
    content = read_json(path, "name the run.json of a run")
    stored = content.get("config", content)
    if not isinstance(stored, dict):
        raise IfpError(f"{path} holds no settings; name the run.json of a run.")
    if "preset" in given:
        raise IfpError("--preset and --config exclude each other; leave one out.")
    return clip_to_steps(config, {**stored, **given}, given)
