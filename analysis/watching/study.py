"""`ifp.watch`: how a run stands, from its folder alone, while another process works on it.

Shapes: T records, D latents, F factors, M curves.
"""

from __future__ import annotations

import datetime
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.points import freezing_points
from ifp.analysis.watching.state import NetworkState, RunState
from ifp.annealing.chunk_files import FOLDER as CHUNKS
from ifp.annealing.chunk_files import read_curves
from ifp.datasets.own_arrays import FLOAT, INT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.formats import FINISHED, GAN_FORMAT, RECORD_FORMAT, RUNNING, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.at_work import is_at_work
from ifp.system.out_folder import as_folder
from ifp.system.own_files import AnnealRun, WorkingRun, check_schema, read_own_json
from ifp.system.resumable import RUN_FILE
from ifp.trace import AnnealTrace
from ifp.training.whole_run import HEAT, heats, last_file, status_of

ATTEMPTS, PAUSE_SECONDS = 5, 0.1
"""A folder that another process writes is read again, so often and after such a pause, where its files disagree."""
_ADVICE = "watch it again, or run its command again"
CURVES = {"exact": ("exact", "equilibrium"), "cooling": ("train", "cool"), "heating": ("train", "heat")}
"""The kinds of curves whose freezing points are shown, by method and direction."""
_ARRAYS = {
    "step": Declared(INT, "T", low=0, optional=True),
    "beta": Declared(FLOAT, "T", no_infinity=True, optional=True),
    "stage": Declared(INT, "T", optional=True),
    "recon_nats": Declared(FLOAT, "T", no_infinity=True, optional=True),
    "kl_nats": Declared(FLOAT, "TD", optional=True),
    "posterior_nmi": Declared(FLOAT, "TDF", no_infinity=True, optional=True),
}
"""The arrays of one network in records.npz."""


def watch(run: str | os.PathLike[str]) -> RunState:
    """How a run of `ifp anneal`, `ifp train` or an `ifp.Recorder` stands now; nothing is written.

    Needs neither torch nor the data set. `RunState.ended` says when to stop asking.

    Parameters
    ----------
    run : the run's folder.

    Raises
    ------
    IfpError : no folder, no run in it yet, or a run that is none of these; or files that stay damaged.
    """
    folder = as_folder(run, "run")
    for attempt in range(ATTEMPTS):
        try:
            return _state(folder)
        except IfpError:
            # between two writes of another process files may disagree
            if attempt == ATTEMPTS - 1 or not (folder / RUN_FILE).is_file():
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def _state(folder: Path) -> RunState:
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give the folder of a run.")
    run_file = folder / RUN_FILE
    if not run_file.is_file():
        raise IfpError(f"{folder} holds no run.json yet; give the folder of `ifp anneal`, `ifp train` or ifp.Recorder.")
    about = read_own_json(run_file, WorkingRun, _ADVICE)
    kind = about.get("format")
    if kind in (VAE_FORMAT, GAN_FORMAT):
        raise IfpError(f"{folder} is one network of a run; watch the folder of the run, {folder.parent}.")
    if kind not in (TRAIN_FORMAT, RECORD_FORMAT, None) or not isinstance(about.get("config"), dict):
        raise IfpError(
            f"{folder} is no run that can be watched; give one of `ifp anneal`, `ifp train` or ifp.Recorder."
        )
    return _of_curves(folder, about) if kind is None else _of_networks(folder, about)


