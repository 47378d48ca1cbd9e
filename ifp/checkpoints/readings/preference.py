"""Decides which of two readings of a file is the right one, by the cost of draws and by the moments.

A trained VAE is at a minimum of cost + beta KL, so at the beta of training the right reading has the smaller value. If
beta is not stated, each reading has a beta of its own at which it would be at a minimum (`Bench.own_beta`). A wrong
reading may also be the better one at its own beta, since log variance and log sigma differ by a factor in beta. Then
the moments decide and, if they do not, the range of plausible betas.
"""

from __future__ import annotations

import math

from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.reading import Reading
from ifp.checkpoints.vae import LAPLACE

STATED_WITHIN = 1.5
"""A stated beta is trusted within this factor, since it may weigh the total correlation alone or be that of a fork."""
PLAUSIBLE_BETAS = (1.0, 8.0)
"""The range of plausible betas, in nats per image; a reading that is better at both ends is taken if neither a stated
beta nor the moments decide."""
MOMENTS_FOR, MOMENTS_AGAINST = 0.1, 0.03
"""A rival is supported by moments that are nearer to 1 by the first number, and rejected if they are further from 1 by
the second."""
MOMENTS_BETWEEN = 0.02
"""A rival is supported by moments that are nearer to 1 by this if neither reading is the code base's own, which is the
more likely one before anything is tried."""
MINIMUM_SAVED = 0.02
"""If two readings have the same means, the draws of a rival must save at least this share of what a perfect decoder
would; draws that save this much more than others support a reading."""
CAPACITY_WITHIN, CAPACITY_OFF = 0.1, 0.25
"""If the settings state the capacity at which the KL was held, a KL within the first relative difference agrees with it
and one beyond the second does not."""

FACTORS = (0.5, 0.7, 0.85, 1.15, 1.4, 2.0)
"""Factors on log variances that are tried; the true factor is 0.69 for logarithms to base 2 and 2.30 for base 10, and
1.15 for base 10 that was read as log sigma."""
RESCALED_SAVES = 0.03
"""Minimum share of beta KL that a factor must save, since a trained model is never exactly at its minimum."""


def is_better(rival: Reading, best: Reading, bench: Bench, *, habitual: bool = True) -> bool:
    """Whether `rival` is clearly the better reading; both must have decoders.

    Parameters
    ----------
    habitual : whether `best` is the code base's own reading, so that the rival needs stronger evidence.
    """
    rivals, bests = rival.reconstruction, best.reconstruction
    assert rivals is not None
    assert bests is not None
    if rival.vae.variance == LAPLACE:  # its KL is to another prior, so only the moments can be compared
        return rival.confirmed and rival.test.passed and not best.test.passed
    same_means = rival.vae.encoder is best.vae.encoder and rival.vae.head == best.vae.head
    saves_enough = rival.confirmed or (same_means and rival.drawn is not None and rival.drawn > MINIMUM_SAVED)
    if not saves_enough and not (rival.passed and not best.passed):
        return False
    if rival.confirmed and not best.confirmed and best.drawn is not None and best.drawn < 0:
        return True
    capacity = best.vae.capacity_nats
    if capacity and rival.vae.variance != best.vae.variance:
        best_off, rival_off = (abs(float(tried.kl_M.mean()) / capacity - 1) for tried in (bests, rivals))
        return best_off > CAPACITY_OFF and rival_off < CAPACITY_WITHIN
    betas = _betas(rival, best, bench)
    if rival.test.deviation > best.test.deviation + MOMENTS_AGAINST:
        return False
    if rivals.beats(bests, betas):
        return True
    if bests.beats(rivals, betas):
        return False
    nearer = MOMENTS_FOR if habitual else MOMENTS_BETWEEN
    if rival.test.passed and rival.test.deviation < best.test.deviation - nearer:
        return True
    if not habitual and rivals.of_draws > bests.of_draws + MINIMUM_SAVED:
        return True
    return not _states_beta(best) and rivals.beats(bests, PLAUSIBLE_BETAS)


def is_open(rival: Reading, best: Reading, bench: Bench) -> bool:
    """Whether nothing tells the two apart: each is the better one at its own beta, and the moments of neither fit."""
    rivals, bests = rival.reconstruction, best.reconstruction
    if rivals is None or bests is None or not rival.confirmed or rival.vae.variance == LAPLACE:
        return False
    if best.test.passed or _states_beta(best) or best.vae.capacity_nats:
        return False
    betas = _betas(rival, best, bench)
    return not rivals.beats(bests, betas) and not bests.beats(rivals, betas)


def better_factor(reading: Reading, bench: Bench, *, habitual: bool) -> float:
    """The factor on all log variances that fits clearly better, 1 if there is none.

    If the settings state beta, a factor fits better that lowers cost + beta KL at that beta and around it. If they
    state the capacity at which the KL was held, and the KL is well above it, the factor is taken that comes nearest to
    it. Otherwise a wrong base of the logarithm does not show: it only changes the beta at which the reading is at a
    minimum.

    Parameters
    ----------
    habitual : whether the reading is the code base's own; otherwise a smaller range around the stated beta is tried.
    """
    beta, own = reading.vae.beta, reading.reconstruction
    capacity = reading.vae.capacity_nats
    if own is None or reading.vae.variance == LAPLACE:
        return 1.0
    if capacity:
        if own.kl_M.mean() < (1 + CAPACITY_OFF) * capacity:
            return 1.0
        kl_nats = {factor: bench.rescaled(reading, factor).kl_M.mean() for factor in FACTORS}
        return min(kl_nats, key=lambda factor: abs(math.log(kl_nats[factor] / capacity)))
    if beta is None or beta <= 0:
        return 1.0
    betas = beta / STATED_WITHIN, beta * (STATED_WITHIN if habitual else 1)
    fitting = {}
    for factor in FACTORS:
        rescaled = bench.rescaled(reading, factor)
        saved = [own.objective_nats(beta_nats) - rescaled.objective_nats(beta_nats) for beta_nats in betas]
        needed = [RESCALED_SAVES * beta_nats * float(own.kl_M.mean()) for beta_nats in betas]
        if rescaled.beats(own, betas) and all(nats > least for nats, least in zip(saved, needed, strict=True)):
            fitting[factor] = own.objective_nats(beta) - rescaled.objective_nats(beta)
    return max(fitting, key=lambda factor: fitting[factor], default=1.0)


def _states_beta(reading: Reading) -> bool:
    return reading.vae.beta is not None and reading.vae.beta > 0


def _betas(rival: Reading, best: Reading, bench: Bench) -> tuple[float, ...]:
    """The betas at which the two readings are compared: around the stated beta, else their own betas."""
    if best.vae.beta is not None and best.vae.beta > 0:
        return best.vae.beta / STATED_WITHIN, best.vae.beta * STATED_WITHIN
    own = [bench.own_beta(reading) for reading in (rival, best)]
    possible = tuple(beta for beta in own if math.isfinite(beta) and beta > 0)
    return possible or PLAUSIBLE_BETAS
