"""The work of `ifp shift`: probe every model, find melting points, pair them, write and print."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from ifp.analysis.information.per_latent import Information, measure_information
from ifp.analysis.shift.melting import FEWEST_PAIRS, melting_points, shifts
from ifp.analysis.tables import json_rows, whole_file, write_csv
from ifp.annealing.folder import BETA_CONVENTION, write_json
from ifp.checkpoints.encoded_runs import read_model
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.cli.own_data import open_dataset
from ifp.cli.printing import stdout_console
from ifp.cli.progress import StageProgress
from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError
from ifp.system.versions import versions
from ifp.training.probe import ProbeConfig, ProbeTrace, probe

PERMUTATIONS, BOOTSTRAPS = 20, 50
"""Of each record: the floor and the spread of one point of a curve."""
HIGHEST_BETA, RANGE = 300.0, 50.0


@dataclass(frozen=True, eq=False)
class Model:
    """One model to probe: of which side, which of its seeds, and the model."""

    side: str
    number: int
    path: Path
    vae: Vae


def run_shift(baseline: Path, mitigated: Path, out: Path, stages: StageProgress, **options: Any) -> None:
    """Probe both sides alike and report; see `ifp shift --help` for the options."""
    places = {"baseline": _seeds(baseline), "mitigated": _seeds(mitigated)}
    if len(places["baseline"]) != len(places["mitigated"]):
        counts = " and ".join(f"{len(found)} {side}" for side, found in places.items())
        raise IfpError(f"Models are paired by seed; {counts} models do not pair, give runs of equally many seeds.")
    dataset = open_dataset(options["dataset"], data_dir=options["data_dir"], stages=stages)
    if not dataset.labelled:
        raise IfpError(f"{dataset.name} has no factors, so no factor's melting point can be measured; add labels.")
    train = draw_sample(dataset, options["images"], options["seed"], stages.update)
    fixed = draw_sample(dataset, options["fixed_images"], options["seed"] + 1, stages.update)
    models = [
        Model(side, number, path, _load(path, fixed, options["device"]))
        for side, found in places.items()
        for number, path in enumerate(found)
    ]
    config = _config(models, options)
    tables: dict[str, list[pd.DataFrame]] = {"baseline": [], "mitigated": []}
    for model in models:
        stages.update(f"probe of {model.side} {model.number}", 0, config.steps)
        trace = _probe_or_read(model, train, fixed, config, out, options["device"], stages)
        information = _information(trace, fixed, options["seed"], stages)
        table = melting_points(
            trace.beta_T, trace.kl_nats_TD, information, dataset.space.names, threshold_nats=options["threshold"]
        )
        tables[model.side].append(table)
    stages.close()
    melting = pd.concat(
        [
            table.assign(side=side, number=number)
            for side, found in tables.items()
            for number, table in enumerate(found)
        ],
        ignore_index=True,
    )
    moved = shifts(tables["baseline"], tables["mitigated"])
    write_csv(melting, out / "melting.csv")
    write_csv(moved, out / "shifts.csv")
    about = {
        "format": "ifp shift 1",
        "baseline": str(baseline),
        "mitigated": str(mitigated),
        "probe": dataclasses.asdict(config),
        "threshold_nats": options["threshold"],
        "dataset": {"name": dataset.name, "checksum": dataset.checksum(), "image_shape": dataset.image_shape},
        "models": [
            {"side": m.side, "path": str(m.path), "likelihood": m.vae.likelihood, "beta": m.vae.beta} for m in models
        ],
        "convention": BETA_CONVENTION,
        "versions": versions(),
    }
    write_json(out / "shift.json", about | {"shifts": json_rows(moved), "melting": json_rows(melting)})
    from ifp.analysis.shift.plot_shift import draw_shift

    paths = draw_shift(out, width=options["width"])
    if options["as_json"]:
        click.echo((out / "shift.json").read_text())
        return
    _print(moved, melting, config)
    for path in (out / "shifts.csv", out / "melting.csv", *paths):
        click.echo(path)


def _seeds(run: Path) -> list[Path]:
    """The models of a run with several seeds, in their order; else the run itself."""
    inner = sorted(run.glob("seed-*"), key=lambda path: (len(path.name), path.name)) if run.is_dir() else []
    found = [path for path in inner if path.is_dir()] or [run]
    for path in found:
        locate(path)  # a path that leads nowhere is told before anything is compared or computed
    return found


def _load(path: Path, fixed: Sample, device: str) -> Vae:
    vae = read_model(path, fixed, ReadingOptions(), device)
    if vae.decoder is None:
        raise IfpError(f"The decoder of {path} could not be read, and the probe trains the whole model; give another.")
    return vae


def _config(models: Sequence[Model], options: dict[str, Any]) -> ProbeConfig:
    if len({model.vae.likelihood for model in models}) > 1:
        raise IfpError(
            "The models have different likelihoods, so their betas do not compare; give models trained alike."
        )
    known = [model.vae.beta for model in models if model.vae.beta]
    low = options["beta_min"] if options["beta_min"] is not None else min(known, default=1.0)
    high = options["beta_max"] if options["beta_max"] is not None else max(HIGHEST_BETA, RANGE * low)
    return ProbeConfig(
        direction=options["direction"], low=low, high=high, seed=options["seed"],
        **{name: options[name] for name in ("steps", "hold_steps", "records", "batch", "learning_rate")},
    )  # fmt: skip


def _probe_or_read(
    model: Model, train: Sample, fixed: Sample, config: ProbeConfig, out: Path, device: str, stages: StageProgress
) -> ProbeTrace:
    """The model's trace, from an earlier run of the same command if it is there."""
    path = out / "probes" / f"{model.side}-{model.number}.npz"
    source = locate(model.path).files[-1].path.read_bytes()
    settings = f"{config} {train.dataset.checksum()} {len(train.images_NCHW)} {len(fixed.images_NCHW)}"
    key = hashlib.sha256(settings.encode() + source).hexdigest()
    names = ("beta", "mean", "logvar", "recon")
    if path.is_file():
        try:
            arrays = read_arrays(path, (*names, "key"))
            if str(arrays["key"]) == key:
                return ProbeTrace(*(arrays[name] for name in names))
        except (IfpError, KeyError):  # a damaged file is one that is not there
            pass
    trace = probe(
        model.vae, train.images_NCHW, fixed.images_NCHW, config, device=device,
        progress=lambda text, done, total: stages.update(f"probe of {model.side} {model.number}", done, total),
    )  # fmt: skip
    with whole_file(path) as partial:
        np.savez_compressed(
            partial, beta=trace.beta_T, mean=trace.mean_TND, logvar=trace.logvar_TND, recon=trace.recon_nats_T, key=key
        )
    return trace


