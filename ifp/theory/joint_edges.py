"""The joint edge of a whole data set, and the spectrum behind it: the closed form of `ifp anneal --whole`.

Perturb the collapsed state of a VAE on all images (latent = noise, decoder = mean image m): the linear theory of
`ifp.theory.closed_form` holds as it stands, with all images in the place of one traversal's. The collapsed state is
unstable exactly below the largest eigenvalue of the covariance of the scaled images, (x - m) / sqrt(m (1 - m)) for
bernoulli and (x - m) / sigma for gaussian: the *joint edge*. For Gaussian data and linear networks each further
eigenvalue is the edge of one more latent (probabilistic PCA); for images they are the linear theory's spectrum, no
more.

Two edges of each factor bound what its company does to it. *Alone*: the largest eigenvalue of the covariance of the
factor's conditional mean images, exactly where the collapsed state would become unstable to an encoder that sees this
factor and nothing else. *Given the rest*: the edge of a traversal, where all other factors are known. Where factors
add up in the image the two are equal.

Shapes: N images, B images of a block, P pixels (V of them vary), K eigenvalues, F factors, R values of all factors, C
contexts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.linalg import eigh

from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.progress import Progress, silent
from ifp.theory.closed_form import freezing_bounds
from ifp.theory.image_moments import ImageBlocks, conditional_means, covariance

EIGENVALUES = 32
"""Default number of eigenvalues of the spectrum."""


@dataclass(frozen=True, eq=False)
class JointEdges:
    """The linear theory of a whole data set, in units of beta.

    Attributes
    ----------
    spectrum_K : the largest eigenvalues, falling; the first is the joint edge.
    alone_F : each factor's edge from its conditional mean images; empty for data without factors.
    given_rest_FC : edges of traversals of each factor in C contexts; NaN beyond the contexts that there are.
    factor_names : of both.
    images, everything : images read, and images there are. Fewer than all add noise to `alone_F`: about the joint
        edge x (values of the factor) / images.
    pixels : how many vary.
    """

    spectrum_K: np.ndarray
    alone_F: np.ndarray
    given_rest_FC: np.ndarray
    factor_names: tuple[str, ...]
    images: int
    everything: int
    pixels: int

    @property
    def joint_edge(self) -> float:
        """The beta above which nothing is held."""
        return float(self.spectrum_K[0])


def joint_edges(
    dataset: FactorDataset,
    likelihood: str | Likelihood = "bernoulli",
    *,
    sigma: float = 1.0,
    images: int = 0,
    seed: int = 0,
    probability: Callable[[np.ndarray], np.ndarray] | None = None,
    eigenvalues: int = EIGENVALUES,
    contexts: int = 8,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> JointEdges:
    """The joint edge and the spectrum of a whole data set, and each factor's edges, without training.

    Parameters
    ----------
    likelihood, sigma : see `ifp.likelihood`.
    images : how many are drawn by `seed`, those that a training with the same number sees; 0 for all. Where the
        nuisance is endless, all means one image per combination of factors.
    probability : of images from their positions [N, F]; None for all alike.
    eigenvalues : of the spectrum, at most. contexts : traversals of each factor; 0 leaves `given_rest_FC` empty.
    device : of the products.

    Raises
    ------
    IfpError : an unknown likelihood, or images of which none differs from the others.
    """
    likelihood = as_likelihood(likelihood, sigma)
    source = ImageBlocks(dataset, images, seed, probability, torch.device(device), progress)
    means_RP, weight_R, varies_P = conditional_means(source)
    if not varies_P.any():
        raise IfpError(f"All {len(source)} images of {dataset.name} are equal, so no information can freeze.")
    varies_P = np.flatnonzero(varies_P)
    mean_V = weight_R[: source.sizes[0]] @ means_RP[: source.sizes[0]][:, varies_P]
    scale_V = np.sqrt(likelihood.variance(mean_V))
    covariance_VV = covariance(source, varies_P, mean_V) / scale_V / scale_V[:, None]
    count = min(eigenvalues, len(varies_P))
    spectrum_K = eigh(covariance_VV, eigvals_only=True, subset_by_index=[len(varies_P) - count, len(varies_P) - 1])
    labelled = dataset.labelled
    shift_RV = np.sqrt(weight_R)[:, None] * (means_RP[:, varies_P] - mean_V) / scale_V
    starts = np.cumsum((0, *source.sizes))
    alone = [np.linalg.norm(shift_RV[a:b], 2) ** 2 for a, b in pairwise(starts)]
    given_rest_FC = np.empty((0, 0))
    if labelled and contexts:
        given_rest_FC = conditional_edges(dataset, likelihood, contexts=contexts, seed=seed, progress=progress)
    return JointEdges(
        spectrum_K[::-1].copy(),
        np.array(alone if labelled else []),
        given_rest_FC,
        dataset.space.names if labelled else (),
        len(source),
        source.everything,
        len(varies_P),
    )


def conditional_edges(
    dataset: FactorDataset,
    likelihood: str | Likelihood = "bernoulli",
    *,
    sigma: float = 1.0,
    contexts: int = 8,
    seed: int = 0,
    progress: Progress = silent,
) -> np.ndarray:
    """Lower edge of traversals of each factor [F, C]: 0 where nothing moves, NaN beyond the contexts that there are."""
    names = dataset.space.names
    edge_FC = np.full((len(names), contexts), np.nan)
    for at, factor in enumerate(names):
        there = dataset.num_contexts(factor)
        for number, traversal in enumerate(
            dataset.sample_traversals(factor, min(contexts, there), seed) if there else ()
        ):
            images = dataset.render(traversal.positions_NF(), np.array(traversal.nuisance, dtype=np.int64))
            flat = (images == images[:1]).all()
            bounds = None if flat else freezing_bounds(images, likelihood, sigma=sigma, upper=False)
            edge_FC[at, number] = 0.0 if bounds is None else bounds.beta_closed_form_M[0]
        progress("Edges of traversals", at + 1, len(names))
    return edge_FC
