"""Chooses the reading of a file: tries its candidates, and what a fork may have changed, on images.

A reading is one way to read a file (`ifp.checkpoints.readings.reading`). The base is the best reading among the code
base's own candidates, from which readings that differ in a few things are reached.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.candidates import Candidates
from ifp.checkpoints.readings.preference import better_factor, is_better, is_open
from ifp.checkpoints.readings.reading import OWN_READING, Reading
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
from ifp.checkpoints.readings.verdicts import Choice, laplace_latents, with_messages
from ifp.checkpoints.vae import LAPLACE, Assumption, Vae
from ifp.system.progress import Progress, silent

EXPLAINED_MARGIN = 0.001
"""Two readings count as tied on reconstruction below this difference in the share that they explain."""
MARGIN = 0.02
"""Two readings count as tied on the moment test below this difference in their deviations."""
SURE_DRAWN, SURE_DEVIATION = 0.8, 0.15
"""A reading whose draws save more than the first and whose deviation is smaller than the second is taken without trying
other heads, activations and scalings."""
_EXPECTED = 50
"""Approximate number of encodings and decodings for one choice."""
_CHANGES = 2
"""Maximum number of things among head, activation and scaling in which a reading may differ from the base."""


def choose(
    candidates: Candidates,
    images_NCHW: np.ndarray,
    device: torch.device,
    *,
    like: Choice | None = None,
    progress: Progress | None = None,
) -> Choice:
    """The reading that behaves as a trained VAE: its decoder reconstructs the images, and its moments are right.

    The code base's own candidates are compared first, then what a fork may have changed
    (`ifp.checkpoints.readings.rivals`). Head, activation and scaling are chosen by how the decoder reconstructs images
    from the posteriors' means. The meaning of the encoder's second output is chosen by the cost of one draw + beta KL,
    at the stated beta or at all plausible ones. What the user or the file states is not changed, and a reading that
    fits clearly better is reported. Without a decoder, the moments decide among the code base's own candidates.

    Parameters
    ----------
    images_NCHW : uint8.
    like : the choice for another checkpoint of the same series, since all are read in the same way.
    progress : told of every encoding and decoding.

    Raises
    ------
    IfpError : if the model has Laplace latents.
    """
    named = [(_name(vae, candidates.vaes), vae) for vae in candidates.vaes]
    bench = Bench(images_NCHW, device, progress or silent, expected=1 if like is not None else _EXPECTED)
    if like is not None:
        return _same_as(named, candidates, bench, like)
    readings = [bench.read(vae, name) for name, vae in named]
    tied = _best(readings)
    base = tied[0]
    undecided = [reading.name for reading in tied] if len(tied) > 1 else []
    if len(tied) == 1 < len(readings):
        decided = tuple(_decided(assumption, candidates.vaes) for assumption in base.vae.assumptions)
        base = dataclasses.replace(base, vae=dataclasses.replace(base.vae, assumptions=decided))
    if base.vae.decoder is None:
        others = [bench.read(vae, described(vae, ("head", "variance"))) for vae in layouts(base.vae)]
        return with_messages(Choice(base, (*readings, *others), base), undecided)
    reading = _searched(base, bench, candidates.rebuild, stated=False)
    if not (reading.passed or reading.confirmed):
        # none of the code base's candidates fits, so the search also starts from the first with each kind of output
        for start in _first_of_each_output(readings):
            other = _searched(start, bench, candidates.rebuild, stated=False)
            if other.confirmed:
                base, reading = start, other
                break
    anything_stated = any(is_stated(base.vae, what) for what in CHANGEABLE)
    fitting = _searched(base, bench, candidates.rebuild, stated=True) if anything_stated else reading
    better = fitting if changes(reading.vae, fitting.vae) else None
    tried = {attempt.name: attempt for attempt in (*readings, reading, fitting)}
    if reading.vae.variance == LAPLACE:
        raise laplace_latents(str(candidates.file.path), base, reading)
    alike = None
    if better is None and not reading.test.passed and not is_stated(reading.vae, "variance"):
        alike = next((rival for rival in _variances(reading, base, bench) if is_open(rival, reading, bench)), None)
    factor = 1.0
    if better is None and alike is None and (reading.passed or reading.confirmed):
        factor = better_factor(reading, bench, habitual=reading.vae.variance == base.vae.variance)
    return with_messages(Choice(reading, tuple(tried.values()), base, better, alike, factor), undecided)


def _same_as(named: Sequence[tuple[str, Vae]], candidates: Candidates, bench: Bench, like: Choice) -> Choice:
    """The reading that differs from the code base's in the same way as that of `like` does."""
    name, vae = next((pair for pair in named if pair[0] == like.base.name), named[0])
    reading = bench.read(transferred(vae, like.vae, candidates.rebuild), like.reading.name)
    return Choice(reading, (reading,), dataclasses.replace(reading, name=name))


