"""TrainingImages: a data set on the device as bytes, from which batches are taken by index.

Binary images that the data set keeps packed (8 pixels per byte) are unpacked once where memory allows, and batch by
batch where it does not. Images that lie in a file, and would take over STORED_BYTES of the CPU's memory, are read batch
by batch. The numbers are the same.

Shapes: N images, P pixels, F factors, M members, B images of a batch, K steps of a block.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ifp.datasets.base import FactorDataset
from ifp.datasets.cache import PackedGrid, grid_of
from ifp.datasets.image_file import ImageFile
from ifp.datasets.stored_grid import stored_images
from ifp.errors import IfpError
from ifp.likelihood import Likelihood
from ifp.networks.fully_connected import PixelStatistics
from ifp.system.progress import Progress, silent

RENDERED = 1024
"""Images rendered at a time."""
UNPACKED_SHARE, MEMORY_SHARE = 0.25, 0.6
"""Shares of the free memory that unpacked binary images, and any images, may take."""
STORED_BYTES = 2**30
"""Images of a file that take more than this are not brought into the CPU's memory."""
STATISTICS_IMAGES = 20_000
"""Images, evenly spaced, from which the mean image is taken."""


class TrainingImages:
    """N images as uint8 [N, P] on the device, or packed [N, P / 8].

    Parameters
    ----------
    bytes_NP : the images, 0..255, or eight binary pixels per byte, the first in the highest bit.
    positions_NF : the factor positions of each image.
    packed : whether they are packed.
    probability_N : how likely each image is drawn, sum 1; None for all alike.
    stored : the file in which the images lie, and the number of each in it; `bytes_NP` has no rows then.
    """

    def __init__(
        self,
        bytes_NP: Tensor,
        image_shape: tuple[int, int, int],
        positions_NF: np.ndarray,
        *,
        packed: bool = False,
        probability_N: np.ndarray | None = None,
        stored: tuple[ImageFile, np.ndarray] | None = None,
    ) -> None:
        self.bytes_NP = bytes_NP
        self.stored = stored
        self.image_shape = image_shape
        self.positions_NF = positions_NF
        self.packed = packed
        self._shifts_8 = torch.arange(7, -1, -1, dtype=torch.uint8, device=bytes_NP.device)
        self._cumulative_N = None if probability_N is None else torch.from_numpy(np.cumsum(probability_N))

    def __len__(self) -> int:
        return len(self.positions_NF)

    @property
    def device(self) -> torch.device:
        """Where the images lie."""
        return self.bytes_NP.device

    def to(self, device: str | torch.device) -> TrainingImages:
        """The same images on a device; themselves where they are there."""
        moved = self.bytes_NP.to(device)
        if moved is self.bytes_NP:
            return self
        images = TrainingImages(moved, self.image_shape, self.positions_NF, packed=self.packed, stored=self.stored)
        images._cumulative_N = self._cumulative_N
        return images

    def describe(self) -> str:
        """Where the images are kept and how, in a few words."""
        if self.stored is not None:
            return f"{len(self):,} images, read batch by batch from {self.stored[0].path}"
        size = self.bytes_NP.numel() / 2**20
        how = "8 binary pixels per byte, unpacked batch by batch" if self.packed else "one byte per pixel"
        return f"{len(self):,} images in the memory of {self.device.type}, {size:,.0f} MiB, {how}"

    def draw(self, generator: torch.Generator, steps: int, batch: int) -> Tensor:
        """Indices [K, B] of independent images, with replacement; on the CPU, from a generator of the CPU.

        So the batches of a seed are the same on every device.
        """
        if self._cumulative_N is None:
            return torch.randint(len(self), (steps, batch), generator=generator)
        # one draw u of (0, 1) falls between two sums of probabilities; rounding may take the last sum below 1
        u = torch.rand(steps, batch, generator=generator, dtype=torch.float64) * self._cumulative_N[-1]
        return torch.searchsorted(self._cumulative_N, u, right=True).clamp_(max=len(self) - 1)

    def at(self, index_MB: Tensor) -> Tensor:
        """The images at these indices as float32 in [0, 1], [M, B, P]."""
        if self.stored is not None:
            file, number_N = self.stored
            images = torch.from_numpy(file.images(number_N[index_MB.flatten().cpu().numpy()]))
            return images.to(self.device).flatten(1).float().div_(255).reshape(*index_MB.shape, -1)
        rows = self.bytes_NP.index_select(0, index_MB.flatten().to(self.device))
        if self.packed:
            rows = rows[:, :, None].bitwise_right_shift(self._shifts_8).bitwise_and_(1).flatten(1)
            return rows.float().reshape(*index_MB.shape, -1)
        return rows.float().div_(255).reshape(*index_MB.shape, -1)

    def statistics(self, likelihood: Likelihood) -> PixelStatistics:
        """Mean image and the output bias that gives it, for fresh networks; pixels in [0, 1], weight 1."""
        step = max(1, len(self) // STATISTICS_IMAGES)
        chosen = torch.arange(0, len(self), step)
        total = torch.zeros(int(np.prod(self.image_shape)), dtype=torch.float64)
        for start in range(0, len(chosen), RENDERED):
            total += self.at(chosen[None, start : start + RENDERED])[0].double().sum(0).cpu()
        mean = total / len(chosen)
        return PixelStatistics(torch.ones(len(mean)), mean.float(), likelihood.output_for(mean).float())


def load_images(
    dataset: FactorDataset,
    count: int,
    seed: int,
    device: str | torch.device,
    *,
    probability: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: Progress = silent,
) -> TrainingImages:
    """The images of `dataset`, or `count` of them drawn by `seed`, on the device.

    Parameters
    ----------
    count : 0 for all. Where the nuisance is endless (noise, colours), all means one image per combination of factors.
    probability : gives the probabilities of drawing images [N] from their positions [N, F]; None for all alike.

    Raises
    ------
    IfpError : not enough free memory.
    """
    everything = dataset.listed_images
    grid = grid_of(dataset, progress) if count == 0 or count >= everything else None
    if grid is not None:
        positions_NF = dataset.space.unravel(np.arange(len(grid)))
        unpack = len(grid) * dataset.num_pixels <= UNPACKED_SHARE * free_bytes(device)
        _check_memory(dataset, len(grid), grid.packed_NP.size, device)
        pixels = _unpacked(grid, progress) if unpack else np.array(grid.packed_NP)
        packed = not unpack
    else:
        positions_NF, nuisance_N = dataset.sample_images(count or everything, seed)
        file = stored_images(dataset)
        on_cpu = torch.device(device).type == "cpu"
        if file is not None and on_cpu and len(positions_NF) * dataset.num_pixels > STORED_BYTES:
            return TrainingImages(
                torch.empty((0, dataset.num_pixels), dtype=torch.uint8),
                dataset.image_shape,
                positions_NF,
                probability_N=None if probability is None else probability(positions_NF),
                stored=(file, dataset.space.ravel(positions_NF)),
            )
        _check_memory(dataset, len(positions_NF), len(positions_NF) * dataset.num_pixels, device)
        pixels, packed = _rendered(dataset, positions_NF, nuisance_N, progress), False
    return TrainingImages(
        torch.from_numpy(pixels).to(device),
        dataset.image_shape,
        positions_NF,
        packed=packed,
        probability_N=None if probability is None else probability(positions_NF),
    )


def free_bytes(device: str | torch.device) -> int:
    """Free memory of the device."""
    kind = torch.device(device)
    if kind.type == "cuda":
        return int(torch.cuda.mem_get_info(kind)[0])
    return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _unpacked(grid: PackedGrid, progress: Progress) -> np.ndarray:
    pixels = np.empty((len(grid), grid.packed_NP.shape[1] * 8), dtype=np.uint8)
    block = 64 * RENDERED
    for start in range(0, len(grid), block):
        rows = np.arange(start, min(start + block, len(grid)))
        pixels[rows] = grid.images(rows).reshape(len(rows), -1)
        progress("Images", int(rows[-1]) + 1, len(grid))
    return pixels


def _rendered(
    dataset: FactorDataset, positions_NF: np.ndarray, nuisance_N: np.ndarray, progress: Progress
) -> np.ndarray:
    pixels = np.empty((len(positions_NF), dataset.num_pixels), dtype=np.uint8)
    for start in range(0, len(pixels), RENDERED):
        rows = slice(start, start + RENDERED)
        pixels[rows] = dataset.render(positions_NF[rows], nuisance_N[rows]).reshape(-1, dataset.num_pixels)
        progress("Images", min(start + RENDERED, len(pixels)), len(pixels))
    return pixels


def _check_memory(dataset: FactorDataset, images: int, needed: int, device: str | torch.device) -> None:
    room = MEMORY_SHARE * free_bytes(device)
    if needed > room:
        fits = max(1, int(room) // dataset.num_pixels)
        raise IfpError(
            f"The {images:,} images of {dataset.name} need {needed / 2**30:.1f} GiB and {room / 2**30:.1f} GiB of "
            f"{torch.device(device).type} memory can be used; train on fewer, `images={fits}`."
        )
