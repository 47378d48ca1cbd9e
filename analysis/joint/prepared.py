"""One annealing of a whole data set as it is to be run: settings, folders, and the tables that it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec import Struct

from ifp.analysis.joint.settings import heat_config
from ifp.analysis.tables import Column, read_csv
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import FINISHED
from ifp.system.own_files import Beta, Count, Name, Number, read_own_json
from ifp.system.progress import Progress, silent
from ifp.training.codes_folder import CodesFolder
from ifp.training.config import TrainConfig
from ifp.training.setup import Setup, set_up

COOL, HEAT = "cool", "heat"
TABLES = (
    "mi", "derivative", "peaks", "steps", "joint_information", "joint_freezing_points", "joint_summary", "pressures",
)  # fmt: skip
EDGE_TABLES = ("spectrum", "joint_edges")
TEXTS = ("name", "factor")
"""Columns of text, which pandas would read as numbers where they look like some."""
_FOUND: dict[str, Column] = {"beta": "given positive", "low": "positive", "high": "positive", "value": "number"}
COLUMNS: dict[str, dict[str, Column]] = {
    "mi": {"seed": "whole", "beta": "given positive", "mi_nats": "number", "cap_nats": "number", "near_cap": "flag"},
    "derivative": {"beta": "given positive", "mi_nats": "number", "slope": "number", "slope_noise": "number",
                   "latents": "number", "latents_noise": "number"},
    "peaks": _FOUND,
    "steps": {**_FOUND, "latents_after": "number"},
    "joint_information": {"direction": "text", "seed": "whole", "beta": "given positive", "kl_nats_*": "number",
                          "info_nats_*": "number"},
    "joint_freezing_points": {"kind": "text", "name": "text", "direction": "text", "seed": "whole",
                              "beta_ifp": "positive", "status": "text"},
    "joint_summary": {"factor": "text", "networks": "whole", "cool_median": "positive", "heat_median": "positive",
                      "cool_low": "positive", "cool_high": "positive", "heat_low": "positive", "heat_high": "positive"},
    "pressures": {"beta": "given positive", "measure": "text"},
    "spectrum": {"beta_edge": "given positive"},
    "joint_edges": {"factor": "text", "beta_alone": "number", "beta_given_rest": "number", "given_rest_low": "number",
                    "given_rest_high": "number"},
}  # fmt: skip
"""The columns of each table that are drawn or printed."""
_WITH_ROWS = ("mi", "derivative", "joint_information", "spectrum")
"""Tables that a measured run never leaves empty."""


@dataclass(frozen=True, eq=False)
class JointStudy:
    """One annealing of a whole data set, checked and ready to run.

    Attributes
    ----------
    setups, folders : by direction, "cool" and, unless it is left out, "heat".
    threshold_nats : of KL and joint information.
    """

    setups: dict[str, Setup]
    folders: dict[str, CodesFolder]
    threshold_nats: float

    @property
    def path(self) -> Path:
        """The folder of all."""
        return self.folders[COOL].path


def joint_study(
    dataset: FactorDataset,
    config: TrainConfig,
    out: Path,
    *,
    heat: bool = True,
    threshold_nats: float = 0.1,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress = silent,
) -> JointStudy:
    """Check everything before anything is written; `run_study` does the work.

    Parameters
    ----------
    config : of cooling, as `ifp.analysis.joint.settings.whole_config` makes it. heat : whether to heat as well.
    device, threads : of the training.

    Raises
    ------
    IfpError : settings that do not suit the data or the machine, or a folder that holds something else.
    """
    configs = {COOL: config} | ({HEAT: heat_config(config)} if heat else {})
    setups = {name: set_up(dataset, one, device=device, threads=threads) for name, one in configs.items()}
    folders = {
        name: CodesFolder(
            out / HEAT if name == HEAT else out, one, progress, whole=list(setups) if name == COOL else ()
        )
        for name, one in setups.items()
    }
    return JointStudy(setups, folders, threshold_nats)


MEASURE_AGAIN = "run the same `ifp anneal --whole` command again"


class WholeAbout(Struct):
    """whole.json, what is read of it."""

    seeds: list[Count] = []
    directions: list[Name] = []
    threshold_nats: Beta = 0.1


class WholeMeasured(Struct):
    """whole.json, what the report reads of it."""

    seeds: list[Count]
    threshold_nats: Beta
    images: Count
    cap_nats: Number
    half_width_ln_beta: Number
    noise_nats: Number
    why_empty: dict[str, str]
    unsure_below_beta: Beta | None


def read_whole_table(folder: Path, name: str) -> pd.DataFrame:
    """One of `TABLES` or `EDGE_TABLES` of a study; see `ifp.analysis.tables.read_csv` for errors."""
    return read_csv(folder / f"{name}.csv", MEASURE_AGAIN, COLUMNS[name], rows=name in _WITH_ROWS)


def read_study(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The tables of a finished study, `EDGE_TABLES` among them, and whole.json.

    Raises
    ------
    IfpError : no such tables, or those of an earlier version.
    """
    missing = [name for name in (*TABLES, *EDGE_TABLES) if not (folder / f"{name}.csv").is_file()]
    if missing or not (folder / "whole.json").is_file():
        there = (folder / "whole.json").is_file()
        raise IfpError(
            f"There is no {folder / (missing[0] if missing else 'whole')}.csv; "
            + (f"an earlier version measured it: `ifp anneal --whole --config {folder / 'run.json'} --out {folder}` "
               "measures it again." if there else "give the folder of a finished `ifp anneal --whole` run.")
        )  # fmt: skip
    tables = {name: read_whole_table(folder, name) for name in (*TABLES, *EDGE_TABLES)}
    return tables, read_own_json(folder / "whole.json", WholeAbout, MEASURE_AGAIN)


def finished_seeds(folder: CodesFolder) -> list[int]:
    """The networks of a direction that were trained to their end."""
    return [seed for seed in range(folder.config.seeds) if folder.status(seed) == FINISHED]
