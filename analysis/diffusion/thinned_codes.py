"""Codes of very many images: a part of them is measured, drawn at random, since more would cost and change nothing.

What grows with the images are the resamples and the permutations: of a million images they take minutes and gigabytes,
and narrow intervals that are a hundredth of a nat wide already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ifp.codes import Codes
from ifp.seeds import numpy_generator
from ifp.system.progress import Say

if TYPE_CHECKING:
    from ifp.checkpoints.run_records import Run

MOST_CODES = 100_000
"""Maximum number of images of which codes given as arrays are measured."""


MOST_JOINT = 20_000
"""Maximum number of images of which the joint information is measured: classifiers are fitted to all of them."""


def thinned(codes: Codes, most: int, seed: int) -> Codes:
    """The codes of at most so many images, drawn at random; of equally many images the same ones."""
    if len(codes) <= most:
        return codes
    generator = numpy_generator(seed, "diagnose", "thinned")
    kept_N = np.sort(generator.choice(len(codes), size=most, replace=False))
    return codes.at_rows(kept_N)


def say_of_joint(runs: Sequence[Run], say: Say) -> None:
    """Say where the joint information is that of a part of the images."""
    most = max((run.last.codes for run in runs), key=len)
    largest, unit = len(most), most.unit
    if largest > MOST_JOINT and any(run.last.codes.has_factors for run in runs):
        say(f"The joint information is that of {MOST_JOINT:,} of the {largest:,} {unit}s, drawn at random.")


def thinned_runs(runs: Sequence[Run], seed: int, say: Say) -> list[Run]:
    """The runs, with at most `MOST_CODES` images in each record; records of equally many images keep the same ones.

    Parameters
    ----------
    runs : of codes that were given as arrays, with no images beside them. say : is told what is left out.
    """
    most = max((record.codes for run in runs for record in run.records), key=len)
    largest, unit = len(most), most.unit
    if largest <= MOST_CODES:
        return list(runs)
    say(
        f"{largest:,} {unit}s are given; {MOST_CODES:,} of them, drawn at random with seed {seed}, are measured, since "
        "the others would take time and memory and hardly narrow the intervals."
    )
    return [
        replace(run, records=tuple(replace(r, codes=thinned(r.codes, MOST_CODES, seed)) for r in run.records))
        for run in runs
    ]
