"""Which of two readings of a file is the right one, by what the decoder makes of draws and by their moments.

A trained VAE is at a minimum of cost + beta KL, so the right reading has the smaller one at the beta of training. Where
nothing says beta, each reading has a beta of its own at which it would be at a minimum (`Bench.own_beta`). A wrong one
may be the better at its own beta too: log variance and log sigma are told apart by a factor in beta. Then the moments
speak, and at last what is plausible of a beta.
"""

from __future__ import annotations

import math

from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.reading import Reading
from ifp.checkpoints.vae import LAPLACE

STATED_WITHIN = 1.5
"""A stated beta is believed within this factor: it may weigh the total correlation alone, or be that of a fork."""
PLAUSIBLE_BETAS = (1.0, 8.0)
"""Nats an image: a reading that is the better at both is taken where neither beta nor moments decide."""
MOMENTS_FOR, MOMENTS_AGAINST = 0.1, 0.03
"""Moments that are nearer to 1 by the one speak for a rival, further off by the other against it."""
MOMENTS_BETWEEN = 0.02
"""The same where neither of two is the code base's own way, which is the likelier one before anything is tried."""
FINDS_SOMETHING = 0.02
"""The share that draws must save where the means, the same for both readings, are not in question; or save more."""
CAPACITY_WITHIN, CAPACITY_OFF = 0.1, 0.25
"""Where the settings say at how many nats the KL was held: the one is near enough, the other is not."""

FACTORS = (0.5, 0.7, 0.85, 1.15, 1.4, 2.0)
"""On log variances; right are 0.69 and 2.30 where they are to base 2 and 10, and 1.15 of base 10 read as log sigma."""
RESCALED_SAVES = 0.03
"""Of beta KL, what such a factor must save: a trained model is never exactly at its minimum."""


def is_better(rival: Reading, best: Reading, bench: Bench, *, habitual: bool = True) -> bool:
    """Whether `rival` is clearly the better reading; both have decoders.

    `habitual` says that `best` is the code base's own way, so that the burden of proof is on the rival.
    """
    mine, theirs = rival.reconstruction, best.reconstruction
    assert mine is not None
    assert theirs is not None
    if rival.vae.variance == LAPLACE:  # its KL is to another prior, so the moments of each kind are compared
        return rival.confirmed and rival.test.passed and not best.test.passed
    same_means = rival.vae.encoder is best.vae.encoder and rival.vae.head == best.vae.head
    finds_something = rival.confirmed or (same_means and rival.drawn is not None and rival.drawn > FINDS_SOMETHING)
    if not finds_something and not (rival.passed and not best.passed):
        return False
    if rival.confirmed and not best.confirmed and best.drawn is not None and best.drawn < 0:
        return True
    capacity = best.vae.capacity_nats
    if capacity and rival.vae.variance != best.vae.variance:
        off, near = (abs(float(one.kl_M.mean()) / capacity - 1) for one in (theirs, mine))
        return off > CAPACITY_OFF and near < CAPACITY_WITHIN
    betas = _betas(rival, best, bench)
    if rival.test.deviation > best.test.deviation + MOMENTS_AGAINST:
        return False
    if mine.beats(theirs, betas):
        return True
    if theirs.beats(mine, betas):
        return False
    nearer = MOMENTS_FOR if habitual else MOMENTS_BETWEEN
    if rival.test.passed and rival.test.deviation < best.test.deviation - nearer:
        return True
    if not habitual and mine.of_draws > theirs.of_draws + FINDS_SOMETHING:
        return True
    return not _stated(best) and mine.beats(theirs, PLAUSIBLE_BETAS)


def is_open(rival: Reading, best: Reading, bench: Bench) -> bool:
    """Whether nothing tells the two apart: each is the better at its own beta, and the moments fit neither."""
    mine, theirs = rival.reconstruction, best.reconstruction
    if mine is None or theirs is None or not rival.confirmed or rival.vae.variance == LAPLACE:
        return False
    if best.test.passed or _stated(best) or best.vae.capacity_nats:
        return False
    betas = _betas(rival, best, bench)
    return not mine.beats(theirs, betas) and not theirs.beats(mine, betas)


def better_factor(reading: Reading, bench: Bench, *, habitual: bool) -> float:
    """The factor on all log variances that fits clearly better at the stated beta; 1 where none does or none is stated.

    Where the settings say that the KL was held at a capacity, and it is well above that, the factor that comes nearest.
    Without either nothing shows: a wrong base then only moves the beta at which the reading is at a minimum.
    A reading that is not the code base's own (`habitual`) gets less benefit of the doubt about beta.
    """
    beta, mine = reading.vae.beta, reading.reconstruction
    capacity = reading.vae.capacity_nats
    if mine is None or reading.vae.variance == LAPLACE:
        return 1.0
    if capacity:
        if mine.kl_M.mean() < (1 + CAPACITY_OFF) * capacity:
            return 1.0
        held = {factor: bench.rescaled(reading, factor).kl_M.mean() for factor in FACTORS}
        return min(held, key=lambda factor: abs(math.log(held[factor] / capacity)))
    if beta is None or beta <= 0:
        return 1.0
    betas = beta / STATED_WITHIN, beta * (STATED_WITHIN if habitual else 1)
    fitting = {}
    for factor in FACTORS:
        other = bench.rescaled(reading, factor)
        saved = [mine.objective_nats(at) - other.objective_nats(at) for at in betas]
        enough = [RESCALED_SAVES * at * float(mine.kl_M.mean()) for at in betas]
        if other.beats(mine, betas) and all(one > least for one, least in zip(saved, enough, strict=True)):
            fitting[factor] = mine.objective_nats(beta) - other.objective_nats(beta)
    return max(fitting, key=lambda factor: fitting[factor], default=1.0)


def _stated(reading: Reading) -> bool:
    return reading.vae.beta is not None and reading.vae.beta > 0


def _betas(rival: Reading, best: Reading, bench: Bench) -> tuple[float, ...]:
    """At which the two are compared: about the stated one, else their own."""
    if best.vae.beta is not None and best.vae.beta > 0:
        return best.vae.beta / STATED_WITHIN, best.vae.beta * STATED_WITHIN
    own = [bench.own_beta(one) for one in (rival, best)]
    possible = tuple(beta for beta in own if math.isfinite(beta) and beta > 0)
    return possible or PLAUSIBLE_BETAS
