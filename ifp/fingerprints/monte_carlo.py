"""Information, NMI and VI of whole latent spaces by Monte Carlo, in bits.

    I(X; U) = mean over draws x of the images, u of p(u | x), of -log2 (1 / N) sum over images m of p(u | m) / p(u | x)

(Murphy, Dillavou and Bassett, arXiv:2405.21042). Two looks, and two spaces, are independent given x, so that their
ratios multiply. Each ratio is the exponential of a difference of log densities: in many dimensions the densities
underflow where the ratios do not, and a ratio cannot grow out of reach, since its mean over draws is at most 1.
The same draws serve all quantities, so that their errors are known together.

Shapes: N images, E spaces, D dimensions of one space, K of all, S draws, B draws of a block, M images of a chunk,
A alone (one look, two), P pairs of spaces, Q the five quantities of a pair as in `ifp.fingerprints.comparisons`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ifp.errors import IfpError, bad_value
from ifp.fingerprints.comparisons import SpaceComparisons
from ifp.fingerprints.estimates import Estimate
from ifp.system.progress import Progress, silent

DRAWS = 20_000
CHUNK_IMAGES = 1024
BLOCK_ENTRIES = 2**18
"""Number of ratios in one block on a CPU: 2 MB over all spaces, which the cache of one core holds."""
GPU_ENTRIES = 2**26
"""Number of ratios in one block on a GPU."""
LEAST_ROWS = 64
"""Minimum number of draws in one block: with fewer, most of the time would be spent on calls."""
WIDEST = 600.0
"""Log variances are clipped to this absolute value, because larger ones overflow float64 when exponentiated."""
NARROWEST = 1e-5
"""Posteriors narrower than this share of their mean's distance from the median are widened to it: squares of means over
variances are known to 1e-16 of themselves, and so the ratios to 1e-5."""


class Posteriors(Protocol):
    """Of N images in one space: `ifp.codes.Codes` and what looks like it; logvar is the log of the variance."""

    @property
    def mean_ND(self) -> np.ndarray: ...

    @property
    def logvar_ND(self) -> np.ndarray: ...


def compare_all(
    spaces: Sequence[Posteriors],
    *,
    samples: int = DRAWS,
    generator: np.random.Generator,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> SpaceComparisons:
    """Information of each space, and NMI and VI of all pairs, each with its standard error; the same draws serve all.

    Errors are those of means over draws. They are carried on to NMI and VI to first order (the delta method) with the
    covariance of the five quantities of a pair over the same draws. The pairs' joint terms are matrix products over the
    spaces' ratios, so that the cost grows with E and not with E^2; memory is 4 D + 2 numbers per image and space.

    Parameters
    ----------
    spaces : posteriors of the same N images. The images are taken for the whole data, so no information exceeds
        log2 N: give all of them, not a sample.
    samples : how many draws.

    Raises
    ------
    IfpError : no spaces, posteriors that are not finite [images, dimensions], spaces of different images, fewer than 2
        samples.
    """
    draws = _Draws([_Space(s.mean_ND, s.logvar_ND, device) for s in spaces], samples, generator)
    upper = np.triu_indices(len(spaces), 1)
    mean_PQ, product_PQQ = np.zeros((len(upper[0]), 5)), np.zeros((len(upper[0]), 5, 5))
    # written into place: small arrays kept from each block would lie in the gaps of the large ones, so memory grew
    alone_ASE = np.empty((2, samples, len(spaces)))
    done = 0
    for single_BE, twin_BE, joint_BEE in draws.bits():
        values_BPQ = np.stack(
            [a[:, i] for a in (single_BE, twin_BE) for i in upper] + [joint_BEE[:, upper[0], upper[1]]], axis=-1
        )
        # merge the moments about the mean (Chan, Golub and LeVeque 1983): sums of squares would lose small variances
        block = len(values_BPQ)
        block_mean_PQ = values_BPQ.mean(axis=0)
        from_mean_BPQ = values_BPQ - block_mean_PQ
        shift_PQ = block_mean_PQ - mean_PQ
        product_PQQ += np.einsum("bpq,bpr->pqr", from_mean_BPQ, from_mean_BPQ)
        product_PQQ += shift_PQ[:, :, None] * shift_PQ[:, None] * (done * block / (done + block))
        mean_PQ += shift_PQ * (block / (done + block))
        alone_ASE[:, done : done + block] = single_BE, twin_BE
        done += block
        progress("Monte Carlo (draws)", done, samples)
    return SpaceComparisons(
        tuple(_estimate(values_S) for values_S in alone_ASE[0].T),
        tuple(_estimate(values_S) for values_S in alone_ASE[1].T),
        mean_PQ,
        product_PQQ / (samples * (samples - 1)),
        draws.images,
    )


class _Space:
    """Posteriors on the device, as what a draw's log densities under all of them are linear in."""

    def __init__(self, mean_ND: np.ndarray, logvar_ND: np.ndarray, device: torch.device | str) -> None:
        if mean_ND.ndim != 2 or mean_ND.shape != logvar_ND.shape or not mean_ND.size:
            raise IfpError(
                f"mean and logvar must both be [images, dimensions], got {mean_ND.shape} and {logvar_ND.shape}."
            )
        if not (np.isfinite(mean_ND).all() and np.isfinite(logvar_ND).all()):
            raise IfpError("The posteriors hold NaN or infinite values, so that they hold no information to measure.")
        # float64: differences of squares, and the product of two ratios, need its digits and its range
        mean = torch.from_numpy(np.asarray(mean_ND, dtype=np.float64) - np.median(mean_ND, axis=0)).to(device)
        logvar = torch.from_numpy(np.array(logvar_ND, dtype=np.float64)).to(device)
        logvar = torch.maximum(logvar, 2 * (mean.abs() * NARROWEST).log()).clamp_(-WIDEST, WIDEST)
        precision = (-logvar).exp()
        self.mean_ND, self.logvar_ND = mean, logvar
        # ln p(u | m) - ln p(u | x) is the product of these with what `draw` gives
        offset_N = (mean.square() * precision + logvar).sum(dim=1) / 2
        parts = [-precision / 2, mean * precision, -offset_N[:, None], torch.ones_like(offset_N)[:, None]]
        self.weights_KN = torch.cat(parts, dim=1).T.contiguous()
        self.images, self.dimensions = mean_ND.shape

    def draw(self, index_B: Tensor, noise_BD: Tensor) -> Tensor:
        """One draw u from the posterior of each image x at `index`: u^2, u, 1 and -ln p(u | x), [B, 2 D + 2]."""
        logvar_BD = self.logvar_ND[index_B]
        drawn_BD = self.mean_ND[index_B] + (logvar_BD / 2).exp() * noise_BD
        own_B = (noise_BD.square() + logvar_BD).sum(dim=1) / 2
        return torch.cat([drawn_BD.square(), drawn_BD, torch.ones_like(own_B)[:, None], own_B[:, None]], dim=1)


