"""Models by name as trees of arrays, wrapped and unwrapped, and what is said of how they were read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ifp.checkpoints.files.contents import Contents
from ifp.checkpoints.open_model import Opened, open_model
from ifp.checkpoints.source import ReadingOptions

from ..families.code_bases import network_files
from ..families.code_bases.array_files import EXAMPLES

Arrays = dict[str, np.ndarray]


def state(name: str = "yanndubs 32", seed: int = 0) -> Arrays:
    if name in EXAMPLES:
        return dict(EXAMPLES[name]().source().weights)
    return {key: tensor.numpy() for key, tensor in network_files.make(name, seed).state_dict().items()}


def opened(tree: object, config: dict[str, Any] | None = None, **options: Any) -> Opened:
    return open_model(Contents(Path("run/file"), "torch zip", "", tree, ()), config or {}, ReadingOptions(**options))


def codes(found: Opened) -> tuple[torch.Tensor, torch.Tensor]:
    vae = found.vaes[0]
    images = torch.rand((3, *vae.image_shape), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mean, logvar = vae.to(torch.device("cpu")).encode(images)
    return mean, logvar


def same(found: Opened, bare: Opened) -> bool:
    decoders = [vae.decoder is not None for vae in (found.vaes[0], bare.vaes[0])]
    return all(torch.equal(a, b) for a, b in zip(codes(found), codes(bare), strict=True)) and decoders == [True, True]


def said(found: Opened, what: str) -> str:
    return next((f"{about.value} ({about.source})" for about in found.vaes[0].assumptions if about.what == what), "")


def under(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def part(arrays: Arrays, name: str) -> Arrays:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}


def renamed(arrays: Arrays, **parts: str) -> Arrays:
    return {f"{parts.get((words := name.split('.', 1))[0], words[0])}.{words[1]}": a for name, a in arrays.items()}


COUNTER = np.array(7)
