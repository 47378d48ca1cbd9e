"""What is wrong with codes, where something plainly is: a model that does not see its images, or was misread.

Shapes: N images, D latents.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ifp.codes import ACTIVE_NATS, kl_nats

CONSTANT_SHARE = 1e-3
"""A KL whose standard deviation over images is below this share of its mean is constant: on every natural data set some
images hold more information than others."""
IN_A_ROW = {"wide": 3}
"""Records in a row after which a doubt is one: the variances of a young network overshoot the prior's for a while."""
LARGEST_NATS = 100.0
"""No latent of a trained VAE holds this much: exp(100) values could be told apart by it."""


def doubts(
    mean_ND: np.ndarray, logvar_ND: np.ndarray, before: tuple[int, np.ndarray, np.ndarray] | None
) -> Mapping[str, str]:
    """One sentence per thing that is plainly wrong, by a word for it; each is worth saying once.

    Parameters
    ----------
    before : step, mean and log variance of the record before.

    >>> list(doubts(np.ones((60, 2)), np.zeros((60, 2)), None))
    ['constant']
    """
    found = {}
    kl_ND = kl_nats(mean_ND, logvar_ND)
    kl_N, kl_D = kl_ND.sum(axis=1), kl_ND.mean(axis=0)
    total = float(kl_N.mean())
    if total >= ACTIVE_NATS and kl_N.std() < CONSTANT_SHARE * total:
        found["constant"] = (
            f"The KL is {total:.3g} nats for every image, so the model does not tell them apart; say by "
            "the recorder's arguments layout and scale what it takes, and hand in the model that is trained."
        )
    if logvar_ND.min() >= 0 and logvar_ND.max() > 1e-6:
        found["wide"] = (
            f"Every log variance is positive ({logvar_ND.min():.3g} to {logvar_ND.max():.3g}), so each posterior is "
            "wider than the prior; if it is the standard deviation or the variance, say variance='sigma' or 'variance'."
        )
    if kl_D.max() > LARGEST_NATS:
        found["large"] = (
            f"The KL of latent {int(kl_D.argmax())} is {kl_D.max():.4g} nats, more than any latent holds; say by "
            "the recorder's arguments scale, head and variance what the model takes and returns."
        )
    if before is not None and np.array_equal(before[1], mean_ND) and np.array_equal(before[2], logvar_ND):
        found["unchanged"] = (
            f"The codes are those of step {before[0]:,}, to the last bit; hand in the model that is trained, not a "
            "copy of it."
        )
    return found