class _Draws:
    """The same images and noise for all spaces, which do not depend on the device or the size of blocks."""

    def __init__(self, spaces: list[_Space], samples: int, generator: np.random.Generator) -> None:
        if samples < 2:
            raise bad_value("samples", samples, "at least 2", "the error needs more than one")
        if not spaces:
            raise IfpError("There are no spaces to compare.")
        if len({space.images for space in spaces}) > 1:
            raise IfpError("Spaces can be compared only on the same images; give each space the posteriors of all.")
        self._spaces, self._generator = spaces, generator
        self.images = spaces[0].images
        self._index_S = generator.integers(self.images, size=samples)

    def bits(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """-log2 of the mean ratio of one look [B, E], of two [B, E] and of one through each of two spaces [B, E, E].

        Each draw has two looks, and what takes one of them is the mean over both. The last's diagonal means nothing.
        """
        spaces, device = self._spaces, self._spaces[0].mean_ND.device
        chunk = min(CHUNK_IMAGES, self.images)
        entries = BLOCK_ENTRIES if device.type == "cpu" else GPU_ENTRIES
        block = max(entries // (2 * chunk * len(spaces)), LEAST_ROWS)
        sizes = [space.dimensions for space in spaces]
        buffer_LEBM = torch.empty(2, len(spaces), block, chunk, dtype=torch.float64, device=device)
        for start in range(0, len(self._index_S), block):
            index_B = torch.from_numpy(self._index_S[start : start + block]).to(device)
            noise_BLK = torch.from_numpy(self._generator.standard_normal((len(index_B), 2, sum(sizes)))).to(device)
            noise = noise_BLK.split_with_sizes(sizes, dim=2)
            drawn = [[s.draw(index_B, n[:, i]) for s, n in zip(spaces, noise, strict=True)] for i in range(2)]
            rows = len(index_B)
            single_LEB, twin_EB, joint_LBEE = (
                torch.zeros(shape, dtype=torch.float64, device=device)
                for shape in ((2, len(spaces), rows), (len(spaces), rows), (2, rows, len(spaces), len(spaces)))
            )
            for begin in range(0, self.images, chunk):
                stop = min(begin + chunk, self.images)
                ratios_LEBM = buffer_LEBM[:, :, :rows, : stop - begin]
                for ratios_EBM, look in zip(ratios_LEBM, drawn, strict=True):
                    for ratios_BM, space, features_BK in zip(ratios_EBM, spaces, look, strict=True):
                        torch.mm(features_BK, space.weights_KN[:, begin:stop], out=ratios_BM)
                # a mean ratio is 1 over draws, so that by Markov's inequality e^300 has the probability e^-300
                ratios_LEBM.exp_()
                single_LEB += ratios_LEBM.sum(dim=3)
                for joint_BEE, ratios_EBM in zip(joint_LBEE, ratios_LEBM, strict=True):
                    ratios_BEM = ratios_EBM.transpose(0, 1)
                    joint_BEE.baddbmm_(ratios_BEM, ratios_BEM.mT)
                twin_EB += ratios_LEBM[0].mul_(ratios_LEBM[1]).sum(dim=2)
            bits = [-(sums / self.images).log2() for sums in (single_LEB.mT, twin_EB.T[None], joint_LBEE)]
            single_BE, twin_BE, joint_BEE = (each.mean(dim=0).cpu().numpy() for each in bits)
            yield single_BE, twin_BE, joint_BEE


def _estimate(values_S: np.ndarray) -> Estimate:
    """The mean over draws and its standard error."""
    return Estimate(float(values_S.mean()), float(values_S.std(ddof=1) / np.sqrt(len(values_S))))
