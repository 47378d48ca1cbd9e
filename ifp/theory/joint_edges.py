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

Images are read in blocks, twice: for the means, and for the covariance of the pixels that vary (float32 products of a
block, summed in float64).

Shapes: N images, B images of a block, P pixels (V of them vary), K eigenvalues, F factors, R values of all factors, C
contexts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import grid_of
from ifp.errors import IfpError
from ifp.likelihood import Likelihood, as_likelihood
from ifp.system.progress import Progress, silent
from ifp.theory.closed_form import freezing_bounds

BLOCK = 4096
"""Images a block: its sums of binary pixels are exact in float32."""
EIGENVALUES = 32
KEPT_BYTES = 2**30
"""Rendered images up to so many bytes are kept for the second reading."""


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

    @property
    def given_rest_F(self) -> np.ndarray:
        """Median edge of each factor's traversals."""
        return np.nanmedian(self.given_rest_FC, axis=1) if self.given_rest_FC.size else np.zeros(len(self.alone_F))


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
    source = _Source(dataset, images, seed, probability, torch.device(device), progress)
    means_RP, weight_R, varies_P = _conditional_means(source)
    if not varies_P.any():
        raise IfpError(f"All {len(source)} images of {dataset.name} are equal, so no information can freeze.")
    varies_P = np.flatnonzero(varies_P)
    mean_V = weight_R[: source.sizes[0]] @ means_RP[: source.sizes[0]][:, varies_P]
    scale_V = np.sqrt(likelihood.variance(mean_V))
    covariance_VV = _covariance(source, varies_P, mean_V) / scale_V / scale_V[:, None]
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


class _Source:
    """The images in blocks, as often as needed, with the weight of each and its place among the factors' values."""

    def __init__(
        self,
        dataset: FactorDataset,
        images: int,
        seed: int,
        probability: Callable[[np.ndarray], np.ndarray] | None,
        device: torch.device,
        progress: Progress,
    ) -> None:
        self.dataset, self.device, self.progress = dataset, device, progress
        self.everything = len(dataset.space) * max(1, dataset.nuisance_values)
        chosen = images and images < self.everything
        self._grid = None if chosen else grid_of(dataset, progress)
        if self._grid is None:
            self.positions_NF, self._nuisance_N = dataset.sample_images(images or self.everything, seed)
        else:
            self.positions_NF = dataset.space.unravel(np.arange(len(self._grid)))
        count = len(self.positions_NF)
        # data without factors have one "factor", the image's number: all images are then one group
        self.sizes = dataset.space.sizes if dataset.labelled else (1,)
        offset_F = np.cumsum((0, *self.sizes[:-1]))
        self.rows_NF = self.positions_NF + offset_F if dataset.labelled else np.zeros((count, 1), dtype=np.int64)
        self._kept: list[np.ndarray] | None = (
            [] if self._grid is None and count * dataset.num_pixels <= KEPT_BYTES else None
        )
        self.weight_N = np.full(count, 1 / count) if probability is None else probability(self.positions_NF)

    def __len__(self) -> int:
        return len(self.positions_NF)

    def blocks(self, text: str) -> Iterator[tuple[slice, Tensor]]:
        """Rows, and their images in [0, 1], float32 [B, P] on the device."""
        for start in range(0, len(self), BLOCK):
            rows = slice(start, min(start + BLOCK, len(self)))
            pixels = self._pixels(rows, start // BLOCK)
            yield rows, torch.from_numpy(pixels.reshape(len(pixels), -1)).to(self.device).float().div_(255)
            self.progress(text, rows.stop, len(self))

    def _pixels(self, rows: slice, block: int) -> np.ndarray:
        if self._grid is not None:
            return self._grid.images(np.arange(rows.start, rows.stop))
        if self._kept is not None and block < len(self._kept):
            return self._kept[block]
        pixels = self.dataset.render(self.positions_NF[rows], self._nuisance_N[rows])
        if self._kept is not None:
            self._kept.append(pixels)
        return pixels


def _conditional_means(source: _Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean image of each value of each factor [R, P], the value's weight [R], and which pixels vary [P]."""
    count, pixels = sum(source.sizes), source.dataset.num_pixels
    sum_RP = np.zeros((count, pixels))
    weight_R = np.zeros(count)
    low = torch.full((pixels,), torch.inf, device=source.device)
    high = torch.full((pixels,), -torch.inf, device=source.device)
    for rows, x_BP in source.blocks("Mean images"):
        weight_B = source.weight_N[rows]
        at_BF = torch.from_numpy(source.rows_NF[rows]).to(source.device)
        member_RB = torch.zeros(count, len(x_BP), device=source.device)
        # weights of the block relative to its largest, which float32 holds well
        top = float(weight_B.max()) or 1.0
        share_B = torch.from_numpy(weight_B / top).float().to(source.device)
        member_RB.scatter_(0, at_BF.T, share_B.expand(at_BF.shape[1], -1))
        sum_RP += top * (member_RB @ x_BP).double().cpu().numpy()
        for factor in range(at_BF.shape[1]):
            weight_R += np.bincount(source.rows_NF[rows, factor], weights=weight_B, minlength=count)
        low, high = torch.minimum(low, x_BP.amin(0)), torch.maximum(high, x_BP.amax(0))
    means_RP = sum_RP / np.where(weight_R > 0, weight_R, 1)[:, None]
    return means_RP, weight_R, (high > low).cpu().numpy()


def _covariance(source: _Source, varies_V: np.ndarray, mean_V: np.ndarray) -> np.ndarray:
    """Covariance of the pixels that vary [V, V], float64; whitening is left to the caller."""
    total_VV = np.zeros((len(varies_V), len(varies_V)))
    kept, mean = torch.from_numpy(varies_V).to(source.device), torch.from_numpy(mean_V).float().to(source.device)
    uniform = bool((source.weight_N == source.weight_N[0]).all())
    for rows, x_BP in source.blocks("Covariance of the pixels"):
        centred_BV = x_BP.index_select(1, kept).sub_(mean)
        if not uniform:
            weight_B = source.weight_N[rows] * len(source)
            centred_BV *= torch.from_numpy(np.sqrt(weight_B)).float().to(source.device)[:, None]
        total_VV += _gram(centred_BV)
    # a mean rounded to float32 is not quite the mean: what is left of it is taken off
    left_V = mean_V - mean.double().cpu().numpy()
    return np.asarray(total_VV / len(source) - np.outer(left_V, left_V))


def _gram(x_BV: Tensor) -> np.ndarray:
    """x^T x; on a CPU by NumPy, which knows that it is symmetric and does half the work."""
    if x_BV.device.type == "cpu":
        x = x_BV.numpy()
        return x.T @ x
    return (x_BV.T @ x_BV).cpu().numpy()
