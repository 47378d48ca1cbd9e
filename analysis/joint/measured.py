"""What is measured of a trained study and written: every record's information, the points, the tables beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.joint.edges import affordable_images, edge_tables
from ifp.analysis.joint.measure import SAMPLES, measure_mi, measure_points, with_half_nmi
from ifp.analysis.joint.peaks import MiPeaks, joint_pressures, mi_peaks, why_empty
from ifp.analysis.joint.points import summarize_joint
from ifp.analysis.joint.prepared import COOL, EDGE_TABLES, TABLES, JointStudy, finished_seeds, read_whole_table
from ifp.analysis.tables import write_csv
from ifp.seeds import numpy_generator
from ifp.system.checksums import unseal
from ifp.system.files import write_json
from ifp.system.format_version import KEY, VERSION
from ifp.system.json_text import load_json
from ifp.system.progress import Progress
from ifp.system.versions import versions
from ifp.theory.joint_edges import joint_edges
from ifp.training.codes_folder import IMAGES, CodesFolder, KeptCodes

FORMAT = "ifp whole 3"
"""Of what is measured: raised when numbers of the same codes change, so that the same command measures them anew."""
UNSURE_NATS = 0.5
"""If the two bounds of MI differ by more than this, the sample is too small to say how it rises."""


def measure_study(study: JointStudy, seeds: Sequence[int], progress: Progress) -> None:
    """Write the tables of `study`, whose networks `seeds` were cooled, unless those of the same codes are there."""
    key = _key(study)
    if _measured(study.path, key):
        return
    unseal(study.path)
    _write_edges(study, progress)
    _measure(study, seeds, key, progress)


def _write_edges(study: JointStudy, progress: Progress) -> None:
    """The closed form of the images that the networks were trained on, where it is not there yet."""
    if all((study.path / f"{name}.csv").is_file() for name in EDGE_TABLES):
        return
    setup = study.setups[COOL]
    config, dataset = setup.config, setup.dataset
    edges = joint_edges(
        dataset, config.pixel_likelihood, images=config.images or affordable_images(dataset),
        seed=config.seed, probability=setup.probability, device=setup.device, progress=progress,
    )  # fmt: skip
    for name, table in edge_tables(edges).items():
        write_csv(table, study.path / f"{name}.csv")


def _measure(study: JointStudy, seeds: Sequence[int], key: str, progress: Progress) -> None:
    """Measure every record, find what the tables hold, and write them; whole.json last."""
    config = study.folders[COOL].config
    mi, information = _measure_cooling(study.folders[COOL], seeds, progress)
    points, curves = [], []
    networks = [(direction, seed) for direction, folder in study.folders.items() for seed in finished_seeds(folder)]
    factors = len(study.folders[COOL].sample.codes(*_blank(study)).factor_names)
    done = 0

    def measured() -> None:
        nonlocal done
        done += 1
        progress("Joint information (factors)", done, len(networks) * factors)

    for direction, seed in networks:
        records = _records_with_codes(study.folders[direction], seed)
        beta_T = np.array([record.beta for record in records])
        table, curve = measure_points(
            beta_T, [record.codes for record in records], direction=direction, seed=seed,
            threshold_nats=study.threshold_nats, codes_seed=config.seed, measured=measured,
        )  # fmt: skip
        if direction == COOL:
            kl_nats_TD = np.stack([record.codes.kl_nats_D() for record in records])
            names = records[0].codes.factor_names
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
        "joint_summary": summarize_joint(joint, read_whole_table(study.path, "joint_edges")),
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
        for record in _records_with_codes(folder, seed):
            row, with_factors = measure_mi(record.codes, folder.config.seed)
            rows.append({"seed": seed, "step": record.step, "beta": record.beta, **row})
            information[seed] += [with_factors] if with_factors else []
            done += 1
            progress("Information (records)", done, total)
    return pd.DataFrame(rows), information


def _records_with_codes(folder: CodesFolder, seed: int) -> list[KeptCodes]:
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
        KEY: VERSION,
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
    digest = hashlib.sha256(json.dumps([FORMAT, study.threshold_nats, SAMPLES]).encode())
    for direction, folder in study.folders.items():
        seeds = finished_seeds(folder)
        digest.update(json.dumps([direction, folder.config.digest(), seeds]).encode())
        for seed in seeds:
            for record in folder.records.of_seed[seed]:
                path = folder.codes_path(seed, record.step)
                if path.is_file():
                    digest.update(path.read_bytes())
    return digest.hexdigest()


def _measured(path: Path, key: str) -> bool:
    """Whether the tables of these very codes are there."""
    if not all((path / f"{name}.csv").is_file() for name in (*TABLES, *EDGE_TABLES)):
        return False
    try:
        return bool(load_json(path / "whole.json")["key"] == key)
    except (OSError, ValueError, KeyError, TypeError):  # a damaged file is one that is not there
        return False
