"""What is measured of trained multi-rate networks: the curve of each at all betas, its points, and what lies beside.

Shapes: G betas, D latents, F factors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from msgspec import Struct

from ifp.analysis.joint.edges import affordable_images, edge_tables
from ifp.analysis.joint.measure import measure_points
from ifp.analysis.joint.prepared import COLUMNS, COOL, EDGE_TABLES, HEAT, TEXTS, read_study
from ifp.analysis.joint.response_settings import METHOD
from ifp.analysis.joint.response_summary import compare_objectives, cooled_records, summarise_response
from ifp.analysis.tables import Column, read_csv, write_csv
from ifp.errors import IfpError
from ifp.formats import FINISHED
from ifp.system.checksums import unseal
from ifp.system.files import write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.json_text import load_json
from ifp.system.own_files import Beta, Number, read_own_json
from ifp.system.progress import Progress
from ifp.system.versions import versions
from ifp.theory.joint_edges import joint_edges
from ifp.training.codes_folder import IMAGES
from ifp.training.multi_rate_folder import GRID, MultiRateFolder
from ifp.training.setup import Setup

FORMAT = "ifp multi-rate 1"
ABOUT = "multi_rate.json"
TABLES = ("response_curves", "response_points", "response_summary", "response_objective")
SETTLED_SHARE = 0.75
"""The curve at this share of the training is compared with the last."""
_AGAIN = "run the same `ifp anneal --whole --method multi-rate` command again"


_COLUMNS: dict[str, dict[str, Column]] = {
    "response_curves": {"seed": "whole", "beta": "given positive", "recon_nats": "number", "kl_nats": "number",
                        "objective_nats": "number", "kl_nats_*": "number", "info_nats_*": "number"},
    "response_points": {"kind": "text", "name": "text", "direction": "text", "seed": "whole", "beta_ifp": "positive",
                        "status": "text"},
    "response_summary": {"factor": "text", "networks": "whole", "median": "positive", "beta_alone": "number",
                         "beta_given_rest": "number", "cool_median": "positive", "heat_median": "positive",
                         "place": "text"},
    "response_objective": {"beta": "given positive", "multi_rate_nats": "number", "cool_nats": "number",
                           "heat_nats": "number", "excess_nats": "number"},
    **{name: COLUMNS[name] for name in EDGE_TABLES},
}  # fmt: skip
"""The columns of each table that are drawn or printed."""
_WITH_ROWS = ("response_curves", "response_points", "response_objective", "spectrum")


class ResponseAbout(Struct):
    """multi_rate.json, what is read of it."""

    seeds: list[int] = []
    threshold_nats: Beta = 0.1
    moved_nats: Number | None = None


def measure_response(
    folder: MultiRateFolder, setup: Setup, cooled: Path | None, threshold_nats: float, progress: Progress
) -> None:
    """Write the tables of the trained networks, unless those of the same networks and the same run beside are there.

    Raises
    ------
    IfpError : no network finished.
    """
    seeds = [seed for seed in range(folder.config.seeds) if folder.status(seed) == FINISHED]
    if not seeds:
        raise IfpError("No network finished, so there is nothing to measure; try a smaller `learning_rate`.")
    key = _key(folder, seeds, cooled, threshold_nats)
    if _measured(folder.path, key):
        return
    unseal(folder.path)
    edges = _edges(folder.path, setup, progress)
    curves, points = [], []
    factors = len(setup.dataset.space.names) if setup.dataset.labelled else 0
    done, total = 0, len(seeds) * (factors + 1)

    def measured() -> None:
        nonlocal done
        done += 1
        progress("Reading the networks (curves and factors)", done, total)

    for seed in seeds:
        at_G = list(folder.at_betas(seed))
        measured()
        beta_G = np.array([one.beta for one in at_G])
        # beta falls along the curve, so that crossings are those of cooling: for good, from above
        table, curve = measure_points(
            beta_G, [one.codes for one in at_G], direction=COOL, seed=seed, threshold_nats=threshold_nats,
            codes_seed=folder.config.seed, measured=measured,
        )  # fmt: skip
        points.append(table.assign(direction=METHOD).drop(columns="beta_half_nmi"))
        parts = pd.DataFrame(
            {
                "recon_nats": [one.recon_nats for one in at_G],
                "kl_nats": [one.kl_nats for one in at_G],
                "objective_nats": [one.objective_nats for one in at_G],
            }
        )
        curves.append(
            pd.concat([curve[["seed", "beta"]], parts, curve.drop(columns=["direction", "seed", "beta"])], axis=1)
        )
    beside = read_study(cooled)[0] if cooled is not None else None
    all_curves, all_points = pd.concat(curves, ignore_index=True), pd.concat(points, ignore_index=True)
    written = {
        "response_curves": all_curves,
        "response_points": all_points,
        "response_summary": summarise_response(all_points, edges, beside["joint_summary"] if beside else None),
        "response_objective": compare_objectives(all_curves, cooled),
    }
    for name, table in written.items():
        write_csv(table, folder.path / f"{name}.csv")
    about = {
        "format": FORMAT,
        KEY: VERSION,
        "key": key,
        "seeds": seeds,
        "images": len(folder.sample("kept codes", IMAGES).positions_NF),
        "threshold_nats": threshold_nats,
        "betas": len(folder.betas()),
        "moved_nats": max(
            (moved for moved in map(partial(_moved_nats, folder), seeds) if moved is not None), default=None
        ),
        "beside": [name for name in (COOL, HEAT) if cooled is not None and cooled_records(cooled, name) is not None],
        "versions": versions(),
    }
    write_json(folder.path / ABOUT, about)


def _edges(path: Path, setup: Setup, progress: Progress) -> pd.DataFrame:
    """The closed form of the images, computed where it is not there yet; returns `joint_edges`."""
    if not all((path / f"{name}.csv").is_file() for name in EDGE_TABLES):
        edges = joint_edges(
            setup.dataset, setup.config.pixel_likelihood,
            images=setup.config.images or affordable_images(setup.dataset), seed=setup.config.seed,
            probability=setup.probability, device=setup.device, progress=progress,
        )  # fmt: skip
        for name, table in edge_tables(edges).items():
            write_csv(table, path / f"{name}.csv")
    return read_csv(path / "joint_edges.csv", _AGAIN, texts=TEXTS, rows=False)


def _moved_nats(folder: MultiRateFolder, seed: int) -> float | None:
    """The largest change of a latent's KL at any beta between the record at `SETTLED_SHARE` and the last."""
    steps = [record.step for record in folder.records.of_seed[seed]]
    before = [step for step in steps if step <= SETTLED_SHARE * folder.config.steps]
    if not before:
        return None
    first, last = (folder.kept_curve(seed, step)[1] for step in (before[-1], steps[-1]))
    return float(np.abs(last - first).max())


