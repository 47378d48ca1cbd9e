"""What `ifp anneal --whole` measures of the kept codes, writes and prints."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import click
import numpy as np
import pandas as pd

from ifp.analysis.diffusion.decomposition import decompose_kl
from ifp.analysis.diffusion.information import Information, measure_information
from ifp.analysis.joint import MiPeaks, joint_freezing_points, joint_pressures, mi_peaks, summarize_joint
from ifp.analysis.tables import json_rows, write_csv
from ifp.cli.stages import StageProgress
from ifp.codes import Codes
from ifp.errors import IfpError, NothingFroze
from ifp.run_folder import write_json
from ifp.seeds import numpy_generator
from ifp.training.folder import FINISHED
from ifp.training.kept_codes import IMAGES, CodesFolder, KeptCodes
from ifp.training.run import Outcome
from ifp.versions import versions

SAMPLES = 2000
"""Draws of z a record, the same for all records: their noise hardly moves the derivative."""
PERMUTATIONS, BOOTSTRAPS = 20, 50
"""Of each record: the floor and the spread of one point of a curve."""
UNSURE_NATS = 0.5
"""Where the two bounds of MI part by more, the sample is too small to say how it rises."""
FORMAT = "ifp whole 1"
TABLES = ("mi", "derivative", "peaks", "steps", "joint_freezing_points", "joint_summary", "pressures")


def report_whole(
    folder: CodesFolder, outcome: Outcome, threshold: float, stages: StageProgress, *, width: str, as_json: bool
) -> None:
    """Write the tables and the figure and print them; raises NothingFroze when no latent took up information.

    Measuring takes longest, so that its tables are kept: the same codes are not measured again.
    """
    seeds = [seed for seed in outcome.finished if folder.status(seed) == FINISHED]
    if not seeds:
        raise IfpError("No network finished, so there is nothing to measure; try a smaller --learning-rate.")
    key = _key(folder, seeds, threshold)
    if not _measured(folder, key):
        _measure(folder, seeds, threshold, key, stages)
    found = {name: pd.read_csv(folder.path / f"{name}.csv") for name in TABLES}
    about = json.loads((folder.path / "whole.json").read_text())
    stages.update("Figures", 0, 1)
    from ifp.analysis.plot_joint import draw_joint

    figures = draw_joint(folder.path, width=width)
    stages.close()
    if as_json:
        names = ("peaks", "steps", "joint_freezing_points", "joint_summary", "pressures")
        rows = {name: json_rows(found[name]) for name in names}
        content = {
            "folder": str(folder.path),
            **outcome.to_json(),
            **about,
            **rows,
            "figures": [str(p) for p in figures],
        }
        click.echo(json.dumps(content, indent=2))
    else:
        _print(folder, found, about, seeds)
        for path in (*(folder.path / f"{name}.csv" for name in ("mi", "peaks", "pressures")), *figures):
            click.echo(path)
    last = found["mi"].groupby("seed").tail(1).filter(regex=r"^kl_nats_\d+$")
    if not (last >= threshold).to_numpy().any():
        raise NothingFroze(
            f"Nothing froze: no latent's KL reached {threshold:g} nats (largest {last.to_numpy().max():.3g}); lower "
            "--beta-min, or raise --steps."
        )


def measure_seconds(folder: CodesFolder) -> float:
    """What measuring the whole run would take, from one record of made-up codes on the run's sample."""
    sample, config = folder.sample, folder.config
    mean_ND = np.random.default_rng(0).standard_normal((len(sample.positions_NF), config.latents))
    started = time.perf_counter()
    _measure_record(sample.codes(mean_ND, np.full_like(mean_ND, -1.0)), config.seed)
    return (time.perf_counter() - started) * config.records * config.seeds


