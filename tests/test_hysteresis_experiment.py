"""The experiment on hysteresis: its kept widths are those of its kept crossings, and its images are the data set's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "hysteresis"


@pytest.fixture
def experiment(load_experiment: Callable[[Path, Sequence[str]], dict[str, ModuleType]]) -> dict[str, ModuleType]:
    """The experiment's modules by name."""
    return load_experiment(FOLDER, ("draw", "run"))


def test_kept_widths_are_those_of_the_kept_crossings(experiment: dict[str, ModuleType]) -> None:
    crossings = pd.read_csv(FOLDER / "results" / "crossings.csv")
    kept = pd.read_csv(FOLDER / "results" / "loops.csv")
    pd.testing.assert_frame_equal(experiment["draw"].loops(crossings), kept, check_names=False, rtol=1e-4, atol=1e-6)
    exact = kept[kept["steps"] == 0].groupby("shape")["width"]
    assert exact.max()[["square", "ellipse"]].abs().max() < 0.01 < 0.2 < exact.min()["heart"]


def test_the_traversals_are_orientations_of_one_shape(experiment: dict[str, ModuleType]) -> None:
    dataset = experiment["run"].orientations(2, 1)
    assert dataset.space.sizes == (1, 40)
    (traversal,) = dataset.sample_traversals("orientation", contexts=1, seed=0)
    images = dataset.traversal_images(traversal)
    assert images.shape == (40, 1, 64, 64)
    # a whole picture of one shape: as many pixels at every angle, up to its border
    pixels = (np.asarray(images) > 0).sum((1, 2, 3))
    assert pixels.max() / pixels.min() < 1.1