def _of_networks(folder: Path, about: Mapping[str, Any]) -> RunState:
    """The state of a training, a recording, or an annealing of a whole data set with its heating run."""
    # an annealing that was stopped while it cooled has no heating run yet
    cools = last_file(folder, about) == "whole.json"
    parts, current = [("cooling " if cools else "", folder, about)], about
    heat = folder / HEAT
    if (heat / RUN_FILE).is_file():
        of_heat = read_own_json(heat / RUN_FILE, WorkingRun, _ADVICE)
        parts.append(("heating ", heat, of_heat))
        current = of_heat if about.get("status") == FINISHED else about
    names = tuple(about["dataset"]["factor_names"])
    networks: list[NetworkState] = []
    times: list[float] = []
    steps_now = 0
    for prefix, place, told in parts:
        arrays = _records(place, told)
        _check_factors(place, arrays, len(names))
        records = [path for path in (place / "records.npz",) if path.is_file()]
        if about.get("format") != RECORD_FORMAT:  # a loop may end before its first record
            _check_there(told, records, place / "records.npz", "records")
        times += map(_changed, records)
        for seed, standing in sorted(told.get("seeds", {}).items(), key=lambda item: int(item[0])):
            networks.append(_network(f"{prefix}seed {seed}", standing, arrays, int(seed)))
            steps_now += networks[-1].step if told is current else 0
    recording = about.get("format") == RECORD_FORMAT
    whole = bool(last_file(folder, about))
    # heating may not have begun: its networks are as many
    to_come = len(networks) if len(parts) == 1 and whole and heats(folder, about) else 0
    if recording and networks:
        networks = [replace(networks[0], name="loop")]
    done = sum(network.step for network in networks)
    steps = about.get("steps") if recording else about["config"].get("steps")
    each = int(steps) if isinstance(steps, int) and not isinstance(steps, bool) else None
    total = None if each is None else (len(networks) + to_come) * each
    kind = "recording" if recording else ("ifp anneal of a whole data set" if whole else "ifp train")
    status = str(status_of(folder, about) or RUNNING)
    changed = max([*times, *(_changed(place / RUN_FILE) for _, place, _ in parts)])
    left, gap = _time_left(current, steps_now, changed, status, to_come * (each or 0))
    at_work = is_at_work(folder)
    return RunState(
        folder, kind, str(about["dataset"]["name"]), status, at_work, done, total, "steps",
        None if at_work is False else left, max(now() - changed, 0.0), gap, names, tuple(networks),
        doubts=tuple(about.get("doubts", {}).values()),
    )  # fmt: skip


def _of_curves(folder: Path, about: Mapping[str, Any]) -> RunState:
    """The state of an annealing of traversals: which curves are finished, and where they freeze."""
    path, chunks = folder / "trace.npz", folder / CHUNKS
    files = [path] if path.is_file() else []
    files += sorted(chunks.glob("*.npz")) if chunks.is_dir() else []
    _check_there(about, files, folder / "trace.npz", "curves")
    curves = pd.DataFrame(columns=["factor", "curves"])
    done = 0
    if files:
        trace = read_curves(folder)
        done = len(trace)
        check_schema(dict(about), AnnealRun, folder / RUN_FILE, _ADVICE)
        known, asked = about["dataset"]["factor_names"], about["config"].get("factors")
        names = [name for name in known if not (isinstance(asked, list) and asked) or name in asked]
        points = freezing_points(
            trace, threshold_nats=float(about["config"].get("threshold_nats", 0.1)),
            dataset=about["dataset"]["name"], likelihood=about["likelihood"], factor_names=known,
        )  # fmt: skip
        curves = _curve_table(names, trace, points)
    status = str(about.get("status", RUNNING))
    call = about.get("this_call") or {}
    changed = max(_changed(file) for file in [*files, folder / RUN_FILE])
    left, gap = _time_left(about, done, changed, status)
    at_work = is_at_work(folder)
    total = done if status == FINISHED else call.get("units")
    return RunState(
        folder, "ifp anneal", str(about["dataset"]["name"]), status, at_work, done, total, "curves",
        None if at_work is False else left, max(now() - changed, 0.0), gap,
        tuple(about["dataset"]["factor_names"]), curves=curves,
    )  # fmt: skip


def _check_there(about: Mapping[str, Any], files: Sequence[Path], path: Path, what: str) -> None:
    """Raise IfpError where a run has finished, and what it found is not there."""
    if about.get("status") == FINISHED and not files:
        raise IfpError(
            f"{path.parent / RUN_FILE} says that the run has finished, but its {what} are missing: there is no {path}; "
            "put the file back, or run the same command in a new folder."
        )