def _measure_record(codes: Codes, seed: int) -> tuple[dict[str, float | bool], Information | None]:
    parts = decompose_kl(codes, samples=SAMPLES, seed=seed)
    row: dict[str, float | bool] = {
        "mi_nats": parts.index_code_mi_nats,
        "mi_stderr_nats": parts.index_code_mi_stderr_nats,
        "mi_upper_nats": parts.index_code_mi_upper_nats,
        "cap_nats": parts.cap_nats,
        "near_cap": parts.near_cap,
        "total_correlation_nats": parts.total_correlation_nats,
        "dimwise_kl_nats": parts.dimwise_kl_nats,
    }
    kl_nats_D = codes.kl_nats_D()
    row |= {"kl_nats": float(kl_nats_D.sum())} | {f"kl_nats_{at}": float(kl) for at, kl in enumerate(kl_nats_D)}
    if not codes.has_factors:
        return row, None
    information = measure_information(
        codes, "posterior", permutations=PERMUTATIONS, bootstraps=BOOTSTRAPS, seed=seed
    )  # fmt: skip
    for rank in (1, 2):
        ordered_DF = np.sort(information.nmi_DF - information.floor_nmi_DF, axis=0)[::-1]
        ranked_F = ordered_DF[rank - 1] if len(ordered_DF) >= rank else np.zeros(ordered_DF.shape[1])
        row |= {f"nmi{rank}_{name}": float(nmi) for name, nmi in zip(codes.factor_names, ranked_F, strict=True)}
    return row, information


def _measure(folder: CodesFolder, seeds: list[int], threshold: float, key: str, stages: StageProgress) -> None:
    """Measure every record, find what the tables hold, and write them; whole.json last."""
    config = folder.config
    rows, tables, done = [], [], 0
    total = sum(len(folder.records.of_seed[seed]) for seed in seeds)
    for seed in seeds:
        kept: list[KeptCodes] = []
        information = []
        for record in folder.records.of_seed[seed]:
            kept.append(folder.kept_codes(seed, record.step))
            row, found = _measure_record(kept[-1].codes, config.seed)
            rows.append({"seed": seed, "step": record.step, "beta": kept[-1].beta, **row})
            information += [found] if found else []
            done += 1
            stages.update("Information (records)", done, total)
        beta_T = np.array([one.beta for one in kept])
        kl_nats_TD = np.stack([one.codes.kl_nats_D() for one in kept])
        names = kept[0].codes.factor_names
        table = joint_freezing_points(beta_T, kl_nats_TD, information, names, threshold_nats=threshold)
        tables.append(table.assign(seed=seed))
    mi = pd.DataFrame(rows)
    peaks = mi_peaks(
        mi.loc[mi["seed"] == seeds[0], "beta"].to_numpy(float),
        mi["mi_nats"].to_numpy(float).reshape(len(seeds), -1),
        generator=numpy_generator(config.seed, "joint"),
    )
    written = {
        "mi": mi,
        "derivative": peaks.curves(),
        "peaks": peaks.peaks,
        "steps": peaks.steps,
        "joint_freezing_points": pd.concat(tables, ignore_index=True),
        "joint_summary": summarize_joint(tables),
        "pressures": joint_pressures(peaks),
    }
    for name, table in written.items():
        write_csv(table, folder.path / f"{name}.csv")
    write_json(folder.path / "whole.json", _about(folder, seeds, peaks, mi, threshold, key))


def _about(
    folder: CodesFolder, seeds: list[int], peaks: MiPeaks, mi: pd.DataFrame, threshold: float, key: str
) -> dict[str, Any]:
    # of all images there are, MI is known; of a sample, only between two bounds
    all_images = len(folder.sample.positions_NF) < IMAGES
    unsure = (mi["mi_upper_nats"] - mi["mi_nats"] > UNSURE_NATS) & (not all_images)
    return {
        "format": FORMAT,
        "key": key,
        "seeds": seeds,
        "images": len(folder.sample.positions_NF),
        "all_images": all_images,
        "samples": SAMPLES,
        "threshold_nats": threshold,
        "cap_nats": float(mi["cap_nats"].iloc[0]),
        "unsure_below_beta": float(mi.loc[unsure, "beta"].max()) if unsure.any() else None,
        "half_width_ln_beta": peaks.half_width,
        "noise_nats": float(np.median(peaks.noise_nats_T)),
        "inflation": peaks.inflation,
        "versions": versions(),
    }


