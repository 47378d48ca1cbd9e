"""How far an annealing of a whole data set is, by its folder: asked without torch.

Its cooling lies where any training lies and its heating in a folder within it, so that each of the two may have
finished long before the whole has: that is so once everything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifp.formats import DIVERGED, FINISHED, RUNNING, STOPPED, TRAIN_FORMAT
from ifp.system.at_work import is_at_work
from ifp.system.files import read_json
from ifp.system.resumable import RUN_FILE

KEY = "whole"
"""The entry of the cooling run's run.json: the directions of the annealing that it begins."""
HEAT = "heat"
"""The direction, and the folder of its run within the cooling run's."""
RESPONSE_FILE = "multi_rate.json"
"""What networks that are trained for all betas at once write last."""


def last_file(folder: Path, about: Mapping[str, Any]) -> str:
    """The file that an annealing of a whole data set writes last; "" of a folder that is of anything else.

    `about` : its run.json. Runs of earlier versions, which do not say it there, are known by the codes that they keep.
    """
    config = about.get("config")
    if about.get("format") != TRAIN_FORMAT or not isinstance(config, Mapping):
        return ""
    if config.get("objective") == "multi-rate":
        return RESPONSE_FILE
    earlier = (folder / HEAT / RUN_FILE).is_file() or ((folder / "codes").is_dir() and folder.name != HEAT)
    return "whole.json" if isinstance(about.get(KEY), list) or earlier else ""


def heats(folder: Path, about: Mapping[str, Any]) -> bool:
    """Whether the annealing heats the networks that it cooled, as far as its folder says."""
    said = about.get(KEY)
    return (isinstance(said, list) and HEAT in said) or (folder / HEAT / RUN_FILE).is_file()


def status_of(folder: Path, about: Mapping[str, Any]) -> Any:
    """The status of a run; of an annealing of a whole data set that of all its parts, and not of cooling alone.

    Raises
    ------
    IfpError : the run.json of heating cannot be read.
    """
    status, last = about.get("status"), last_file(folder, about)
    if status != FINISHED or not last or _none_finished(about):
        return status
    if heats(folder, about) and (folder / HEAT / RUN_FILE).is_file():
        of_heat = read_json(folder / HEAT / RUN_FILE, "run the same command again").get("status")
        if of_heat in (RUNNING, STOPPED):
            return of_heat
    if (folder / last).is_file():
        return FINISHED
    return RUNNING if is_at_work(folder) else STOPPED


def _none_finished(about: Mapping[str, Any]) -> bool:
    """Whether all networks diverged, so that there is nothing to heat or to measure."""
    seeds = about.get("seeds")
    return (
        isinstance(seeds, Mapping)
        and bool(seeds)
        and all(isinstance(entry, Mapping) and entry.get("status") == DIVERGED for entry in seeds.values())
    )