def _information(trace: ProbeTrace, fixed: Sample, seed: int, stages: StageProgress) -> list[Information]:
    found = []
    for at, (mean_ND, logvar_ND) in enumerate(zip(trace.mean_TND, trace.logvar_TND, strict=True)):
        codes = fixed.codes(mean_ND, logvar_ND)
        found.append(
            measure_information(codes, "posterior", permutations=PERMUTATIONS, bootstraps=BOOTSTRAPS, seed=seed)
        )
        stages.update("information", at + 1, len(trace.beta_T))
    return found


def _print(moved: pd.DataFrame, melting: pd.DataFrame, config: ProbeConfig) -> None:
    from rich import box
    from rich.table import Table

    console = stdout_console()
    table = Table(
        title=f"Melting points of factors in the trained models, probe {config.direction} from beta {config.low:g} "
        f"to {config.high:g}",
        caption="beta at which the largest NMI passes half of its value at the lowest beta; compare only probes from "
        "the same beta; 95 % intervals over pairs of seeds",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("factor", "pairs", "baseline", "mitigated", "shift", "", "ratio", "", "censored pairs", "says"):
        table.add_column(heading, justify="left" if heading in ("factor", "says") else "right")
    for _, row in moved.iterrows():
        says = f"too few pairs to tell (under {FEWEST_PAIRS})"
        if row["within_noise"] is not None:
            says = "within noise" if row["within_noise"] else "shifted"
        numbers = [_number(row["baseline"]), _number(row["mitigated"])]
        for measure in ("shift", "ratio"):
            numbers += [_number(row[measure]), _interval(row[f"{measure}_low"], row[f"{measure}_high"])]
        table.add_row(str(row["name"]), str(row["pairs"]), *numbers, str(row["censored"]), says)
    console.print(table)
    counts = melting[melting["kind"] == "factor"]["status"].value_counts()
    console.print(
        ", ".join(f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items()), soft_wrap=True
    )


def _number(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"


def _interval(low: float, high: float) -> str:
    return "" if not np.isfinite(low) else f"({low:.3g} to {high:.3g})"
