"""`ifp.directions` of a generator in memory: what it returns, writes and draws, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

import ifp
from ifp.analysis.directions.result import DirectionsResult
from ifp.errors import IfpError

PLACES = torch.arange(8.0)


def bars(z_BD: Tensor) -> Tensor:
    """Two bars, whose places follow the quantiles of two latents; the third latent is ignored."""
    place_B2 = 1 + 6 * torch.special.ndtr(z_BD[:, :2].double())
    shapes = torch.exp(-((PLACES - place_B2[..., None]) ** 2) / 2)
    return shapes[:, 0, :, None] * shapes[:, 1, None, :]


@pytest.fixture(scope="module")
def result() -> DirectionsResult:
    return ifp.directions(bars, latents=3, steps=8, restarts=1, batch=24, batches=3)


def test_what_is_found(result: DirectionsResult) -> None:
    table = result.table()
    assert table["kind"].value_counts().to_dict() == {"random": 8, "latent": 3, "found": 2, "leading": 2}
    found = table[table["kind"] == "found"]
    assert found["minmax"].is_monotonic_increasing
    assert set(found["nearest_latent"]) == {0, 1}
    assert found["cosine"].min() > 0.95
    latent = table[table["kind"] == "latent"].set_index("number")["minmax"]
    assert latent[2] == 0
    assert result.mean("found") < result.mean("random")
    assert result.headline().startswith("bars: 2 directions, mean MinMax 0.")


def test_what_is_written_and_drawn_again(result: DirectionsResult, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "out")
    content = json.loads((folder / "directions.json").read_text())
    assert content["settings"]["topology"] == "lite"
    assert np.shape(content["directions"]["found"]) == (2, 3)
    assert len(pd.read_csv(folder / "directions.csv")) == 15
    with np.load(folder / "traversals.npz") as held:
        assert held["found"].shape == (2, 9, 1, 8, 8)
    assert (folder / "figures" / "ifp_directions.png").is_file()
    drawn = ifp.plot(folder, out=tmp_path / "again", formats="png")
    assert [path.name for path in drawn] == ["ifp_directions.png", "ifp_directions.csv", "ifp_directions.txt"]
    with pytest.raises(IfpError, match="with which `kinds` does not go"):
        ifp.plot(folder, kinds="kde")


def test_the_figure_has_a_row_per_direction(result: DirectionsResult) -> None:
    ax = Figure().subplots()
    result.plot(ax=ax)
    labels = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert labels == ["1", "2", "random"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"latents": 0}, "latents must be the number of the generator's latents, got 0"),
        ({"latents": 3, "count": 4}, "count must be at most the number of latents, 3, got 4"),
        ({"latents": 3, "topology": "none"}, "Unknown topology 'none': allowed are lite, full"),
        ({"latents": 3, "batch": 8}, "batch must be a whole number of at least 16, got 8"),
        ({"latents": 3, "steps": 0}, "steps must be a whole number of at least 1"),
    ],
)
def test_what_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        ifp.directions(bars, **options)
    with pytest.raises(IfpError, match="the path of a checkpoint or a generator"):
        ifp.directions(3, latents=3)  # type: ignore[arg-type]
