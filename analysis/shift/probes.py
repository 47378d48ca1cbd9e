"""One probe of `ifp.shift`: made, or read from the folder of an earlier call that was cut short."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifp.analysis.information.intervals import RECORD_PERMUTATIONS
from ifp.analysis.information.per_latent import Information, measure_information
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.vae import Vae
from ifp.datasets.own_arrays import FLOAT, TEXT, Declared, read_own_arrays
from ifp.errors import IfpError
from ifp.system.files import whole_file
from ifp.system.progress import Progress
from ifp.training.probe import ProbeConfig, ProbeTrace, probe

FOLDER = "probes"
"""Name of the folder, inside that of the results, which holds one file per probed model."""
BOOTSTRAPS = 50
"""Resamples that estimate the spread of the information at one record of a probe."""
_NAMES = ("beta", "mean", "logvar", "recon")
_ARRAYS = {
    "beta": Declared(FLOAT, "T", low=0, finite=True),
    "mean": Declared(FLOAT, "TND"),
    "logvar": Declared(FLOAT, "TND"),
    "recon": Declared(FLOAT, "T"),
    "key": Declared(TEXT, ""),
}
"""The arrays of a probe's file."""


@dataclass(frozen=True, eq=False)
class ProbedModel:
    """One model to probe.

    Attributes
    ----------
    side : "baseline" or "mitigated". number : its place on that side, from 0.
    path : its checkpoint, or the folder of its checkpoints.
    """

    side: str
    number: int
    path: Path
    vae: Vae


@dataclass(frozen=True, eq=False)
class Probe:
    """A finished probe.

    Attributes
    ----------
    name : of its file: the model's side and number.
    key : a digest of the settings, of the data and of the bytes of the model's file.
    """

    name: str
    key: str
    trace: ProbeTrace

    def write(self, out: Path) -> None:
        """Write it into a folder of results, whole or not at all, unless it is there already."""
        path = _file(out, self.name)
        if _read(path, self.key) is not None:
            return
        trace = self.trace
        with whole_file(path) as partial:
            np.savez_compressed(
                partial, beta=trace.beta_T, mean=trace.mean_TND, logvar=trace.logvar_TND, recon=trace.recon_nats_T,
                key=self.key,
            )  # fmt: skip


def probe_or_read(
    model: ProbedModel,
    train: Sample,
    fixed: Sample,
    config: ProbeConfig,
    *,
    out: Path | None,
    device: str,
    progress: Progress,
) -> Probe:
    """The probe of one model: read from `out` if the same one was finished there, else made, and written there.

    Parameters
    ----------
    train : the images to train on. fixed : the images whose posteriors are recorded.
    out : the folder of the results; None reads and writes nothing.
    """
    text, name = f"probe of {model.side} {model.number}", f"{model.side}-{model.number}"
    progress(text, 0, config.steps)
    key = _key(model, train, fixed, config)
    if out is not None and (stored := _read(_file(out, name), key)) is not None:
        return Probe(name, key, stored)
    trace = probe(
        model.vae, train.images_NCHW, fixed.images_NCHW, config, device=device,
        progress=lambda _, done, total: progress(text, done, total),
    )  # fmt: skip
    done = Probe(name, key, trace)
    if out is not None:
        done.write(out)
    return done


def measure_probe(trace: ProbeTrace, fixed: Sample, seed: int, progress: Progress) -> list[Information]:
    """The information of latents on factors at each record of a trace."""
    measured = []
    for record, (mean_ND, logvar_ND) in enumerate(zip(trace.mean_TND, trace.logvar_TND, strict=True)):
        codes = fixed.codes(mean_ND, logvar_ND)
        measured.append(
            measure_information(codes, "posterior", permutations=RECORD_PERMUTATIONS, bootstraps=BOOTSTRAPS, seed=seed)
        )
        progress("information", record + 1, len(trace.beta_T))
    return measured


def _file(out: Path, name: str) -> Path:
    return out / FOLDER / f"{name}.npz"


def _read(path: Path, key: str) -> ProbeTrace | None:
    """The stored trace if it was made from the same model, images and settings; a damaged file counts as missing."""
    if not path.is_file():
        return None
    try:
        arrays = read_own_arrays(path, _ARRAYS, "run the same `ifp shift` command again")
        if str(arrays["key"]) == key:
            return ProbeTrace(*(arrays[name] for name in _NAMES))
    except (IfpError, KeyError):
        pass
    return None


def _key(model: ProbedModel, train: Sample, fixed: Sample, config: ProbeConfig) -> str:
    settings = f"{config} {train.dataset.checksum()} {len(train.images_NCHW)} {len(fixed.images_NCHW)}"
    source = locate(model.path).files[-1].path.read_bytes()
    return hashlib.sha256(settings.encode() + source).hexdigest()
