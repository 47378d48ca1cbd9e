"""Examples: the arrays of a model and its own encoding and decoding, for networks that are read from arrays alone.

The networks are written anew from the layers' shapes and names. Hidden layers are narrower than in the originals.

Shapes: N images, D latents, C H W channels, rows, columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ifp.checkpoints.source import Source
from ifp.seeds import numpy_generator

LATENTS = 4
HIDDEN = 24
Coder = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Example:
    """A checkpoint's arrays and what its network gives: `encode` means and log variances side by side, `decode` images
    in [0, 1] or logits, as `output` says."""

    family: str
    weights: dict[str, np.ndarray]
    image_shape: tuple[int, int, int]
    encode: Coder
    decode: Coder
    config: dict[str, Any] = field(default_factory=dict)
    latents: int = LATENTS

    def source(self, **changes: np.ndarray | None) -> Source:
        """As it is read from a file; `changes` replace arrays, None takes one out."""
        weights = {name: array for name, array in {**self.weights, **changes}.items() if array is not None}
        return Source(Path("model.pt"), "torch zip", weights, self.config)


def fill(module: nn.Module, *labels: str) -> nn.Module:
    """Random weights that keep the signal's size, and running statistics that are not the initial ones."""
    generator = numpy_generator(0, "tests", "family files", *labels)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
        values = generator.standard_normal(tuple(tensor.shape)) * (1.5 / fan_in**0.5 if tensor.ndim > 1 else 0.3)
        if name.endswith("running_var"):
            values = generator.uniform(0.5, 2, tuple(tensor.shape))
        elif "norm" in name or (tensor.ndim == 1 and name.endswith("weight")):
            values = values + 1
        tensor.copy_(torch.from_numpy(values))
    return module.eval()


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


class Pair(nn.Module):
    """Two networks under the names of a code base."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class View(nn.Module):
    """erow's reshape, which keeps its shape as an array."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("shape", torch.tensor((-1, *shape)))

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(tuple(int(size) for size in self.shape))


def down(into: int, out: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> nn.Conv2d:
    return nn.Conv2d(into, out, kernel, stride, padding)


def up(into: int, out: int, *settings: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(into, out, *(settings or (4, 2, 1)))
