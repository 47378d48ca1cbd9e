"""Means and covariance of all images of a data set, read in blocks, twice.

Products of a block are float32 (its sums of binary pixels are exact there), sums over blocks float64.

Shapes: N images, B images of a block, P pixels (V of them vary), F factors, R values of all factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import grid_of
from ifp.system.progress import Progress

BLOCK = 4096
"""Images per block: its sums of binary pixels are exact in float32."""
KEPT_BYTES = 2**30
"""Rendered images up to this many bytes in all are kept for the second reading."""


class ImageBlocks:
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
        self.everything = dataset.listed_images
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


def conditional_means(source: ImageBlocks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def covariance(source: ImageBlocks, varies_V: np.ndarray, mean_V: np.ndarray) -> np.ndarray:
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