def _first_of_each_output(readings: Sequence[Reading]) -> list[Reading]:
    """The first candidate with each kind of decoder output, such as logits and values; [] for a single candidate."""
    first: dict[str, Reading] = {}
    for reading in readings:
        first.setdefault(reading.vae.output, reading)
    return list(first.values()) if len(readings) > 1 else []


def _searched(base: Reading, bench: Bench, rebuild: Rebuild | None, *, stated: bool) -> Reading:
    """The best reading that can be reached from `base`; `base` itself if none is clearly better.

    Parameters
    ----------
    stated : whether to change also what the user or the file states.
    """
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
    """Whether both tests turned out so well that other heads, activations and scalings need not be tried."""
    return reading.drawn is not None and reading.drawn > SURE_DRAWN and reading.test.deviation < SURE_DEVIATION


def _with_variance(reading: Reading, base: Reading, bench: Bench, *, stated: bool) -> Reading:
    """The same reading with the meaning of the second output that is clearly best."""
    if is_stated(reading.vae, "variance") and not stated:
        return reading
    best = reading
    for rival in _variances(reading, base, bench):
        best = rival if is_better(rival, best, bench) else best
    return best


def _variances(reading: Reading, base: Reading, bench: Bench) -> Iterator[Reading]:
    """The same reading with each other meaning of the second output."""
    for vae in variances(reading.vae):
        yield bench.read(vae, described(vae, changes(base.vae, vae)))


def _best(readings: Sequence[Reading], margin: float = MARGIN) -> list[Reading]:
    """The readings that are tied with the best on reconstruction, and among these on the moment test."""
    explained = [-math.inf if reading.explained is None else reading.explained for reading in readings]
    tied = [
        reading
        for reading, share in zip(readings, explained, strict=True)
        if share >= max(explained) - EXPLAINED_MARGIN
    ]
    smallest = min(reading.test.deviation for reading in tied)
    return [reading for reading in tied if reading.test.deviation <= smallest + margin]


def _differing(vaes: Sequence[Vae]) -> set[str]:
    """The subjects of the assumptions in which the candidates differ."""
    values: dict[str, set[str]] = {}
    for vae in vaes:
        for assumption in vae.assumptions:
            if assumption.what == "decoder":  # its output follows from the likelihood
                continue
            values.setdefault(assumption.what, set()).add(assumption.value)
    return {what for what, different in values.items() if len(different) > 1}


def _name(vae: Vae, vaes: Sequence[Vae]) -> str:
    """A candidate in words: the assumptions in which it differs from the others."""
    differing = _differing(vaes)
    whats = [assumption.what for assumption in vae.assumptions if assumption.what in differing]
    return described(vae, whats) or OWN_READING


def _decided(assumption: Assumption, vaes: Sequence[Vae]) -> Assumption:
    """The assumption, as one of the self-test if it was a guess among several candidates."""
    was_open = assumption.what in _differing(vaes) and assumption.source == "a guess"
    return dataclasses.replace(assumption, source="the self-test") if was_open else assumption
