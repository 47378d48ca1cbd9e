"""Codes of very many images: a part of them is measured, drawn at random, since more would cost and change nothing.

What grows with the images are the resamples and the permutations: of a million images they take minutes and gigabytes,
and narrow intervals that are a hundredth of a nat wide already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ifp.checkpoints.run_records import Record, Run
from ifp.codes import Codes
from ifp.seeds import numpy_generator
from ifp.system.progress import Say

MOST_CODES = 100_000
"""Maximum number of images of which codes given as arrays are measured."""


def thinned_runs(runs: Sequence[Run], seed: int, say: Say) -> list[Run]:
    """The runs, with at most `MOST_CODES` images in each record; records of equally many images keep the same ones.

    Parameters
    ----------
    runs : of codes that were given as arrays, with no images beside them. say : is told what is left out.
    """
    largest = max(len(record.codes) for run in runs for record in run.records)
    if largest <= MOST_CODES:
        return list(runs)
    say(
        f"{largest:,} images are given; {MOST_CODES:,} of them, drawn at random with seed {seed}, are measured, since "
        "the others would take time and memory and hardly narrow the intervals."
    )
    return [replace(run, records=tuple(_thinned(record, seed) for record in run.records)) for run in runs]


def _thinned(record: Record, seed: int) -> Record:
    codes = record.codes
    if len(codes) <= MOST_CODES:
        return record
    generator = numpy_generator(seed, "diagnose", "thinned")
    kept_N = np.sort(generator.choice(len(codes), size=MOST_CODES, replace=False))
    arrays = (codes.mean_ND[kept_N], codes.logvar_ND[kept_N], codes.factors_NF[kept_N])
    return replace(record, codes=Codes(*arrays, codes.factor_names, codes.factor_sizes))
