"""Where a factor's information went: what all latents hold of it together, and how few of them hold nearly all of that.

The information of all latents together cannot be counted in cells: ten latents have more cells than there are images.
It is bounded from below by classifiers, out of sample (`mixture_bound`), so every number here is "at least". What one
latent holds is bounded tightly, what ten hold less so: diffusion, joint less the best single, is "at least" too.

Shapes: N images, M of them scored, S draws of each, D latents, F factors, K classifiers, V values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ifp.analysis.information.aggregated import aggregated_nats
from ifp.analysis.information.asked import FOLDS, SCORED, scored_images
from ifp.analysis.information.intervals import LEVEL
from ifp.analysis.information.joint_factor import ENOUGH_SHARE, factor_row
from ifp.codes import Codes
from ifp.errors import IfpError, bad_value, counted
from ifp.seeds import derive_seed
from ifp.system.progress import Progress

FEWEST = 20
"""With fewer images than this nothing is said of a factor."""

JOINT_COLUMNS = (
    "factor", "values", "entropy_nats", "joint_nats", "joint_low", "joint_high", "joint_share", "floor_nats",
    "floor_high_nats", "above_noise", "single_nats", "single_latent", "pair_nats", "pair_latents", "set_nats",
    "set_latents", "diffusion_nats", "diffusion_low", "diffusion_high", "diffusion_share", "synergy_nats",
    "synergy_low", "given_others_nats", "given_others_low", "given_others_high", "entropy_given_others_nats",
    "aggregated_low_nats", "aggregated_high_nats",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class JointInformation:
    """What all latents hold of each factor, as lower bounds in nats.

    Attributes
    ----------
    table : one row per factor with `JOINT_COLUMNS`; NaN and "" where the factor has one value in these images.
        joint: of all latents, with a 95 % interval of the bound (not of the truth, which may lie above), its share of
        the entropy, and what permuted values read (mean, and the level no factor passes by chance).
        single, pair, set: of the best latent, the best pair, and the smallest set found that holds `ENOUGH_SHARE` of
        the joint; not looked for (0, -1, "") where the joint is within noise.
        diffusion: joint less single. synergy: the pair less both of its latents, where it is the set.
        given_others: about the factor when the other factors are known, a bound where the factors are independent (as
        on a full grid), else an estimate; entropy_given_others: what there is then to know.
        aggregated: see `aggregated_nats`.
    settings : what decided the numbers.
    """

    table: pd.DataFrame
    settings: Mapping[str, Any]


def measure_joint(
    codes: Codes,
    *,
    seed: int = 0,
    permutations: int = 100,
    scored: int = SCORED,
    jobs: int = 1,
    progress: Progress | None = None,
) -> JointInformation:
    """Bound what all latents together, the best one, the best pair and a small set hold of each factor.

    About 12 s per factor on one core for 10,000 images and 10 latents, 20 s for one that is spread over all of them.

    Parameters
    ----------
    codes : posteriors of N images with their factors. seed : of draws, folds, classifiers and permutations; the same
        seed gives the same bits. permutations : for the noise floor. scored : at least so many images are scored, or
        all there are: more narrow the intervals and cost time. jobs : processes, a factor
        each; the same bits whatever their number. progress : called with a text, done and total.

    Raises
    ------
    IfpError : codes without factors, fewer than FEWEST images, or a number that is not allowed.

    References
    ----------
    Barber and Agakov, The IM algorithm, NIPS 2003, for the bound; Xu et al., A theory of usable information (2020), for
    what it means where the classifiers fall short.
    """
    if not codes.has_factors:
        raise IfpError("These codes come without factors, so there is nothing to have information about; give factors.")
    if len(codes) < FEWEST:
        raise IfpError(
            f"What latents hold together cannot be told from {counted(len(codes), 'image')}; give at least {FEWEST}."
        )
    if isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 2:
        raise bad_value("permutations", permutations, "a whole number of at least 2")
    if isinstance(scored, bool) or not isinstance(scored, int | np.integer) or scored < 2:
        raise bad_value("scored", scored, "a whole number of at least 2")
    images = scored_images(codes, seed, scored)
    low_F, high_F = aggregated_nats(codes, seed=seed)
    count = len(codes.factor_names)
    work = Parallel(n_jobs=min(jobs, count), return_as="generator")
    tasks = (delayed(factor_row)(images, at, permutations, derive_seed(seed, "joint", at)) for at in range(count))
    rows = []
    if progress is not None:
        progress("joint information (factors)", 0, count)
    for factor, found in enumerate(work(tasks)):
        row = {"factor": codes.factor_names[factor], "values": codes.factor_sizes[factor], **found}
        if row["entropy_nats"]:
            row |= {"aggregated_low_nats": low_F[factor], "aggregated_high_nats": high_F[factor]}
        rows.append(row)
        if progress is not None:
            progress("joint information (factors)", factor + 1, count)
    table = pd.DataFrame(rows, columns=list(JOINT_COLUMNS))
    texts = ["pair_latents", "set_latents"]
    table[texts] = table[texts].astype(object).fillna("")  # all are NaN where every factor is constant
    table["above_noise"] = table["above_noise"].eq(True)
    table["single_latent"] = table["single_latent"].fillna(-1).astype(int)
    return JointInformation(table, {
        "images": len(codes), "scored_images": int(sum(map(len, images.scored))), "folds": FOLDS, "seed": seed,
        "permutations": permutations, "level": LEVEL, "enough_share": ENOUGH_SHARE,
        "latents_used": images.used.tolist(),
    })  # fmt: skip
