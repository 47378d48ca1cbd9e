"""Codes that are uniform on [-1, 1], as InfoGAN's are: their entropy, what is known of them, and their scale.

Everything that measures posteriors here compares them with the prior N(0, 1). Times sqrt(3), a uniform code has its
variance, and a posterior that knows nothing of the code, N(0, 1/3), is N(0, 1) itself.

Shapes: N images, D codes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CODE_ENTROPY_NATS = math.log(2)
"""Entropy of one code."""
LOWEST_LOGVAR = -10.0
"""Log variances are clamped here: where images show a code without loss, its likelihood has no maximum."""
SCALE = math.sqrt(3)
"""Factor from a code to one of variance 1."""
PRESSURE = "1 / weight of information"
"""What stands in the place of beta, the weight of a KL that a GAN has not."""
SCALING = "codes are U(-1, 1), of variance 1/3: means times sqrt(3), log variances + ln 3"
"""How codes are handed over, in words."""


def information_bound(nll: Any) -> Any:
    """Lower bound on the information of an image on a code, H - NLL (Chen et al. 2016, InfoGAN, equation 5).

    A Gaussian is not the posterior of a code of which nothing is known: the bound is then negative, not 0.

    >>> round(information_bound(0.5 * math.log(2 * math.pi * math.e / 3)), 6)
    -0.176485
    """
    return CODE_ENTROPY_NATS - nll


def handed_over(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors on the scale of the prior N(0, 1).

    >>> mean, logvar = handed_over(np.zeros(1), np.full(1, -math.log(3)))
    >>> float(mean[0]), float(logvar[0])
    (0.0, 0.0)
    """
    return SCALE * mean_ND, logvar_ND + math.log(3)
