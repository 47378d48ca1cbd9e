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
from ifp.analysis.information.asked import FOLDS, SCORED, FactorClassifiers, ScoredImages, scored_images
from ifp.analysis.information.intervals import LEAST_SHOWN, LEVEL, ROUNDING
from ifp.analysis.information.mixture import Bound, mixture_bound, permuted_nats
from ifp.analysis.information.subsets import HiddenLatents, counted_singles
from ifp.codes import Codes
from ifp.errors import IfpError, bad_value
from ifp.seeds import derive_seed, numpy_generator
from ifp.system.progress import Progress

ENOUGH_SHARE = 0.9
"""A set of latents holds a factor when it holds this share of what all latents hold."""
MOST_SIZES = 2
"""Sizes of sets of three latents and more that are measured: a third would shorten a set by one or two."""
ONE_HOT = 12
"""Another factor with at most so many values is given as one coordinate for each of them, else as one number."""
FEWEST = 20
"""Images below which nothing is said of a factor."""
LATENTS_SEPARATOR = "; "

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

    About 12 s a factor on one core for 10,000 images and 10 latents, 20 s for a factor spread over all of them.

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
        raise IfpError(f"{len(codes)} images say nothing of what latents hold together; give at least {FEWEST}.")
    if isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 2:
        raise bad_value("permutations", permutations, "a whole number of at least 2")
    if isinstance(scored, bool) or not isinstance(scored, int | np.integer) or scored < 2:
        raise bad_value("scored", scored, "a whole number of at least 2")
    images = scored_images(codes, seed, scored)
    low_F, high_F = aggregated_nats(codes, seed=seed)
    count = len(codes.factor_names)
    work = Parallel(n_jobs=min(jobs, count), return_as="generator")
    tasks = (delayed(_factor)(images, at, permutations, derive_seed(seed, "joint", at)) for at in range(count))
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


def _factor(images: ScoredImages, factor: int, permutations: int, seed: int) -> dict[str, object]:
    """The measures of one factor, without its name."""
    asked = FactorClassifiers(images, factor, seed)
    entropy = asked.entropy_nats
    if len(asked.share_V) < 2:
        return {"entropy_nats": 0.0}
    latents = tuple(range(len(images.used)))
    none = Bound(np.zeros(len(asked.value_M)))
    joint, floor_P = none, np.zeros(permutations)
    if latents:
        joint = asked.bound(latents)
        floor_P = permuted_nats(
            asked.known(latents), asked.value_M, asked.share_V, permutations=permutations,
            generator=numpy_generator(seed, "floor"),
        )  # fmt: skip
    # no factor passes by chance, whichever is looked at
    floor_high = float(np.quantile(floor_P, LEVEL ** (1 / images.factors_NF.shape[1])))
    above = bool(joint.nats > floor_high + ROUNDING and joint.nats >= LEAST_SHOWN and _low(joint) > ROUNDING)
    single = pair = chosen = none
    at_single: tuple[int, ...] = ()
    at_pair: tuple[int, ...] = ()
    at_set: tuple[int, ...] = ()
    if above:
        hidden = HiddenLatents(
            asked.first_network, images.draws_SND[0, images.scored[0]], asked.value_N[images.scored[0]],
            asked.share_V, numpy_generator(seed, "hidden"),
        )  # fmt: skip
        best = counted_singles(images.draws_SND[0, images.fitted[0]], asked.value_N[images.fitted[0]])
        at_single = max(((latent,) for latent in best[:2]), key=lambda key: asked.bound(key).nats)
        at_pair = hidden.best_pair() if len(latents) > 1 else at_single
        at_set, joint = _smallest_set(asked, hidden, latents, at_single, at_pair)
        single, pair, chosen = (asked.bound(at) for at in (at_single, at_pair, at_set))
    low, high = _interval(joint)
    diffusion = joint.less(single)
    row: dict[str, object] = {
        "entropy_nats": entropy,
        "joint_nats": max(joint.nats, 0.0), "joint_low": low, "joint_high": high,
        "joint_share": max(joint.nats, 0.0) / entropy,
        "floor_nats": float(floor_P.mean()), "floor_high_nats": floor_high,
        "above_noise": above,
        "single_nats": max(single.nats, 0.0), "single_latent": images.used[at_single[0]] if at_single else -1,
        "pair_nats": max(pair.nats, 0.0), "pair_latents": _named(images, at_pair),
        "set_nats": max(chosen.nats, 0.0), "set_latents": _named(images, at_set),
    }  # fmt: skip
    low, high = _interval(diffusion)
    row |= {"diffusion_nats": max(diffusion.nats, 0.0), "diffusion_low": low, "diffusion_high": high}
    row["diffusion_share"] = max(diffusion.nats, 0.0) / joint.nats if above else np.nan
    if len(at_pair) == 2 and at_set == at_pair:
        one, other = (asked.bound((latent,)) for latent in at_pair)
        synergy = pair.less(one).less(other)
        row |= {"synergy_nats": synergy.nats, "synergy_low": _low(synergy)}
    return row | _given_others(asked, latents, joint)