def _curve_table(names: Sequence[str], trace: AnnealTrace, points: pd.DataFrame) -> pd.DataFrame:
    """One row per factor: its finished curves, and the median freezing point of each kind of curve so far."""
    rows = []
    for factor in names:
        of_factor = points[(points["factor"] == factor) & points["beta_ifp"].notna()]
        row: dict[str, Any] = {"factor": factor, "curves": int((trace.factor_M == factor).sum())}
        for heading, (method, direction) in CURVES.items():
            there = of_factor[(of_factor["method"] == method) & (of_factor["direction"] == direction)]
            row[heading] = float(there["beta_ifp"].median()) if len(there) else math.nan
        rows.append(row)
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def _records(folder: Path, about: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of all networks, by number and name; none before the first record."""
    path = folder / "records.npz"
    if not path.is_file():
        return {}
    found: dict[str, np.ndarray] = {}
    for seed in about.get("seeds", {}):  # one after the other: each may be after another number of records
        table = {f"{seed}_{name}": declared for name, declared in _ARRAYS.items()}
        found |= read_own_arrays(path, table, _ADVICE)
    return found


def _check_factors(folder: Path, arrays: Mapping[str, np.ndarray], named: int) -> None:
    """Raise IfpError where records are of another number of factors than run.json names."""
    for name, array in arrays.items():
        if name.endswith("_posterior_nmi") and array.shape[2] != named:
            raise IfpError(
                f"The array {name!r} of {folder / 'records.npz'} is of {array.shape[2]} factors, and run.json names "
                f"{named}: they are of two runs; {_ADVICE}."
            )


def _network(name: str, standing: Mapping[str, Any], arrays: Mapping[str, np.ndarray], seed: int) -> NetworkState:
    """A network as its last record shows it."""
    of_seed = {key: arrays[f"{seed}_{key}"] for key in _ARRAYS if f"{seed}_{key}" in arrays}
    status = str(standing["status"])
    if not len(of_seed.get("step", ())):
        return NetworkState(name, status, int(standing.get("step", 0)))
    last = {key: value[-1] for key, value in of_seed.items()}
    stages = of_seed.get("stage")
    return NetworkState(
        name,
        status,
        max(int(last["step"]), int(standing.get("step", 0))),
        beta=float(last.get("beta", np.nan)),
        stage=int(last["stage"]) if stages is not None and stages.max() > 0 else None,
        recon_nats=float(last.get("recon_nats", np.nan)),
        kl_nats_D=last.get("kl_nats"),
        nmi_DF=last.get("posterior_nmi"),
    )


def _time_left(
    about: Mapping[str, Any], done: int, changed: float, status: str, to_come: int = 0
) -> tuple[float | None, float | None]:
    """Seconds to the end by the pace of this call, and seconds per record so far; None where nothing tells them.

    `to_come` : units after those of this part of the run.
    """
    call = about.get("this_call")
    if status != RUNNING or not call:
        return None, None
    try:
        begun = datetime.datetime.fromisoformat(call["begun"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None, None
    made, total = done - int(call.get("done_before", 0)), call.get("units")
    elapsed = changed - begun
    if made <= 0 or elapsed <= 0:
        return None, None
    records = _records_made(about, made)
    gap = elapsed / records if records else None
    if total is None:
        return None, gap
    return max(elapsed * (total + to_come - done) / made - (now() - changed), 0.0), gap


def _records_made(about: Mapping[str, Any], made: int) -> int:
    """About how many records a call has made that did `made` units."""
    config = about["config"]
    every = about.get("every")
    if isinstance(every, int) and every > 0:
        return max(made // every, 1)
    steps, records = config.get("steps"), config.get("records")
    if about.get("format") == TRAIN_FORMAT and isinstance(steps, int) and isinstance(records, int) and steps > 0:
        return max(made * records // steps, 1)
    return made


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def _changed(path: Path) -> float:
    """When a file was last written, seconds since 1970; 0 where it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
