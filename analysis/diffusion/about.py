"""What the numbers of a diagnosis rest on, for diagnosis.json: the checkpoint, its reading, the images, the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ifp.analysis.diffusion.how_read import about_tests
from ifp.analysis.metrics import Score
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.run_records import RECONSTRUCTION_COST_IMAGES, Record, Run
from ifp.datasets.regime import shared_nats
from ifp.formats import BETA_CONVENTION
from ifp.system.versions import versions


def about_run(run: Run, sample: Sample | None, seed: int, scores: Mapping[str, tuple[Score, float]]) -> dict[str, Any]:
    """Everything that decided the numbers of a run, as far as JSON can hold it.

    Parameters
    ----------
    sample, seed : the images that were encoded and the seed that drew them; None for codes that came as arrays.
    scores : metric -> its score and the seconds that it took.
    """
    data: dict[str, Any] = {"name": run.last.reader or "codes given as arrays", "each row": run.last.codes.unit}
    if sample is not None:
        dataset = sample.dataset
        data = {
            "name": dataset.name,
            "checksum": dataset.checksum(),
            "image_shape": dataset.image_shape,
            "images": len(sample.images_NCHW),
            "seed": seed,
            **_regime(sample),
        }
    return {
        "run": run.name,
        "checkpoint": _about_checkpoint(run.last),
        "series": [{"label": record.label, "step": record.step} for record in run.records],
        "dataset": data,
        "metrics": {
            name: {
                **score.numbers(),
                "settings": dict(score.settings),
                "reason": score.reason,
                "seconds": round(seconds, 2),
            }
            for name, (score, seconds) in scores.items()
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
            "images": min(len(record.codes), RECONSTRUCTION_COST_IMAGES),
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
        **({} if vae.code_bounds is None else {"code_bounds_nats": list(vae.code_bounds())}),
        **about_tests(record),
    }
