"""Folders of synthetic runs, one of them drawn in every kind."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ifp.analysis import draw_run
from ifp.analysis.freezing.plot_run import KINDS
from tests.once import made_once


@pytest.fixture(scope="session")
def run_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=9, latents=2)
        draw_run(synthetic.write_run(folder, trace), kinds=KINDS, width="icml")

    return made_once(tmp_path_factory, "synthetic-run", make)


@pytest.fixture(scope="session")
def small_folder(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two factors with few contexts, for what does not depend on how much is drawn."""
    trace = synthetic.sprites_like_trace(np.random.default_rng(0), contexts=4, factors=("posX", "shape"))
    folder: Path = synthetic.write_run(tmp_path_factory.mktemp("small"), trace)
    return folder
