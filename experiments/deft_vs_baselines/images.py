"""The images of the small scale: a coarser grid of sprites at 32 x 32 pixels, as an npz file.

Every 4th orientation (the last of dSprites' 40 repeats the first), every 2nd position; all shapes and scales. Each
pixel is the mean of 2 x 2 of the rendered image, in grey. The grid is complete, so that factors are independent and
every traversal of the annealing test exists.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ifp.datasets.polygons import SIDE
from ifp.datasets.sprites import SPACE, sprite_masks

VALUES = {"shape": 1, "scale": 1, "orientation": 4, "posX": 2, "posY": 2}
"""Of each factor, every how many values are kept."""
_RENDERED = 4096


def write_images(path: Path) -> None:
    """Write the 46,080 images with their factors, unless they are there."""
    if path.is_file():
        return
    kept = [np.arange(0, size, VALUES[name]) for name, size in zip(SPACE.names, SPACE.sizes, strict=True)]
    positions_NF = _grid(kept)
    half = SIDE // 2
    images = np.empty((len(positions_NF), half, half), dtype=np.uint8)
    for start in range(0, len(images), _RENDERED):
        rows = slice(start, start + _RENDERED)
        masks = sprite_masks(positions_NF[rows])
        images[rows] = np.round(masks.reshape(-1, half, 2, half, 2).mean(axis=(2, 4)) * 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("partial-" + path.name)
    factors_NF = _grid([np.arange(len(values)) for values in kept])
    np.savez(partial, images=images, factors=factors_NF, factor_names=np.array(SPACE.names))
    partial.replace(path)


def _grid(values: list[np.ndarray]) -> np.ndarray:
    return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))
