"""From a checkpoint file to the model in it: read, unwrap, recognise, rebuild, and choose by the moment test."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.checkpoints.chain import ShapeMismatch
from ifp.checkpoints.contents import read_contents
from ifp.checkpoints.locate import CheckpointFile
from ifp.checkpoints.posteriors import encode_images
from ifp.checkpoints.registry import OTHERWISE, recognise
from ifp.checkpoints.self_test import MomentTest, moment_test
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.unwrap import unwrap
from ifp.checkpoints.vae import HEADS, VARIANCES, Assumption, Vae
from ifp.errors import IfpError

TEST_IMAGES = 2000
"""How many images the moment test sees."""
MARGIN = 0.02
"""Candidates whose deviations differ by less are not told apart."""


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
class Choice:
    """The reading that was taken.

    `ranking` holds every reading that was tried, as (what distinguishes it, deviation), the best first; `warning` is
    "" or one sentence for the user.
    """

    vae: Vae
    test: MomentTest
    ranking: tuple[tuple[str, float], ...]
    warning: str


def load_candidates(file: CheckpointFile, options: ReadingOptions) -> Candidates:
    """Read `file` without running anything of it, and rebuild its model in every way that the weights allow.

    Raises
    ------
    IfpError : a file that is damaged, hostile, of no known family, or whose arrays do not fit together.
    """
    contents = read_contents(file.path)
    source = unwrap(contents, file.config)
    family = recognise(source, options.family)
    try:
        vaes = family.build(source, options)
    except ShapeMismatch as error:
        raise IfpError(
            f"{file.path} looks like a checkpoint of {family.title}, but cannot be rebuilt: "
            f"{str(error).rstrip('.')}; name another --family, or {OTHERWISE}."
        ) from error
    if options.head is not None:
        chosen = Assumption("head", options.head, "an option")
        vaes = [vae.assuming(chosen, head=options.head) for vae in vaes]
    step = source.step if source.step is not None else file.step_from_name
    return Candidates(file, family.name, contents.container, contents.reader, step, tuple(vaes))


def choose(candidates: Candidates, images_NCHW: np.ndarray, device: torch.device) -> Choice:
    """The candidate whose moments are those of a trained VAE; see `ifp.checkpoints.self_test`.

    Among candidates that the test cannot tell apart (within MARGIN) the first is taken, the code base's habit, and the
    user is told. If none passes, other layouts of the last layer are tried only to tell the user what would fit.
    """
    images = images_NCHW[:TEST_IMAGES]
    tests = [_test(vae, images, device) for vae in candidates.vaes]
    ranking = [(_name(vae, candidates.vaes), test.deviation) for vae, test in zip(candidates.vaes, tests, strict=True)]
    smallest = min(test.deviation for test in tests)
    level = [at for at, test in enumerate(tests) if test.deviation <= smallest + MARGIN]
    best = level[0] if level else 0
    warning = ""
    if not tests[best].passed:
        others = _other_readings(candidates.vaes[best])
        found = [(name, _test(vae, images, device).deviation) for name, vae in others]
        ranking += found
        warning = _misread(tests[best], found)
    elif len(level) > 1:
        names = "; ".join(_name(candidates.vaes[at], candidates.vaes) for at in level)
        warning = f"Neither the weights nor the self-test say which of these was used: {names}; the first is taken."
    vae = candidates.vaes[best]
    if len(level) == 1 < len(candidates.vaes):
        chosen = [_decided(assumption, candidates.vaes) for assumption in vae.assumptions]
        vae = dataclasses.replace(vae, assumptions=tuple(chosen))
    return Choice(vae, tests[best], tuple(sorted(ranking, key=lambda row: row[1])), warning)


def _test(vae: Vae, images_NCHW: np.ndarray, device: torch.device) -> MomentTest:
    return moment_test(*encode_images(vae.to(device).encode, images_NCHW, device, lambda text, done, total: None))


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


def _other_readings(vae: Vae) -> list[tuple[str, Vae]]:
    return [
        (f"head {head}, {variance}", dataclasses.replace(vae, head=head, variance=variance))
        for head in HEADS
        for variance in VARIANCES
        if (head, variance) != (vae.head, vae.variance)
    ]


def _misread(test: MomentTest, others: Sequence[tuple[str, float]]) -> str:
    name, deviation = min(others, key=lambda row: row[1])
    hint = (
        f"read as '{name}' it would be {deviation:.2f}: this file may come from a fork (see --head)"
        if deviation < 0.5 * test.deviation
        else "no other reading of its last layer fits better"
    )
    return (
        f"Var(mean) + E[variance] of an active latent should be near 1 and is off by {test.deviation:.2f} (median): "
        f"the model was misread, does not see its own data, or was never trained to a minimum; {hint}."
    )
