"""What `ifp diagnose` writes and says: tables, verdict, how the model was read, files and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from ifp.analysis.diffusion.models_sentence import models_sentence
from ifp.analysis.diffusion.results import Results, make_results, write_results
from ifp.analysis.metrics import udr
from ifp.analysis.tables import json_rows, whole_file, write_csv
from ifp.annealing.folder import BETA_CONVENTION
from ifp.checkpoints.encoded_runs import RECONSTRUCTED_IMAGES, Record, latent_traversals
from ifp.checkpoints.posteriors import Sample
from ifp.cli.diagnose_doubts import without_verdict
from ifp.cli.diagnose_reading import about_tests
from ifp.cli.diagnose_runs import Diagnosed, RunSettings
from ifp.cli.diagnose_tables import print_diagnosis, print_runs
from ifp.cli.progress import StageProgress
from ifp.datasets.regime import shared_nats
from ifp.errors import IfpError
from ifp.system.versions import versions


def report(
    diagnosed: Sequence[Diagnosed],
    sample: Sample | None,
    settings: RunSettings,
    out: Path,
    stages: StageProgress,
    *,
    width: str,
    formats: Sequence[str],
    as_json: bool,
) -> None:
    """Write every run's results and figures under `out`, and print them.

    One run, or the second of two with its comparison to the first, lies in `out` itself; the others in folders in it.
    """
    contents, files = [], []
    folders = _folders(diagnosed, out)
    for at, (found, folder) in enumerate(zip(diagnosed, folders, strict=True)):
        stages.update("figures", at, len(diagnosed))
        results = make_results(
            found.last,
            series=found.series,
            comparison=found.comparison,
            about=_about(found, sample, settings),
            instead=without_verdict(*[one.run for one in (diagnosed if found.comparison else [found])]),
        )
        files += write_results(results, folder)
        _write_traversals(found.run.last, folder, settings.device)
        if formats:
            from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

            files += draw_diagnosis(folder, width=width, formats=formats)
        contents.append(results)
    if formats and len(diagnosed) > 1:
        from ifp.analysis.diffusion.plot_diagnosis import draw_models

        files += draw_models(folders, out / "figures", width=width, formats=formats)
    runs = _runs_table(diagnosed)
    sentence = models_sentence([found.run.name for found in diagnosed], [found.last for found in diagnosed])
    if len(diagnosed) > 1:
        write_csv(runs, out / "runs.csv")
        files.append(out / "runs.csv")
    stages.close()
    if as_json:
        _print_json(contents, runs, folders, sentence)
        return
    for found, results in zip(diagnosed, contents, strict=True):
        print_diagnosis(found, results)
    if len(diagnosed) > 1:
        print_runs(runs, sentence)
    click.echo(f"Results and figures in {out} ({len(files)} files).")


def _folders(diagnosed: Sequence[Diagnosed], out: Path) -> list[Path]:
    if len(diagnosed) == 1:
        return [out]
    if len(diagnosed) == 2:
        return [out / "a", out]
    return [out / f"{at}-{Path(found.run.name).name}" for at, found in enumerate(diagnosed, start=1)]


def _print_json(contents: Sequence[Results], runs: pd.DataFrame, folders: Sequence[Path], sentence: str) -> None:
    whole = {str(folder): results.content for folder, results in zip(folders, contents, strict=True)}
    single = contents[0].content | {"folder": str(folders[0])}
    several = {"summary": sentence, "runs": json_rows(runs), "diagnoses": whole}
    click.echo(json.dumps(single if len(contents) == 1 else several, indent=2))


def _about(found: Diagnosed, sample: Sample | None, settings: RunSettings) -> dict[str, Any]:
    """What the numbers rest on."""
    last = found.run.last
    data: dict[str, Any] = {"name": "codes given as arrays"}
    if sample is not None:
        dataset = sample.dataset
        data = {
            "name": dataset.name,
            "checksum": dataset.checksum(),
            "image_shape": dataset.image_shape,
            "images": len(sample.images_NCHW),
            "seed": settings.seed,
            **_regime(sample),
        }
    return {
        "run": found.run.name,
        "checkpoint": _about_checkpoint(last),
        "series": [{"label": record.label, "step": record.step} for record in found.run.records],
        "dataset": data,
        "metrics": {
            name: {
                **score.numbers(),
                "settings": dict(score.settings),
                "reason": score.reason,
                "seconds": round(seconds, 2),
            }
            for name, (score, seconds) in found.scores.items()
        },
        "convention": BETA_CONVENTION,
        "versions": versions(),
    }


def _regime(sample: Sample) -> dict[str, Any]:
    """How correlated factors were drawn, and how many of the images are different; nothing where all are alike."""
    if not sample.regime:
        return {}
    space, pairs = sample.dataset.space, sample.regime["pairs"]
    shared = [shared_nats(sample.positions_NF, space.index_of(a), space.index_of(b)) for a, b, _ in pairs]
    different = len(np.unique(sample.positions_NF, axis=0))
    return {"regime": {**sample.regime, "shared_nats": shared}, "different_images": different}


def _about_checkpoint(record: Record) -> dict[str, Any]:
    about: dict[str, Any] = {"label": record.label, "step": record.step, "reader": record.reader}
    if record.reconstruction_nats is not None:
        mean, error = record.reconstruction_nats
        about["reconstruction_nats"] = {
            "value": mean,
            "standard_error": error,
            "images": min(len(record.codes), RECONSTRUCTED_IMAGES),
        }
    if record.choice is None:
        return about
    vae = record.choice.vae
    return about | {
        "family": vae.family,
        "container": record.container,
        "image_shape": vae.image_shape,
        "latents": vae.num_latents,
        "likelihood": vae.likelihood,
        "beta": vae.beta,
        "assumptions": [
            {"what": entry.what, "value": entry.value, "source": entry.source} for entry in vae.assumptions
        ],
        "unused_arrays": list(vae.unused),
        **about_tests(record),
    }


def _write_traversals(record: Record, folder: Path, device: str) -> None:
    """traversals.npz, from which the figure is drawn; removed where this model has no decoder."""
    path = folder / "traversals.npz"
    if record.choice is None or record.choice.vae.decoder is None:
        path.unlink(missing_ok=True)
        return
    start_D = record.codes.mean_ND[0]
    images, values = latent_traversals(record.choice.vae, start_D, device)
    with whole_file(path) as partial:
        np.savez_compressed(partial, images=images.astype(np.float32), values=values, start=start_D)


def _runs_table(diagnosed: Sequence[Diagnosed]) -> pd.DataFrame:
    """One row a run: KL, active latents, mean NMI1 and NMI2, metrics, and UDR where there are several models."""
    rows = []
    scores = _udr(diagnosed)
    for found, agreement in zip(diagnosed, scores, strict=True):
        total, low, high = found.last.total_kl_nats()
        row: dict[str, Any] = {
            "run": found.run.name,
            "kl_nats": total,
            "kl_low": low,
            "kl_high": high,
            "active": int((found.last.latent_rows()["status"] == "active").sum()),
            "latents": found.last.num_latents,
        }
        if found.last.information:
            factors = found.last.factor_rows()
            row |= {
                "nmi1": factors["nmi1"].mean(),
                "nmi2": factors["nmi2"].mean(),
                "carriers": factors["carriers"].mean(),
            }
        if found.run.last.reconstruction_nats is not None:
            row["reconstruction_nats"] = found.run.last.reconstruction_nats[0]
        row |= {name: score.value for name, (score, _) in found.scores.items()}
        rows.append(row | {"udr": agreement})
    return pd.DataFrame(rows)


def _udr(diagnosed: Sequence[Diagnosed]) -> list[float]:
    """UDR of each model among the others; NaN for one alone or where it is not defined."""
    if len(diagnosed) < 2:
        return [float("nan")] * len(diagnosed)
    codes = [found.run.last.codes for found in diagnosed]
    try:
        score = udr([code.mean_ND for code in codes], [code.kl_nats_D() for code in codes])
    except IfpError:
        return [float("nan")] * len(diagnosed)
    return [float(value) for value in score.score_M]