def _smallest_set(
    asked: FactorClassifiers,
    hidden: HiddenLatents,
    latents: tuple[int, ...],
    single: tuple[int, ...],
    pair: tuple[int, ...],
) -> tuple[tuple[int, ...], Bound]:
    """The smallest set found that holds ENOUGH_SHARE of the joint bound, and that bound with all that was asked."""
    joint = asked.bound(latents)
    for key in (single, pair):
        if key and asked.bound(key).nats >= ENOUGH_SHARE * joint.nats:
            return key, asked.bound(latents)
    if len(latents) <= 2:
        return latents, joint
    order = hidden.grown(pair)
    # sizes by bisection, from the one that the network of all latents thinks enough
    short, enough = 2, len(latents)
    size = next(
        size for size in range(3, enough + 1) if hidden.nats(order[:size]) >= ENOUGH_SHARE * hidden.nats(latents)
    )
    for _ in range(MOST_SIZES):
        if enough - short < 2:
            break
        size = min(max(size, short + 1), enough - 1)
        if asked.bound(order[:size]).nats >= ENOUGH_SHARE * asked.bound(latents).nats:
            enough = size
        else:
            short = size
        size = (short + enough) // 2
    return tuple(order[:enough]), asked.bound(latents)


def _given_others(asked: FactorClassifiers, latents: tuple[int, ...], joint: Bound) -> dict[str, object]:
    """What the latents add to the other factors."""
    factors_NF = asked.images.factors_NF
    others = [at for at in range(factors_NF.shape[1]) if at != asked.factor and len(np.unique(factors_NF[:, at])) > 1]
    if not others:
        return {}
    known_ND = np.concatenate([_coordinates(factors_NF[:, at]) for at in others], axis=1)
    draws_SND = asked.images.draws_SND
    known_SND = np.broadcast_to(known_ND, (len(draws_SND), *known_ND.shape))
    of_others = asked.ask(known_SND, light=True)
    alone = mixture_bound(of_others, asked.value_M, asked.share_V)
    together = joint
    if latents:
        more = asked.ask(np.concatenate([draws_SND, known_SND], axis=2))
        together = asked.bound(latents, [*of_others, *more])
    added = together.less(alone)
    low, high = _interval(added)
    entropy = asked.entropy_nats
    return {
        "given_others_nats": max(added.nats, 0.0), "given_others_low": low, "given_others_high": high,
        "entropy_given_others_nats": entropy - max(alone.nats, 0.0),
    }  # fmt: skip


def _coordinates(value_N: np.ndarray) -> np.ndarray:
    """One coordinate a value where they are few, else the place, scaled [N, columns]."""
    values, at_N = np.unique(value_N, return_inverse=True)
    if len(values) <= ONE_HOT:
        return np.asarray(np.eye(len(values))[at_N])
    return np.asarray((at_N[:, None] - at_N.mean()) / at_N.std())


def _interval(bound: Bound) -> tuple[float, float]:
    """95 % of the bound, cut at 0."""
    return max(_low(bound), 0.0), max(bound.nats + 1.96 * bound.stderr_nats, 0.0)


def _low(bound: Bound) -> float:
    return bound.nats - 1.96 * bound.stderr_nats


def _named(images: ScoredImages, at: tuple[int, ...]) -> str:
    return LATENTS_SEPARATOR.join(str(images.used[latent]) for latent in sorted(at))
