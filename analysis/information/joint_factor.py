"""Where the information on one factor went: one row of `measure_joint`.

Shapes: N images, M of them scored, S draws of each, D latents, F factors, V values.
"""

from __future__ import annotations

import numpy as np

from ifp.analysis.information.asked import FactorClassifiers, ScoredImages
from ifp.analysis.information.intervals import LEAST_SHOWN, LEVEL, ROUNDING
from ifp.analysis.information.mixture import Bound, mixture_bound, permuted_nats
from ifp.analysis.information.subsets import HiddenLatents, counted_singles
from ifp.seeds import numpy_generator

ENOUGH_SHARE = 0.9
"""A set of latents holds a factor when it holds this share of what all latents hold."""
MOST_SIZES = 2
"""At most this many sizes of sets of three latents and more are measured; a further one would hardly shorten a set."""
ONE_HOT = 12
"""A known factor with at most this many values is given as one coordinate per value, one with more as one number."""
LATENTS_SEPARATOR = "; "
"""This stands between the latents of a set."""


def factor_row(images: ScoredImages, factor: int, permutations: int, seed: int) -> dict[str, object]:
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
    others = [
        factor
        for factor in range(factors_NF.shape[1])
        if factor != asked.factor and len(np.unique(factors_NF[:, factor])) > 1
    ]
    if not others:
        return {}
    known_ND = np.concatenate([_coordinates(factors_NF[:, factor]) for factor in others], axis=1)
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
    """One coordinate per value where they are few, else the place, scaled [N, columns]."""
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
