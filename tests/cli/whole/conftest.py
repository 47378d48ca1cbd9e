"""Images of a square of 3 sizes at 36 places, and a whole run on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from .command import BETAS, FAST, whole


@pytest.fixture(scope="session")
def squares_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square of 3 sizes at 6 x 6 places, 108 images: enough for the noise floor of the NMI to be small."""
    images, factors = [], []
    for size, x, y in np.ndindex(3, 6, 6):
        image = np.zeros((12, 12), dtype=np.uint8)
        image[y : y + 3 + size, x : x + 3 + size] = 255
        images.append(image)
        factors.append((size, x, y))
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=np.array(images), factors=np.array(factors), factor_names=np.array(["size", "x", "y"]))
    return path


@pytest.fixture(scope="session")
def squares(squares_npz: Path) -> str:
    return f"npz:{squares_npz}"


@pytest.fixture(scope="session")
def run(squares: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("runs") / "squares"
    return out, whole("--dataset", squares, *FAST, *BETAS, "--out", str(out))
