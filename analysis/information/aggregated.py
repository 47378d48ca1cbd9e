"""Information of all latents together about each factor by the aggregated posterior, where the images suffice for it.

With q(z) the mean of the posteriors of all images and q(z|v) that of the images of value v, I(z; v) is the mean of
ln q(z|v) - ln q(z) over images and z ~ q(z|x). The image a draw came from is among them: with it the estimate is too
high (where posteriors hardly overlap it is the whole entropy, whatever the codes hold), without it too low. The two
bracket the truth of these posteriors, and where they part, many more images would be needed.

Shapes: N images, S of them drawn from, D latents, F factors, V values.
"""

from __future__ import annotations

import numpy as np

from ifp.codes import Codes
from ifp.seeds import numpy_generator

DRAWN = 1000
_ENTRIES = 2**21
"""Maximum number of densities (draws x images x latents) in memory at a time."""


def aggregated_nats(codes: Codes, *, seed: int = 0, drawn: int = DRAWN) -> tuple[np.ndarray, np.ndarray]:
    """Information about each factor without and with each draw's own image among the posteriors: low_F, high_F, nats.

    References
    ----------
    Chen et al., Isolating Sources of Disentanglement (2018), section 4 and appendix C, for the estimate with it.
    """
    generator = numpy_generator(seed, "aggregated")
    image_S = np.sort(generator.choice(len(codes), size=min(drawn, len(codes)), replace=False))
    noise_SD = generator.standard_normal((len(image_S), codes.num_latents))
    z_SD = codes.mean_ND[image_S] + np.exp(0.5 * codes.logvar_ND[image_S]) * noise_SD
    gain_SAF = np.zeros((len(image_S), 2, len(codes.factor_names)))
    rows = max(1, _ENTRIES // codes.mean_ND.size)
    precision_ND = np.exp(-codes.logvar_ND)
    for first in range(0, len(image_S), rows):
        part = slice(first, first + rows)
        distance_SND = (z_SD[part, None] - codes.mean_ND) ** 2 * precision_ND
        log_SN = -0.5 * (distance_SND + codes.logvar_ND).sum(axis=2)
        own_S = (np.arange(log_SN.shape[0]), image_S[part])
        gain_SAF[part, 1] = _gains(log_SN, codes.factors_NF, image_S[part])
        log_SN[own_S] = -np.inf
        gain_SAF[part, 0] = _gains(log_SN, codes.factors_NF, image_S[part])
    low_F, high_F = gain_SAF.mean(axis=0)
    return low_F, high_F


def _gains(log_SN: np.ndarray, factors_NF: np.ndarray, image_S: np.ndarray) -> np.ndarray:
    """ln q(z|v) - ln q(z) of each draw and factor [S, F], v the value of the draw's image.

    A share of 1 / N of each factor's own distribution is mixed in: a value none of whose other images is near would
    cost infinitely much.
    """
    weight_SN = np.exp(log_SN - log_SN.max(axis=1, keepdims=True))
    weight_SN /= weight_SN.sum(axis=1, keepdims=True)
    gain_SF = np.empty((len(image_S), factors_NF.shape[1]))
    for factor, value_N in enumerate(factors_NF.T):
        share = np.bincount(value_N)[value_N[image_S]] / len(value_N)
        of_value_S = np.where(value_N[None] == value_N[image_S, None], weight_SN, 0).sum(axis=1)
        mixed = 1 / len(value_N)
        gain_SF[:, factor] = np.log((1 - mixed) * of_value_S / share + mixed)
    return gain_SF