def _key(folder: MultiRateFolder, seeds: Sequence[int], cooled: Path | None, threshold_nats: float) -> str:
    """Equal for equal networks measured alike, with the same run beside."""
    digest = hashlib.sha256(json.dumps([FORMAT, threshold_nats, GRID, list(seeds), folder.config.digest()]).encode())
    for seed in seeds:
        for record in folder.records.of_seed[seed]:
            digest.update(folder.kept_curve(seed, record.step)[1].tobytes())
    if cooled is not None:
        digest.update((cooled / "whole.json").read_bytes())
    return digest.hexdigest()


def _measured(path: Path, key: str) -> bool:
    if not all((path / f"{name}.csv").is_file() for name in (*TABLES, *EDGE_TABLES)):
        return False
    try:
        return bool(load_json(path / ABOUT)["key"] == key)
    except (OSError, ValueError, KeyError, TypeError):  # a damaged file is one that is not there
        return False


def read_response_tables(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The tables of a finished run, `EDGE_TABLES` among them, and multi_rate.json.

    Raises
    ------
    IfpError : no such tables.
    """
    names = (*TABLES, *EDGE_TABLES)
    missing = [name for name in names if not (folder / f"{name}.csv").is_file()]
    if missing or not (folder / ABOUT).is_file():
        raise IfpError(
            f"There is no {folder / (f'{missing[0]}.csv' if missing else ABOUT)}; give the folder of a finished run of "
            "multi-rate networks."
        )
    tables = {name: read_csv(folder / f"{name}.csv", _AGAIN, _COLUMNS[name], rows=name in _WITH_ROWS) for name in names}
    curves, factors = tables["response_curves"], tables["response_summary"]["factor"]
    for column in ("kl_nats_0", *(f"info_nats_{name}" for name in factors)):
        if column not in curves:
            raise IfpError(f"{folder / 'response_curves.csv'} lacks the column {column!r}; {_AGAIN}.")
    return tables, read_own_json(folder / ABOUT, ResponseAbout, _AGAIN)
