"""From a checkpoint file to the model in it: read, unwrap, recognise, rebuild, and choose among the ways to read it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.folders.pieces import read_pieces
from ifp.checkpoints.open_model import open_model
from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.preference import better_factor, is_better, is_open
from ifp.checkpoints.readings.reading import Reading
from ifp.checkpoints.readings.rivals import (
    CHANGEABLE,
    Rebuild,
    changes,
    described,
    is_stated,
    layouts,
    shortlist,
    transferred,
    variances,
)
from ifp.checkpoints.readings.verdicts import Choice, laplace_latents, told
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import LAPLACE, Assumption, Vae
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

EXPLAINED_MARGIN = 0.001
"""Readings whose reconstructions explain shares that differ by less are not told apart by them."""
MARGIN = 0.02
"""Nor by their moments, if their deviations differ by less than this."""
SURE_DRAWN, SURE_DEVIATION = 0.8, 0.15
"""A reading whose draws save more and whose moments are nearer is not compared with other heads and activations."""
_EXPECTED = 50
"""Encodings and decodings of one choice, about."""
_CHANGES = 2
"""A fork may have changed so many of head, activation and scaling."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The ways in which one file can be read, the most likely first.

    Attributes
    ----------
    rebuild : the file's models with another activation; None where there is no file.
    settings : of training, out of the file and beside it.
    """

    file: CheckpointFile
    family: str
    container: str
    reader: str
    step: int | None
    vaes: tuple[Vae, ...]
    rebuild: Rebuild | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def load_candidates(file: CheckpointFile, options: ReadingOptions) -> Candidates:
    """Read `file` without running anything of it, and rebuild its model in every way that the weights allow.

    Raises
    ------
    IfpError : a file that is damaged, hostile, of no known family, or whose arrays do not fit together.
    """
    contents = read_pieces(file.path, file.pieces) if file.pieces else read_contents(file.path)
    opened = open_model(contents, file.config, options)
    source, family = opened.source, opened.family
    vaes = [vae.ending_in_logits() for vae in opened.vaes]
    if options.stage is not None and not any(entry.what == "stage" for vae in vaes for entry in vae.assumptions):
        raise IfpError(f"{file.path} is of {family.title}, whose models have no stages; leave --stage out.")
    step = source.step if source.step is not None else file.step_from_name

    def rebuild(activation: str) -> Sequence[Vae]:
        built = family.build(source, dataclasses.replace(options, activation=activation))
        return [vae.ending_in_logits() for vae in built]

    return Candidates(file, family.name, contents.container, contents.reader, step, tuple(vaes), rebuild, source.config)


def choose(
    candidates: Candidates,
    images_NCHW: np.ndarray,
    device: torch.device,
    *,
    like: Choice | None = None,
    progress: Progress | None = None,
) -> Choice:
    """The reading that behaves as a trained VAE: whose decoder finds the images again, and whose moments are right.

    First among the code base's own candidates, then among what a fork may have changed
    (`ifp.checkpoints.readings.rivals`): head, activation and scaling by what the decoder makes of the posteriors'
    means; what the spread beside the mean is by the cost of one draw + beta KL, at the stated beta or at all plausible
    ones. What the user or the file says stays, and a reading that fits clearly better is named. Without a decoder the
    moments decide among the code base's own candidates.

    `like` is the choice for another checkpoint of the same series: all are read alike.

    Raises
    ------
    IfpError : a model with Laplace latents.
    """
    named = [(_name(vae, candidates.vaes), vae) for vae in candidates.vaes]
    bench = Bench(images_NCHW, device, progress or silent, expected=1 if like is not None else _EXPECTED)
    if like is not None:
        return _alike(named, candidates, bench, like)
    readings = [bench.read(vae, name) for name, vae in named]
    equal = _best(readings)
    base = equal[0]
    undecided = [reading.name for reading in equal] if len(equal) > 1 else []
    if len(equal) == 1 < len(readings):
        decided = tuple(_decided(assumption, candidates.vaes) for assumption in base.vae.assumptions)
        base = dataclasses.replace(base, vae=dataclasses.replace(base.vae, assumptions=decided))
    if base.vae.decoder is None:
        others = [bench.read(vae, described(vae, ("head", "variance"))) for vae in layouts(base.vae)]
        return told(Choice(base, (*readings, *others), base), undecided)
    reading = _searched(base, bench, candidates.rebuild, stated=False)
    if not (reading.passed or reading.confirmed):
        # none of the code base's candidates fits, so the best of them is no better a start than the first of its kind
        for start in _first_of_each_output(readings):
            other = _searched(start, bench, candidates.rebuild, stated=False)
            if other.confirmed:
                base, reading = start, other
                break
    anything_stated = any(is_stated(base.vae, what) for what in CHANGEABLE)
    fitting = _searched(base, bench, candidates.rebuild, stated=True) if anything_stated else reading
    better = fitting if changes(reading.vae, fitting.vae) else None
    tried = {one.name: one for one in (*readings, reading, fitting)}
    if reading.vae.variance == LAPLACE:
        raise laplace_latents(str(candidates.file.path), base, reading)
    alike = None
    if better is None and not reading.test.passed and not is_stated(reading.vae, "variance"):
        alike = next((one for one in _variances(reading, base, bench) if is_open(one, reading, bench)), None)
    factor = 1.0
    if better is None and alike is None and (reading.passed or reading.confirmed):
        factor = better_factor(reading, bench, habitual=reading.vae.variance == base.vae.variance)
    return told(Choice(reading, tuple(tried.values()), base, better, alike, factor), undecided)


def _alike(named: Sequence[tuple[str, Vae]], candidates: Candidates, bench: Bench, like: Choice) -> Choice:
    """The reading that differs from the code base's as that of `like` does."""
    name, vae = next((row for row in named if row[0] == like.base.name), named[0])
    reading = bench.read(transferred(vae, like.vae, candidates.rebuild), like.reading.name)
    return Choice(reading, (reading,), dataclasses.replace(reading, name=name))


