"""A model on images of another regime than the one that it was read on.

What a file leaves open, and whether the images are those of training, is told by images that are all alike: under
correlated factors the aggregated posterior is not the one that training made, and every test of it would fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from ifp.checkpoints.encoded_runs import read_run
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import Sample, draw_regime, draw_sample, encode_images, reconstruction_nats
from ifp.checkpoints.run_records import RECONSTRUCTION_COST_IMAGES, Run
from ifp.checkpoints.source import ReadingOptions
from ifp.datasets.base import FactorDataset
from ifp.datasets.correlated import Pair
from ifp.datasets.regime import correlated_sampler
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

READING_IMAGES = 2500
"""Number of uncorrelated images on which a model is read and tested before it sees the correlated ones."""


def read_correlated(
    path: Path | str,
    dataset: FactorDataset,
    pairs: Sequence[Pair],
    *,
    inverse: bool = False,
    images: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    options: ReadingOptions | None = None,
) -> Run:
    """The model at `path`, of a series the last, with its codes of `images` images whose factors are correlated.

    The evaluation of Almudevar et al. (2024, arXiv 2408.07016): trained on all images alike, scored under a
    correlation. Images are drawn with replacement; see `ifp.datasets.correlated` for pairs, sigma and inverse.

    Raises
    ------
    IfpError : a data set without factors, an unknown factor, a sigma out of range; see `locate` and `read_run`.
    """
    sampler = correlated_sampler(dataset, pairs, inverse)
    plain = draw_sample(dataset, READING_IMAGES, seed, silent)
    run = read_run(locate(Path(path)), plain, options or ReadingOptions(), device, seed=seed, progress=silent)
    return under_regime(run, draw_regime(dataset, sampler, images, seed, silent), device, seed=seed, progress=silent)


def under_regime(run: Run, sample: Sample, device: str, *, seed: int, progress: Progress) -> Run:
    """The last record of `run` on another sample: the model as it was read, its codes and reconstruction anew.

    Raises
    ------
    IfpError : the last record has no model.
    """
    last = run.last
    if last.choice is None:
        raise IfpError(f"{run.name} has no model that could encode other images; name a checkpoint.")
    vae, target = last.choice.vae.to(torch.device(device)), torch.device(device)
    codes = sample.codes(*encode_images(vae.encode, sample.images_NCHW, target, progress))
    cost = None
    if vae.decoder is not None:
        cost = reconstruction_nats(vae, sample.images_NCHW[:RECONSTRUCTION_COST_IMAGES], codes, target, seed, progress)
    return Run(run.name, (dataclasses.replace(last, codes=codes, reconstruction_nats=cost, plain_codes=last.codes),))