def _key(folder: CodesFolder, seeds: list[int], threshold: float) -> str:
    """Equal for equal codes measured alike."""
    found = hashlib.sha256(json.dumps([FORMAT, folder.config.digest(), seeds, threshold, SAMPLES]).encode())
    for seed in seeds:
        for record in folder.records.of_seed[seed]:
            path = folder.codes_path(seed, record.step)
            if path.is_file():
                found.update(path.read_bytes())
    return found.hexdigest()


def _measured(folder: CodesFolder, key: str) -> bool:
    """Whether the tables of these very codes are there."""
    if not all((folder.path / f"{name}.csv").is_file() for name in TABLES):
        return False
    try:
        return bool(json.loads((folder.path / "whole.json").read_text())["key"] == key)
    except (OSError, ValueError, KeyError, TypeError):  # a damaged file is one that is not there
        return False


def _print(folder: CodesFolder, found: dict[str, pd.DataFrame], about: dict[str, Any], seeds: list[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for name, title in (("peaks", "Peaks of -dMI/dbeta"), ("steps", "Steps of -2 dMI/dln(beta), latents at work")):
        if not len(found[name]):
            console.print(f"{title}: none above the noise")
            continue
        table = Table(title=f"{title}, the whole of {folder.config.dataset}", box=box.SIMPLE_HEAD)
        last = ("latents after",) if name == "steps" else ()
        for heading in ("beta", "95 % interval", "height", "noise level", *last):
            table.add_column(heading, justify="right")
        for _, row in found[name].iterrows():
            interval = f"{row['low']:.3g} to {row['high']:.3g}"
            more = [f"{row['latents_after']:.1f}"] if last else []
            table.add_row(f"{row['beta']:.3g}", interval, f"{row['value']:.3g}", f"{row['noise']:.2g}", *more)
        console.print(table)
    console.print(
        f"MI smoothed over +-{about['half_width_ln_beta']:.2g} in ln(beta); noise of MI {about['noise_nats']:.2g} nats "
        f"a record (mean of {len(seeds)} network{'s' if len(seeds) > 1 else ''})"
    )
    if len(seeds) == 1:
        console.print("One network: its slow wandering may pass for peaks and steps; --seeds 3 tells them apart.")
    if len(found["joint_summary"]):
        table = Table(
            title="Joint freezing points of the factors", box=box.SIMPLE_HEAD,
            caption="beta at which the largest NMI passes half of its value at the lowest beta; mean and range of "
            "networks",
        )  # fmt: skip
        for heading in ("factor", "joint IFP", "range", "networks"):
            table.add_column(heading, justify="left" if heading == "factor" else "right")
        for _, row in found["joint_summary"].iterrows():
            known = row["melted"] > 0
            table.add_row(
                str(row["factor"]),
                f"{row['beta_ifp']:.3g}" if known else "-",
                f"{row['lowest']:.3g} to {row['highest']:.3g}" if known else "",
                f"{row['melted']} of {row['seeds']}",
            )
        console.print(table)
    if len(found["pressures"]):
        betas = ", ".join(f"{beta:g}" for beta in found["pressures"]["beta"])
        console.print(f"Suggested DEFT pressures [{betas}], from the {found['pressures']['measure'].iloc[0]}")
    if about["unsure_below_beta"] is not None:
        console.print(
            f"Below beta {about['unsure_below_beta']:.3g} MI is known to no more than {UNSURE_NATS:g} nats: "
            f"{about['images']:,} images cap it at {about['cap_nats']:.3g}, so that it rises less there than the "
            "information on all images does."
        )
