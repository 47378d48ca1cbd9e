"""A torch generator of each test's own, and the images of bars as numbers from 0 to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture
def generator(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


@pytest.fixture(scope="session")
def bars_NP(bars_npz: Path) -> Tensor:
    with np.load(bars_npz) as stored:
        return torch.from_numpy(stored["images"]).flatten(1).float() / 255
