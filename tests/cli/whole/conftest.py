"""Images of a square of 3 sizes at 36 places, and a whole run on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.once import made_once

from .command import BETAS, FAST, Ran, whole

FILE = "squares.npz"


@pytest.fixture(scope="session")
def squares_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square of 3 sizes at 6 x 6 places, 108 images: enough for the noise floor of the NMI to be small."""

    def make(folder: Path) -> None:
        factors = np.array(list(np.ndindex(3, 6, 6)))
        images = np.zeros((len(factors), 12, 12), dtype=np.uint8)
        for image, (size, x, y) in zip(images, factors, strict=True):
            image[y : y + 3 + size, x : x + 3 + size] = 255
        np.savez(folder / FILE, images=images, factors=factors, factor_names=np.array(["size", "x", "y"]))

    return made_once(tmp_path_factory, "squares", make) / FILE


@pytest.fixture(scope="session")
def squares(squares_npz: Path) -> str:
    return f"npz:{squares_npz}"


@pytest.fixture(scope="session")
def run(squares: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    def make(folder: Path) -> None:
        result = whole("--dataset", squares, *FAST, *BETAS, "--out", str(folder / "run"))
        texts = {"exit_code": result.exit_code, "stdout": result.stdout, "output": result.output}
        (folder / "printed.json").write_text(json.dumps(texts))

    folder = made_once(tmp_path_factory, "whole-squares", make)
    return folder / "run", Ran(**json.loads((folder / "printed.json").read_text()))