def _first_of_each_output(readings: Sequence[Reading]) -> list[Reading]:
    """The first candidate whose decoder gives logits, the first whose gives values."""
    first: dict[str, Reading] = {}
    for reading in readings:
        first.setdefault(reading.vae.output, reading)
    return list(first.values()) if len(readings) > 1 else []


def _searched(base: Reading, bench: Bench, rebuild: Rebuild | None, *, stated: bool) -> Reading:
    """The best reading that can be reached from `base`, itself where none is clearly better."""
    best = _with_variance(base, base, bench, stated=stated)
    for _ in range(0 if _is_sure(best) else _CHANGES):
        before = best
        for vae in shortlist(before.vae, before.explained or 0.0, bench, rebuild, stated=stated):
            rival = bench.read(vae, described(vae, changes(base.vae, vae)))
            rival = _with_variance(rival, base, bench, stated=stated)
            habitual = best.vae.encoder is base.vae.encoder
            best = rival if is_better(rival, best, bench, habitual=habitual) else best
        if best is before:
            break
    return best


def _is_sure(reading: Reading) -> bool:
    """Whether both tests are so good that head, activation and scaling need not be questioned."""
    return reading.drawn is not None and reading.drawn > SURE_DRAWN and reading.test.deviation < SURE_DEVIATION


def _with_variance(reading: Reading, base: Reading, bench: Bench, *, stated: bool) -> Reading:
    """The same reading with what its spread is taken for clearly best."""
    if is_stated(reading.vae, "variance") and not stated:
        return reading
    best = reading
    for rival in _variances(reading, base, bench):
        best = rival if is_better(rival, best, bench) else best
    return best


def _variances(reading: Reading, base: Reading, bench: Bench) -> Iterator[Reading]:
    """The same reading with its spread taken for something else."""
    for vae in variances(reading.vae):
        yield bench.read(vae, described(vae, changes(base.vae, vae)))


def _best(readings: Sequence[Reading], margin: float = MARGIN) -> list[Reading]:
    """Those that the reconstruction cannot tell from the best, and of these those that the moments cannot."""
    explained = [-math.inf if reading.explained is None else reading.explained for reading in readings]
    level = [
        reading
        for reading, share in zip(readings, explained, strict=True)
        if share >= max(explained) - EXPLAINED_MARGIN
    ]
    smallest = min(reading.test.deviation for reading in level)
    return [reading for reading in level if reading.test.deviation <= smallest + margin]


def _differing(vaes: Sequence[Vae]) -> set[str]:
    """What the candidates' assumptions differ in."""
    values: dict[str, set[str]] = {}
    for vae in vaes:
        for assumption in vae.assumptions:
            if assumption.what == "decoder":  # what it gives goes with the likelihood
                continue
            values.setdefault(assumption.what, set()).add(assumption.value)
    return {what for what, found in values.items() if len(found) > 1}


def _name(vae: Vae, vaes: Sequence[Vae]) -> str:
    differing = _differing(vaes)
    return described(vae, [a.what for a in vae.assumptions if a.what in differing]) or "as the code base does it"


def _decided(assumption: Assumption, vaes: Sequence[Vae]) -> Assumption:
    open_before = assumption.what in _differing(vaes) and assumption.source == "a guess"
    return dataclasses.replace(assumption, source="the self-test") if open_before else assumption
