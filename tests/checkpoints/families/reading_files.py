"""What the tests of families share: sources of files, models built from them, and their assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.families.registry import recognise
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Vae

from .code_bases.array_networks import Example


def source_at(path: Path) -> Source:
    """The source of the one checkpoint at a path, with the settings beside it."""
    (file,) = locate(path).files
    return unwrap(read_contents(file.path), file.config)


def source_of(content: Any, path: Path, config: dict[str, Any] | None = None) -> Source:
    """The source of `content` once it is saved at `path`."""
    torch.save(content, path)
    return unwrap(read_contents(path), config or {})


def candidates(example: Example | Source, **options: Any) -> list[Vae]:
    """The models that the family of an example or a source builds of it."""
    source = example if isinstance(example, Source) else example.source()
    vaes = recognise(source).build(source, ReadingOptions(**options))
    return [vae.to(torch.device("cpu")) for vae in vaes]


def build(source: Source, **options: Any) -> Vae:
    """The only candidate."""
    (vae,) = candidates(source, **options)
    return vae


def images_for(image_shape: tuple[int, int, int]) -> torch.Tensor:
    """Three random images."""
    return torch.rand(3, *image_shape, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def encoded(vae: Vae, x: torch.Tensor) -> torch.Tensor:
    """Means and log variances side by side, [N, 2D]."""
    return torch.cat(vae.encode(x), dim=1)


def said(vae: Vae, what: str) -> tuple[str, str]:
    """Value and source of the one assumption about a subject."""
    (assumption,) = [(entry.value, entry.source) for entry in vae.assumptions if entry.what == what]
    return assumption


def with_array(source: Source, name: str, array: np.ndarray) -> Source:
    """The source with an array added or replaced."""
    return Source(source.path, source.container, {**source.weights, name: array}, source.config)


def without_layer(source: Source, layer: str) -> Source:
    """The source without the arrays of a layer."""
    weights = {name: array for name, array in source.weights.items() if not name.startswith(f"{layer}.")}
    return Source(source.path, source.container, weights, source.config)


def renamed(example: Example, old: str, new: str) -> Source:
    """The source of an example whose arrays have `new` in their names in place of `old`."""
    weights = {name.replace(old, new): array for name, array in example.weights.items()}
    return Source(Path("model.pt"), "torch zip", weights, example.config)
