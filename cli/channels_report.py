"""What `ifp channels` writes and says: tables, files and figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from ifp.analysis.channels.results import Results, channel_table, plain, write_results
from ifp.checkpoints.posteriors import Sample
from ifp.cli.channels_tables import print_results
from ifp.cli.channels_work import Found, Settings
from ifp.cli.progress import StageProgress
from ifp.fingerprints.estimates import Estimate, Ratio
from ifp.fingerprints.monte_carlo import DRAWS
from ifp.formats import BETA_CONVENTION
from ifp.system.versions import versions


def report(
    found: Found,
    settings: Settings,
    out: Path,
    stages: StageProgress,
    *,
    width: str,
    formats: Sequence[str],
    as_json: bool,
) -> None:
    """Write results and figures into `out`, and print them."""
    results = make_results(found, settings)
    paths = write_results(results, out)
    if formats:
        from ifp.analysis.channels.plot_results import draw_results

        stages.update("figures", 0, 1)
        paths += draw_results(out, width=width, formats=formats)
    stages.close()
    for note in (*found.ensemble.notes, *found.notes):
        stages.say(note)
    if as_json:
        click.echo(json.dumps(plain({"folder": out, **results.content()}), indent=2))
        return
    print_results(results)
    click.echo(f"Results and figures in {out} ({len(paths)} files).")


def make_results(found: Found, settings: Settings) -> Results:
    """What is written."""
    models, similarity = found.ensemble.models, found.comparison.similarity
    tables = {
        "models": _models(found),
        "channels": channel_table(
            similarity,
            [model.name for model in models],
            betas=[model.beta for model in models],
            dropped=found.comparison.dropped,
            dropped_bits=found.comparison.dropped_bits,
            hotspots=found.hotspots,
            freezing=found.channel_points,
        ),
        "freezing": found.channel_points,
    }
    if found.hotspots is not None and found.stability_H2 is not None:
        mean_H, low_H = found.stability_H2.T
        tables["hotspots"] = found.hotspots.table().assign(stability=mean_H, stability_low=low_H)
    if found.hotspot_points is not None:
        tables["hotspot_freezing"] = found.hotspot_points
    if found.spaces is not None:
        tables["spaces"] = _spaces(found)
    return Results(similarity, found.hotspots, tables, found.map, found.traversals or {}, _about(found, settings))


def _models(found: Found) -> pd.DataFrame:
    """One row a model: where it came from, and how much its channels hold."""
    similarity = found.comparison.similarity
    of_C = np.array([channel.model for channel in similarity.channels])
    rows: list[dict[str, Any]] = []
    for at, (model, origin) in enumerate(zip(found.ensemble.models, found.ensemble.origins, strict=True)):
        row: dict[str, Any] = {
            "model": model.name,
            "level": model.level,
            "beta": np.nan if model.beta is None else model.beta,
            "step": pd.NA if origin.step is None else origin.step,
            "latents": model.codes.num_latents,
            "live_channels": int((of_C == at).sum()),
            "most_bits": similarity.information_bits_C[of_C == at].max(initial=0.0),
            "kl_nats": model.codes.kl_nats_D().sum(),
            "trace": model.trace is not None,
            "family": origin.family,
            "likelihood": origin.likelihood,
            "file": "" if origin.file is None else str(origin.file.path),
        }
        if found.spaces is not None:
            estimate = found.spaces.information[at]
            row |= {"information_bits": estimate.bits, "information_error_bits": estimate.error_bits}
        rows.append(row)
    return pd.DataFrame(rows).astype({"step": "Int64"})


def _spaces(found: Found) -> pd.DataFrame:
    """One row a pair of models: NMI and VI of their whole latent spaces, Monte Carlo with standard errors.

    They are missing where one of the two is saturated, unless the points are all images that there are.
    """
    assert found.spaces is not None
    models, sample = found.ensemble.models, found.ensemble.sample
    saturated_E = found.spaces.saturated_E & (sample is None or found.spaces.images < sample.dataset.num_images)
    rows = []
    for first in range(len(models)):
        for second in range(first + 1, len(models)):
            pair = found.spaces.pair(first, second)
            saturated = bool(saturated_E[first] or saturated_E[second])
            nmi = Ratio(np.nan, np.nan) if saturated else pair.nmi
            vi = Estimate(np.nan, np.nan) if saturated else pair.vi
            rows.append(
                {
                    "first": models[first].name,
                    "second": models[second].name,
                    "saturated": saturated,
                    "nmi": nmi.value,
                    "nmi_error": nmi.error,
                    "vi_bits": vi.bits,
                    "vi_error_bits": vi.error_bits,
                    "joint_bits": pair.joint.bits,
                    "joint_error_bits": pair.joint.error_bits,
                }
            )
    columns = (
        "first", "second", "saturated", "nmi", "nmi_error", "vi_bits", "vi_error_bits",
        "joint_bits", "joint_error_bits",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))


def _about(found: Found, settings: Settings) -> dict[str, Any]:
    """What the numbers rest on."""
    comparison = found.comparison
    return {
        "dataset": _about_data(found.ensemble.sample, settings),
        "settings": {
            "points": settings.points,
            "by": settings.by,
            "group_size": settings.group_size,
            "distance": settings.distance,
            "min_samples": settings.min_samples,
            "along_training": settings.along_training,
            "betas": list(settings.betas),
            "threshold_nats": settings.threshold,
            "seed": settings.seed,
            "reading": dataclasses.asdict(settings.reading),
            "monte_carlo_draws": DRAWS if found.spaces is not None else None,
        },
        "dropped": [
            {"name": channel.name, "information_bits": float(bits)}
            for channel, bits in zip(comparison.dropped, comparison.dropped_bits, strict=True)
        ],
        "notes": [*found.ensemble.notes, *found.notes],
        "convention": BETA_CONVENTION,
        "versions": versions(),
    }


def _about_data(sample: Sample | None, settings: Settings) -> dict[str, Any]:
    if sample is None:
        return {"name": "codes given as arrays", "files": [str(path) for path in settings.codes]}
    dataset = sample.dataset
    return {
        "name": dataset.name,
        "checksum": dataset.checksum(),
        "image_shape": list(dataset.image_shape),
        "images": int(dataset.num_images) if np.isfinite(dataset.num_images) else None,
        "factor_names": list(dataset.space.names) if dataset.labelled else [],
    }
