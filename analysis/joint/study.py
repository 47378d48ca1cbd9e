"""A whole data set annealed: cooled, heated, measured, and its tables written. What `ifp anneal --whole` is a face of.

OUT is the folder of the cooling run, OUT/heat that of the heating run, which begins with the cooled networks. Both can
be taken up again at any moment. Measuring takes long too: the same codes are not measured twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.mutual_information import histogram_nmi
from ifp.analysis.joint.edges import affordable_images, edge_tables
from ifp.analysis.joint.measure import SAMPLES, measure_mi, measure_points, with_half_nmi
from ifp.analysis.joint.peaks import MiPeaks, joint_pressures, mi_peaks, why_empty
from ifp.analysis.joint.points import summarize_joint
from ifp.analysis.joint.settings import heat_config
from ifp.analysis.tables import write_csv
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.joint_edges import joint_edges
from ifp.run_folder import write_json
from ifp.seeds import numpy_generator
from ifp.training.config import TrainConfig
from ifp.training.folder import FINISHED
from ifp.training.kept_codes import IMAGES, CodesFolder, KeptCodes
from ifp.training.run import Outcome, train
from ifp.training.setup import Setup, set_up
from ifp.versions import versions

FORMAT = "ifp whole 2"
COOL, HEAT = "cool", "heat"
TABLES = (
    "mi", "derivative", "peaks", "steps", "joint_information", "joint_freezing_points", "joint_summary", "pressures",
)  # fmt: skip
EDGE_TABLES = ("spectrum", "joint_edges")
UNSURE_NATS = 0.5
"""Where the two bounds of MI part by more, the sample is too small to say how it rises."""

Progress = Callable[[str, int, int], None]
Say = Callable[[str], None]


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
    progress: Progress = lambda text, done, total: None,
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
    folders = {name: CodesFolder(out / HEAT if name == HEAT else out, one, progress) for name, one in setups.items()}
    return JointStudy(setups, folders, threshold_nats)


def run_study(
    study: JointStudy, progress: Progress = lambda text, done, total: None, say: Say = lambda text: None
) -> dict[str, Outcome]:
    """Cool, heat, measure and write; how each direction's training ended.

    Raises
    ------
    IfpError : no network finished, not enough memory, files that cannot be written, or codes that are missing.
    """
    outcomes = {COOL: _train(study, COOL, progress, say)}
    seeds = _finished(study.folders[COOL])
    if not seeds:
        raise IfpError("No network finished, so there is nothing to measure; try a smaller --learning-rate.")
    if HEAT in study.folders:
        outcomes[HEAT] = _train(study, HEAT, progress, say)
    key = _key(study)
    if not _measured(study.path, key):
        _write_edges(study, progress)
        _measure(study, seeds, key, progress)
    return outcomes


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
               "measures it again." if there else "give the --out folder of a finished `ifp anneal --whole` run.")
        )  # fmt: skip
    tables = {name: pd.read_csv(folder / f"{name}.csv", dtype=_TYPES) for name in (*TABLES, *EDGE_TABLES)}
    return tables, json.loads((folder / "whole.json").read_text())


_TYPES: Any = {"name": str, "factor": str}


def _train(study: JointStudy, direction: str, progress: Progress, say: Say) -> Outcome:
    setup, folder = study.setups[direction], study.folders[direction]
    law = setup.config.options
    rises = "Heating" if direction == HEAT else "Cooling"
    say(
        f"{rises} the whole of {setup.config.dataset}, {setup.config.likelihood} likelihood, beta {law['law']}"
        + (f" from {law['beta_start']:g} to {law['beta_end']:g}" if "beta_start" in law else "")
        + f", into {folder.path}"
    )
    cooled = study.folders[COOL]

    def begin(seed: int) -> Any:
        state = cooled.state(seed)
        assert state is not None  # it is finished
        return replace(state, step=0)

    try:
        if direction == HEAT:
            _leave_out(folder, [seed for seed in range(setup.config.seeds) if cooled.status(seed) != FINISHED])
        outcome = train(
            setup, folder, nmi=histogram_nmi if direction == COOL else None,
            initial=begin if direction == HEAT else None, progress=progress, say=say,
        )  # fmt: skip
    except BaseException as error:
        if not isinstance(error, IfpError) and (folder.path / "run.json").is_file():
            folder.close("stopped")
            say(f"Stopped; what is recorded is in {study.path}, and the same command goes on from there.")
        raise
    folder.close("finished")
    return outcome


def _leave_out(folder: CodesFolder, seeds: Sequence[int]) -> None:
    """Networks that diverged while cooling cannot be heated."""
    if seeds:
        folder.open()
    for seed in seeds:
        folder.set_diverged(seed)


def _finished(folder: CodesFolder) -> list[int]:
    return [seed for seed in range(folder.config.seeds) if folder.status(seed) == FINISHED]


def _write_edges(study: JointStudy, progress: Progress) -> None:
    """The closed form of the images that the networks were trained on, where it is not there yet."""
    if all((study.path / f"{name}.csv").is_file() for name in EDGE_TABLES):
        return
    setup = study.setups[COOL]
    config, dataset = setup.config, setup.dataset
    edges = joint_edges(
        dataset, config.likelihood, sigma=config.sigma, images=config.images or affordable_images(dataset),
        seed=config.seed, probability=setup.probability, device=setup.device, progress=progress,
    )  # fmt: skip
    for name, table in edge_tables(edges).items():
        write_csv(table, study.path / f"{name}.csv")


def _measure(study: JointStudy, seeds: Sequence[int], key: str, progress: Progress) -> None:
    """Measure every record, find what the tables hold, and write them; whole.json last."""
    config = study.folders[COOL].config
    mi, information = _measure_cooling(study.folders[COOL], seeds, progress)
    points, curves = [], []
    todo = [(direction, seed) for direction, folder in study.folders.items() for seed in _finished(folder)]
    factors = len(study.folders[COOL].sample.codes(*_blank(study)).factor_names)
    done = 0

    def measured() -> None:
        nonlocal done
        done += 1
        progress("Joint information (factors)", done, len(todo) * factors)

    for direction, seed in todo:
        kept = _kept(study.folders[direction], seed)
        beta_T = np.array([one.beta for one in kept])
        table, curve = measure_points(
            beta_T, [one.codes for one in kept], direction=direction, seed=seed,
            threshold_nats=study.threshold_nats, codes_seed=config.seed, measured=measured,
        )  # fmt: skip
        if direction == COOL:
            kl_nats_TD = np.stack([one.codes.kl_nats_D() for one in kept])
            names = kept[0].codes.factor_names
            table = with_half_nmi(table, beta_T, kl_nats_TD, information[seed], names, study.threshold_nats)
        points.append(table)
        curves.append(curve)
    peaks = mi_peaks(
        mi.loc[mi["seed"] == seeds[0], "beta"].to_numpy(float),
        mi["mi_nats"].to_numpy(float).reshape(len(seeds), -1),
        generator=numpy_generator(config.seed, "joint"),
    )
    joint = pd.concat(points, ignore_index=True)
    pressures = joint_pressures(peaks)
    written = {
        "mi": mi,
        "derivative": peaks.curves(),
        "peaks": peaks.peaks,
        "steps": peaks.steps,
        "joint_information": pd.concat(curves, ignore_index=True),
        "joint_freezing_points": joint,
        "joint_summary": summarize_joint(joint, pd.read_csv(study.path / "joint_edges.csv", dtype=_TYPES)),
        "pressures": pressures,
    }
    for name, table in written.items():
        write_csv(table, study.path / f"{name}.csv")
    write_json(study.path / "whole.json", _about(study, seeds, peaks, pressures, mi, key))


def _measure_cooling(
    folder: CodesFolder, seeds: Sequence[int], progress: Progress
) -> tuple[pd.DataFrame, dict[int, list[Any]]]:
    information: dict[int, list[Any]] = {}
    rows, done = [], 0
    total = sum(len(folder.records.of_seed[seed]) for seed in seeds)
    for seed in seeds:
        information[seed] = []
        for one in _kept(folder, seed):
            row, found = measure_mi(one.codes, folder.config.seed)
            rows.append({"seed": seed, "step": one.step, "beta": one.beta, **row})
            information[seed] += [found] if found else []
            done += 1
            progress("Information (records)", done, total)
    return pd.DataFrame(rows), information


def _kept(folder: CodesFolder, seed: int) -> list[KeptCodes]:
    return [folder.kept_codes(seed, record.step) for record in folder.records.of_seed[seed]]


def _blank(study: JointStudy) -> tuple[np.ndarray, np.ndarray]:
    shape = (len(study.folders[COOL].sample.positions_NF), study.folders[COOL].config.latents)
    return np.zeros(shape), np.zeros(shape)


def _about(
    study: JointStudy, seeds: Sequence[int], peaks: MiPeaks, pressures: pd.DataFrame, mi: pd.DataFrame, key: str
) -> dict[str, Any]:
    # of all images there are, MI is known; of a sample, only between two bounds
    images = len(study.folders[COOL].sample.positions_NF)
    all_images = images < IMAGES
    unsure = (mi["mi_upper_nats"] - mi["mi_nats"] > UNSURE_NATS) & (not all_images)
    return {
        "format": FORMAT,
        "key": key,
        "seeds": list(seeds),
        "directions": list(study.folders),
        "images": images,
        "all_images": all_images,
        "samples": SAMPLES,
        "threshold_nats": study.threshold_nats,
        "cap_nats": float(mi["cap_nats"].iloc[0]),
        "unsure_below_beta": float(mi.loc[unsure, "beta"].max()) if unsure.any() else None,
        "half_width_ln_beta": peaks.half_width,
        "noise_nats": float(np.median(peaks.noise_nats_T)),
        "inflation": peaks.inflation,
        "why_empty": why_empty(peaks, pressures),
        "versions": versions(),
    }


def _key(study: JointStudy) -> str:
    """Equal for equal codes measured alike."""
    found = hashlib.sha256(json.dumps([FORMAT, study.threshold_nats, SAMPLES]).encode())
    for direction, folder in study.folders.items():
        seeds = _finished(folder)
        found.update(json.dumps([direction, folder.config.digest(), seeds]).encode())
        for seed in seeds:
            for record in folder.records.of_seed[seed]:
                path = folder.codes_path(seed, record.step)
                if path.is_file():
                    found.update(path.read_bytes())
    return found.hexdigest()


def _measured(path: Path, key: str) -> bool:
    """Whether the tables of these very codes are there."""
    if not all((path / f"{name}.csv").is_file() for name in (*TABLES, *EDGE_TABLES)):
        return False
    try:
        return bool(json.loads((path / "whole.json").read_text())["key"] == key)
    except (OSError, ValueError, KeyError, TypeError):  # a damaged file is one that is not there
        return False
