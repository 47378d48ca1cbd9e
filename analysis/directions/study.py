"""`ifp.directions`: the rotation of a decoder's leading directions whose shifts change the shape of its images least.

Shapes: D latents, K directions, R batches, B codes of a batch, V random directions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.directions.result import DirectionsResult, Drawn
from ifp.checkpoints.encode_models import EncodeSettings, encode_models
from ifp.checkpoints.source import ReadingOptions, as_reading
from ifp.codes import ACTIVE_NATS, FEWEST_IMAGES
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.seeds import check_seed, numpy_generator
from ifp.system.checksums import may_trust
from ifp.system.devices import check_device
from ifp.system.progress import Progress, Say, silent, unsaid

RANDOM_DIRECTIONS = 8
"""Random directions that are measured beside those found."""
SETS = 3
"""Of batches: to search on, to choose among the ends of the search, and to measure on."""
FEWEST_CODES = 16
"""Fewest codes of a batch whose shape says anything."""
TOPOLOGIES = ("lite", "full")


@may_trust
def directions(
    model: str | Path | Callable[[Any], Any],
    dataset: str | FactorDataset | np.ndarray | None = None,
    *,
    latents: int = 0,
    count: int = 0,
    topology: str = "lite",
    steps: int = 60,
    restarts: int = 3,
    batch: int = 64,
    batches: int = 8,
    images: int = 2000,
    seed: int = 0,
    reading: ReadingOptions | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
    background: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    trust: bool = False,
) -> DirectionsResult:
    """Search for the orthogonal rotation of a decoder's leading directions that minimises the mean MinMax of a shift.

    A checkpoint's codes are drawn from the posteriors of the data set's images, a generator's from N(0, 1); a GAN's
    checkpoint has latents of N(0, 1) for its codes and, behind them, for its noise.

    Parameters
    ----------
    model : a checkpoint whose decoder can be read, or a generator: z [B, D], a float64 tensor, -> images [B, ...] that
        can be differentiated. dataset : of a checkpoint, what it was trained on. latents : D of a generator.
    count : directions to search among; 0 takes those along which images change by at least 1 % of the most, at most 10.
    topology : "lite" (minimum spanning trees), or "full" (loops, needs ripser), five to ten times slower.
    steps, restarts : of the search from the leading directions, and from so many random rotations.
    batch, batches : codes compared at a time; batches to search on, to choose the best end of the search on, and to
        measure on, so many of each.
    images : to encode. seed : of images, draws and rotations.
    trust : whether to believe files of runs that are not as they were written.

    Raises
    ------
    IfpError : a model without a decoder, one that is misread, or a setting that is not allowed.

    References
    ----------
    Balabin et al., Disentanglement learning via topology, ICML 2024; see `ifp.topology.directions`.
    """
    _check(topology, count=count, latents=latents, steps=steps, restarts=restarts, batch=batch, batches=batches)
    if images < FEWEST_IMAGES:
        raise bad_value("images", images, f"a whole number of at least {FEWEST_IMAGES}")
    check_seed(seed)
    where = check_device(device)
    from ifp.topology.directions import find_directions
    from ifp.topology.latents import direction_differences, random_directions

    kl_nats_D: np.ndarray | None = None
    noise = 0
    if isinstance(model, str | Path):
        name = Path(model).name
        record = _read(model, dataset, images, seed, reading, where, data_dir, background, progress, say)
        from ifp.checkpoints.decoding import decoder_of, drawn_latents

        vae, codes = record.choice.vae, record.codes
        decode, kl_nats_D = decoder_of(vae, where), codes.kl_nats_D()
        drawn_RBD = drawn_latents(vae, codes, batch, SETS * batches, seed)
        noise = drawn_RBD.shape[2] - codes.num_latents
        if vae.decoder is None:  # what Q holds of real images says nothing of what a generator does with its codes
            kl_nats_D = np.full(codes.num_latents, np.inf)
    else:
        if not callable(model):
            raise IfpError(f"A model is the path of a checkpoint or a generator z -> images, got {model!r}.")
        if latents < 1:
            raise bad_value("latents", latents, "the number of the generator's latents")
        name, decode = getattr(model, "__name__", type(model).__name__), model
        drawn_RBD = numpy_generator(seed, "topology", "codes").normal(size=(SETS * batches, batch, latents))
    if count > drawn_RBD.shape[2]:
        raise bad_value("count", count, f"at most the number of latents, {drawn_RBD.shape[2]}")
    search_RBD, choose_RBD, held_RBD = np.split(drawn_RBD, SETS)
    found = find_directions(
        decode, search_RBD, choose_RBD, count=count, topology=topology, steps=steps, restarts=restarts, seed=seed,
        device=where, progress=progress,
    )  # fmt: skip
    # random directions within the space of those found, and its own latents, for comparison
    span_KD = found.start_KD
    random_VD = random_directions(RANDOM_DIRECTIONS, len(span_KD), seed) @ span_KD
    axes = np.arange(drawn_RBD.shape[2]) if kl_nats_D is None else np.flatnonzero(kl_nats_D >= ACTIVE_NATS)
    axes_AD = np.eye(drawn_RBD.shape[2])[axes]
    groups = {"found": found.found_KD, "leading": span_KD, "latent": axes_AD, "random": random_VD}
    measured = {
        kind: direction_differences(decode, held_RBD, of_kind, topology=topology, device=where)
        for kind, of_kind in groups.items()
    }
    order = np.argsort(measured["found"].mean(axis=1), kind="stable")
    groups["found"], measured["found"] = groups["found"][order], measured["found"][order]
    pictures_of = {"found": groups["found"], "random": random_VD[:1]}
    return DirectionsResult(
        name=name,
        directions=groups,
        minmax=measured,
        latents=tuple(axes.tolist()),
        held_out_S=found.held_out_S,
        kept_start=found.kept_start,
        start_held_out=found.start_held_out,
        settings={
            "topology": topology, "steps": steps, "restarts": restarts, "batch": int(drawn_RBD.shape[1]),
            "batches": batches, "shift": 0.125, "seed": seed, "count": len(span_KD),
        },
        noise=noise,
        drawn=_pictures(decode, drawn_RBD, pictures_of, where),
    )  # fmt: skip


def _check(topology: str, **numbers: int) -> None:
    if topology not in TOPOLOGIES:
        raise unknown_name("topology", topology, TOPOLOGIES)
    if topology == "full":
        from ifp.topology.barcodes import require_ripser

        require_ripser()
    least = {"count": 0, "latents": 0, "steps": 1, "restarts": 0, "batch": FEWEST_CODES, "batches": 2}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least[name]:
            raise bad_value(name, value, f"a whole number of at least {least[name]}")


def _read(
    model: str | Path, dataset: str | FactorDataset | np.ndarray | None, images: int, seed: int,
    reading: ReadingOptions | None, device: str, data_dir: Path | None, background: Path | None,
    progress: Progress, say: Say,
) -> Any:  # fmt: skip
    """The last checkpoint of a path, on images of the data set."""
    if dataset is None:
        raise IfpError("A checkpoint's codes are drawn from images: name the data set that it was trained on.")
    runs, _ = encode_models(
        [model], dataset,
        EncodeSettings(images=images, seed=seed, reading=as_reading(reading), device=device),
        data_dir=data_dir, background=background, progress=progress, say=say,
    )  # fmt: skip
    record = runs[0].last
    generates = record.choice is not None and record.choice.vae.generator is not None
    if record.doubts and not generates:  # they are about the encoder, whose codes a generator does not see
        raise IfpError(f"{model} is not searched: {record.doubts[0]}")
    if record.choice is None or not record.choice.vae.draws:
        raise IfpError(f"The decoder of {model} could not be read, and directions are those of a decoder.")
    return record


def _pictures(decode: Callable[[Any], Any], drawn_RBD: np.ndarray, wanted: dict[str, np.ndarray], device: str) -> Drawn:
    """What the decoder draws as a code of the middle moves along each direction."""
    from ifp.topology.traversals import direction_traversals

    scale_D = drawn_RBD.reshape(-1, drawn_RBD.shape[2]).std(axis=0)
    start_D = np.median(drawn_RBD.reshape(-1, drawn_RBD.shape[2]), axis=0)
    images, values_T = {}, np.empty(0)
    for kind, of_kind in wanted.items():
        images[kind], values_T = direction_traversals(decode, start_D, of_kind, scale_D, device)
    return Drawn(images, values_T)
