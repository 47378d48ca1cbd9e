"""Collects an ensemble: every model that a user names, on the same N points, with beta and its training's trace.

Shapes: N points, D latents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ifp.checkpoints.custom import encode_by_function, read_codes
from ifp.checkpoints.encoded_runs import Run, check_same_latents, read_model
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.codes import Codes
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError, bad_value
from ifp.fingerprints.find_models import list_places
from ifp.fingerprints.models import Member
from ifp.fingerprints.read_models import Origin, first_rows, naming, read_place, rows_of
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent

FEWEST_POINTS = 16
SELF_TEST_IMAGES = 1000
"""So many images at least decide how a file is to be read, however few points are compared."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members on the same points.

    Attributes
    ----------
    origins : one a member.
    sample : the images that were encoded, the points first; None for codes that came as arrays.
    notes : what a user should know of how the members were read, a sentence each.
    """

    members: tuple[Member, ...]
    origins: tuple[Origin, ...]
    sample: Sample | None = None
    notes: tuple[str, ...] = ()
    device: str = "cpu"
    options: ReadingOptions = field(default_factory=ReadingOptions)

    def model(self, member: int) -> Vae | None:
        """The model of a member, read anew (all of a large ensemble would fill the memory); None without a file."""
        file = self.origins[member].file
        if file is None or self.sample is None:
            return None
        return read_model(file.path, self.sample, self.options, self.device)


def collect_members(
    paths: Sequence[Path],
    dataset: FactorDataset,
    *,
    points: int = 1000,
    seed: int = 0,
    device: str = "cpu",
    options: ReadingOptions | None = None,
    along: bool = False,
    betas: Sequence[float] = (),
    encoders: Sequence[str] = (),
    progress: Progress = silent,
) -> Ensemble:
    """The models at `paths` on `points` images of `dataset`.

    A path is a checkpoint, a folder with a series, of which the last counts, or the folder of an `ifp train` or
    `ifp anneal --whole` run, of which every finished seed is a member. Beta is that of the record at the checkpoint's
    step where `ifp train` recorded one (in the units of its loss), else what the file says (`Vae.beta`).

    Parameters
    ----------
    along : every checkpoint of a series is a member, at the beta of its step, each with the whole training's trace.
    betas : one a path, used where given in place of what the files say; empty for none.
    encoders : functions "package.module:function" of the user's own, further members.

    Raises
    ------
    IfpError : more points than images, numbers of betas and paths that differ, and see `list_places` and `read_run`.
    """
    options = options or ReadingOptions()
    _check_points(points, len(dataset.space) * max(1, dataset.nuisance_values), dataset.name)
    _check_betas(betas, len(paths), "PATH")
    places, notes = list_places(paths)
    sample = draw_sample(dataset, max(points, SELF_TEST_IMAGES), seed, progress)
    found: list[tuple[Member, Origin]] = []
    total = len(places) + len(encoders)
    for at, place in enumerate(places):
        progress("models", at, total)
        found += read_place(place, sample, points, options, device, seed, along)
    for at, encoder in enumerate(encoders):
        progress("models", len(places) + at, total)
        record = encode_by_function(encoder, sample, device, lambda text, done, of: None)
        found.append((Member(encoder, first_rows(record.codes, points)), Origin(None, argument=len(paths) + at)))
    progress("models", total, total)
    found, said = _with_betas(found, betas)
    members, origins = zip(*found, strict=True)
    strangers = [place for place in places if place.checksum not in ("", dataset.checksum())]
    if strangers:
        notes.append(f"The models were trained on {strangers[0].data} and are compared on images of {dataset.name}.")
    of_members = [f"{m.name}: {text}" for m, o in found for text in (o.warning, o.beta_note) if text]
    notes += [*said, *of_members, *_units(found)]
    return Ensemble(_named_apart(members), origins, sample, tuple(notes), device, options)


def members_of_codes(
    files: Sequence[Path], *, points: int = 1000, seed: int = 0, betas: Sequence[float] = ()
) -> Ensemble:
    """The codes in `files` (see `ifp.checkpoints.custom.read_codes`), all on the same `points` rows, drawn by `seed`.

    Raises
    ------
    IfpError : a file that holds no codes, files of different images, fewer rows than points.
    """
    _check_betas(betas, len(files), "--codes FILE")
    records = []
    for path in files:
        try:
            records.append(read_codes(path))
        except IfpError as error:
            raise naming(str(path), error) from error
    first = records[0].codes
    for path, record in zip(files, records, strict=True):
        codes = record.codes
        if len(codes) != len(first) or (codes.factor_names, codes.factor_sizes) != (
            first.factor_names,
            first.factor_sizes,
        ):
            raise IfpError(
                f"{files[0]} holds codes of {_described(first)}, {path} of {_described(codes)}: models of different "
                "data cannot be compared; encode the same images with all."
            )
    check_same_latents([Run(path.stem, (record,)) for path, record in zip(files, records, strict=True)])
    _check_points(points, len(first), str(files[0]))
    # the rows may lie in the order of the factors, where the first of them are no fair sample
    rows = numpy_generator(seed, "channels", "points").permutation(len(first))[:points]
    found = [
        (Member(path.stem, rows_of(record.codes, rows)), Origin(None, record.step, at))
        for at, (path, record) in enumerate(zip(files, records, strict=True))
    ]
    found, _ = _with_betas(found, betas)
    members, origins = zip(*found, strict=True)
    return Ensemble(_named_apart(members), origins)


def _with_betas(
    found: list[tuple[Member, Origin]], betas: Sequence[float]
) -> tuple[list[tuple[Member, Origin]], list[str]]:
    """The members with the betas that the user gave, and a sentence for each argument whose files say another."""
    out, said = [], dict[int, str]()
    for member, origin in found:
        if origin.argument >= len(betas):  # none were given, or a function of the user's own
            out.append((member, origin))
            continue
        given = float(betas[origin.argument])
        if member.beta is not None and not np.isclose(member.beta, given, rtol=1e-6):
            if member.trace is not None:
                raise IfpError(
                    f"{member.name} is of a training whose beta moved, and its records say {member.beta:g}, not "
                    f"{given:g}; leave --beta out."
                )
            text = f"{member.name}: beta {given:g} as given, in place of {member.beta:g}, which its files say."
            said.setdefault(origin.argument, text)
        out.append((replace(member, beta=given), origin))
    return out, list(said.values())


def _units(found: Sequence[tuple[Member, Origin]]) -> list[str]:
    likelihoods = sorted({origin.likelihood for member, origin in found if origin.likelihood and member.beta})
    if len(likelihoods) < 2:
        return []
    return [f"The models have different likelihoods ({', '.join(likelihoods)}), so their betas do not compare."]


def _named_apart(members: Sequence[Member]) -> tuple[Member, ...]:
    """The members with numbers behind equal names."""
    counts, seen = Counter(member.name for member in members), Counter[str]()
    out = []
    for member in members:
        seen[member.name] += 1
        name = member.name if counts[member.name] == 1 else f"{member.name} ({seen[member.name]})"
        out.append(replace(member, name=name))
    return tuple(out)


def _check_points(points: int, there: int, name: str) -> None:
    if points < FEWEST_POINTS:
        raise bad_value("points", points, f"a whole number of at least {FEWEST_POINTS}")
    if points > there:
        raise IfpError(f"{points} points are asked for and {name} holds {there} images; give --points {there} or less.")


def _check_betas(betas: Sequence[float], count: int, what: str) -> None:
    if betas and len(betas) != count:
        raise IfpError(f"--beta must be given once for each {what}, got {len(betas)} for {count}.")
    for beta in betas:
        if not 0 < beta < np.inf:
            raise bad_value("beta", beta, "a positive number")


def _described(codes: Codes) -> str:
    return f"{len(codes)} images with the factors {', '.join(codes.factor_names) or 'none'}"
