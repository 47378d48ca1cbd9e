"""From a checkpoint file to the model in it: read, unwrap, recognise, rebuild, and choose by the moment test."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.checkpoints.contents import read_contents
from ifp.checkpoints.locate import CheckpointFile
from ifp.checkpoints.open_model import open_model
from ifp.checkpoints.pieces import read_pieces
from ifp.checkpoints.posteriors import encode_images, explained_share
from ifp.checkpoints.self_test import MomentTest, moment_test
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import HEADS, VARIANCES, Assumption, Vae
from ifp.errors import IfpError

TEST_IMAGES = 2000
"""How many images the moment test sees."""
RECONSTRUCTED_IMAGES = 500
EXPLAINED_MARGIN = 0.001
"""Readings whose reconstructions explain shares that differ by less are not told apart by them."""
MARGIN = 0.02
"""Nor by their moments, if their deviations differ by less than this."""
HINT_MARGIN = 0.05
"""A hint keeps the code base's kind of variance within this: a median moment of 300 images is not known better."""
CONFIRMED = 0.5
"""A reading is confirmed when its reconstruction saves this share of what the mean image costs."""
CONTRADICTED = -0.1
"""A reconstruction that costs that much more than the mean image contradicts moments that look right."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The ways in which one file can be read, the most likely first."""

    file: CheckpointFile
    family: str
    container: str
    reader: str
    step: int | None
    vaes: tuple[Vae, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read a file, tried: its moments, and the share of the mean image's cost that it explains, or None."""

    name: str
    vae: Vae
    test: MomentTest
    explained: float | None

    @property
    def confirmed(self) -> bool:
        """Whether the decoder finds the images again in the codes, which no misread encoder allows."""
        return self.explained is not None and self.explained >= CONFIRMED

    @property
    def passed(self) -> bool:
        """Whether the moments are right and the decoder does not contradict them."""
        return self.test.passed and (self.explained is None or self.explained > CONTRADICTED)


@dataclass(frozen=True, eq=False)
class Choice:
    """The reading that was taken, every reading that was tried, and "" or a sentence for the user."""

    reading: Reading
    tried: tuple[Reading, ...]
    warning: str

    @property
    def vae(self) -> Vae:
        """The model."""
        return self.reading.vae


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
    return Candidates(file, family.name, contents.container, contents.reader, step, tuple(vaes))


def choose(candidates: Candidates, images_NCHW: np.ndarray, device: torch.device, *, like: str = "") -> Choice:
    """The candidate that behaves as a trained VAE: whose decoder finds the images again, and whose moments are right.

    See `ifp.checkpoints.self_test` for the moments. The reconstruction goes first, where there is a decoder: a misread
    encoder may have likely moments, but its codes decode to something else. Candidates that neither tells apart are
    decided by the code base's habit, which comes first, and the user is told. If nothing fits, other layouts of the
    last layer are tried only to tell the user what would.

    `like` is the name of the reading that was taken for another checkpoint of the same series: all are read alike.
    """
    images = images_NCHW[:TEST_IMAGES]
    named = [(_name(vae, candidates.vaes), vae) for vae in candidates.vaes]
    named = [(name, vae) for name, vae in named if name == like] or named
    readings = [_read(vae, name, images, device) for name, vae in named]
    equal = _best(readings)
    best = equal[0]
    tried, warning = readings, ""
    if not best.passed and not best.confirmed:
        others = [_read(vae, name, images, device) for name, vae in _other_layouts(best.vae)]
        tried, warning = [*readings, *others], _misread(best, _best(others, HINT_MARGIN)[0])
    elif len(equal) > 1:
        names = "; ".join(reading.name for reading in equal)
        warning = f"Neither the weights nor the self-test say which of these was used: {names}; the first is taken."
    elif not best.test.passed:
        warning = _off_but_confirmed(best)
    if len(equal) == 1 < len(readings):
        decided = tuple(_decided(assumption, candidates.vaes) for assumption in best.vae.assumptions)
        best = dataclasses.replace(best, vae=dataclasses.replace(best.vae, assumptions=decided))
    return Choice(best, tuple(tried), warning)


def _read(vae: Vae, name: str, images_NCHW: np.ndarray, device: torch.device) -> Reading:
    on_device = vae.to(device)
    mean_ND, logvar_ND = encode_images(on_device.encode, images_NCHW, device, _silent)
    explained = None
    if vae.decoder is not None:
        few = slice(0, RECONSTRUCTED_IMAGES)
        explained = explained_share(on_device, images_NCHW[few], mean_ND[few], device)
    return Reading(name, vae, moment_test(mean_ND, logvar_ND), explained)


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


def _silent(text: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


def _differing(vaes: Sequence[Vae]) -> set[str]:
    """What the candidates' assumptions differ in."""
    values: dict[str, set[str]] = {}
    for vae in vaes:
        for assumption in vae.assumptions:
            values.setdefault(assumption.what, set()).add(assumption.value)
    return {what for what, found in values.items() if len(found) > 1}


def _name(vae: Vae, vaes: Sequence[Vae]) -> str:
    differing = _differing(vaes)
    parts = [f"{a.what} {a.value}" for a in vae.assumptions if a.what in differing]
    return ", ".join(parts) or "as the code base does it"


def _decided(assumption: Assumption, vaes: Sequence[Vae]) -> Assumption:
    open_before = assumption.what in _differing(vaes) and assumption.source == "a guess"
    return dataclasses.replace(assumption, source="the self-test") if open_before else assumption


def _other_layouts(vae: Vae) -> list[tuple[str, Vae]]:
    """Those with the same kind of variance first."""
    return [
        (f"head {head}, {variance}", dataclasses.replace(vae, head=head, variance=variance))
        for variance in sorted(VARIANCES, key=lambda variance: variance != vae.variance)
        for head in HEADS
        if (head, variance) != (vae.head, vae.variance)
    ]


def _misread(best: Reading, other: Reading) -> str:
    found = f"Var(mean) + E[variance] of an active latent should be near 1 and is off by {best.test.deviation:.2f}"
    if best.explained is not None:
        found += f" (median), and what the decoder draws costs {1 - best.explained:.2g} times as much as the mean image"
    fits = other.passed and (other.explained is None or other.confirmed)
    hint = (
        f"read as '{other.name}' it would fit: the file may come from a fork (see --head)"
        if fits
        else "no other reading of its last layer fits"
    )
    return f"{found}: the model was misread, does not see its own data, or was never trained to a minimum; {hint}."


def _off_but_confirmed(best: Reading) -> str:
    return (
        f"Var(mean) + E[variance] of an active latent is off 1 by {best.test.deviation:.2f} (median), but the decoder "
        f"finds the images again in these codes ({best.explained:.0%} of the mean image's cost explained), so the "
        "model was read rightly: its KL was not at a minimum (a capacity, a small beta, or training stopped early)."
    )
