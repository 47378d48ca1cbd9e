"""Codes: what an encoder says of N images, beside the factors that made them.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifp.errors import IfpError

LARGEST_MEAN = 1e8
"""A posterior mean beyond this is no code of a model that was trained with KL to N(0, 1)."""


@dataclass(frozen=True, eq=False)
class Codes:
    """The posteriors N(mean, exp(logvar)) of N images, and the images' factors where they are known.

    Attributes
    ----------
    mean_ND, logvar_ND : float64; logvar is the log of the variance.
    factors_NF : integer positions of the factors (0 <= position < size), [N, 0] for data without factors.
    factor_names, factor_sizes : one entry a factor; the size is the number of values the factor can take.
    """

    mean_ND: np.ndarray
    logvar_ND: np.ndarray
    factors_NF: np.ndarray
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.mean_ND.ndim != 2 or self.mean_ND.shape != self.logvar_ND.shape or not self.mean_ND.size:
            raise IfpError(
                f"mean and logvar must both be [images, latents], got {self.mean_ND.shape} and {self.logvar_ND.shape}."
            )
        if not (np.isfinite(self.mean_ND).all() and np.isfinite(self.logvar_ND).all()):
            raise IfpError(
                "The posteriors hold NaN or infinite values; the encoder has diverged or was misread, so nothing can "
                "be measured."
            )
        with np.errstate(over="ignore"):
            huge = np.abs(self.mean_ND).max() > LARGEST_MEAN or not np.isfinite(self.kl_nats_D()).all()
        if huge:
            raise IfpError(
                f"The posteriors' means lie beyond {LARGEST_MEAN:g} or their KL beyond any number; the encoder has "
                "diverged or was misread, so nothing can be measured."
            )
        if self.factors_NF.shape != (len(self.mean_ND), len(self.factor_names)):
            raise IfpError(
                f"factors must be [images, factors] = [{len(self.mean_ND)}, {len(self.factor_names)}], "
                f"got {self.factors_NF.shape}."
            )
        if len(self.factor_sizes) != len(self.factor_names):
            raise IfpError("Each factor needs its number of values.")
        if self.factors_NF.size and (
            (self.factors_NF < 0).any() or (self.factors_NF >= np.array(self.factor_sizes)).any()
        ):
            raise IfpError("A factor's position lies outside 0 ... size - 1; give integer positions.")

    def __len__(self) -> int:
        return len(self.mean_ND)

    @property
    def num_latents(self) -> int:
        """D."""
        return self.mean_ND.shape[1]

    @property
    def has_factors(self) -> bool:
        """Whether anything is known of what made the images."""
        return bool(self.factor_names)

    def kl_nats_D(self) -> np.ndarray:
        """KL(q(z_j | x) || N(0, 1)) of each latent, averaged over the images."""
        return kl_nats(self.mean_ND, self.logvar_ND).mean(axis=0)


def kl_nats(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per image and latent (Kingma and Welling 2014, appendix B)."""
    return 0.5 * (mean_ND**2 + np.exp(logvar_ND) - 1 - logvar_ND)
