"""`ifp.channels` in memory, on codes and functions whose channels are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import ifp
from ifp.analysis.channels.files import load_results
from ifp.analysis.channels.result import ChannelsResult
from ifp.analysis.channels.shown_tables import shown
from ifp.analysis.channels.stored import plain
from ifp.errors import IfpError
from ifp.fingerprints.read_models import Origin
from ifp.training.images import load_images
from ifp.uniform_codes import PRESSURE, SCALING

GRID = np.stack(np.meshgrid(range(4), range(6), indexing="ij"), axis=-1).reshape(-1, 2)
FACTORS = np.tile(GRID, (8, 1))
COUNT = len(FACTORS)
VALUES = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)


def codes(seed: int) -> ifp.Codes:
    """Two latents that hold a factor each, in any order and with any sign."""
    rng = np.random.default_rng(seed)
    mean_ND = VALUES[:, rng.permutation(2)] * rng.choice([-1, 1], 2)
    return ifp.Codes(mean_ND, np.full(mean_ND.shape, np.log(0.02)), FACTORS, ["shape", "scale"])


@pytest.fixture(scope="module")
def result() -> ChannelsResult:
    return ifp.channels([codes(seed) for seed in range(5)], points=COUNT, distance="nmi")


def test_codes_in_memory_have_a_hotspot_per_factor(result: ChannelsResult) -> None:
    hotspots = result.table()
    assert sorted(hotspots["factor"]) == ["scale", "shape"]
    assert (hotspots[["runs", "of_runs", "channels"]] == 5).all(axis=None)
    assert repr(result).startswith(
        "<ChannelsResult: 5 models on codes given as arrays, 10 live channels, 2 hotspots: i "
    )
    with pytest.raises(IfpError, match="no table of fragments here"):
        result.table("fragments")
    with pytest.raises(IfpError, match=r"Unknown table 'hotspot'.* did you mean 'hotspots'"):
        result.table("hotspot")


def test_the_matrix_stands_in_the_order_of_the_hotspots(result: ChannelsResult) -> None:
    figure, mine = plt.subplots()
    ax = result.plot(ax=mine)
    assert ax is mine
    (image,) = ax.get_images()
    shown = np.asarray(image.get_array())
    same = np.arange(10) // 5
    np.testing.assert_allclose(shown, same[:, None] == same, atol=0.05)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        f"{name} {factor}" for name, factor in zip(("i", "ii"), result.table()["factor"], strict=True)
    ]
    plt.close(figure)


def test_what_is_saved_is_read_back(result: ChannelsResult, tmp_path: Path) -> None:
    result.write(tmp_path / "out", formats=())
    again = load_results(tmp_path / "out")
    assert plain(again.content()) == plain(result.content())


def test_what_stands_in_the_place_of_beta_is_named(result: ChannelsResult) -> None:
    """The pressure of GANs is 1 / weight of information, no beta; beside VAEs each model says what its number is."""
    assert (Origin(None, scaling=SCALING).pressure, Origin(None).pressure) == (PRESSURE, "beta")
    assert result.pressures == ("beta",)
    models = result.tables["models"].assign(beta=[4.0, 4, 4, 10, 10], level=["vae"] * 3 + ["gan"] * 2)
    for words, label, pressures in (
        ([PRESSURE] * 5, PRESSURE, ["4", "10"]),
        (["beta"] * 3 + [PRESSURE] * 2, rf"$\beta$ or {PRESSURE}", ["4", "10 (1 / weight)"]),
    ):
        of_gans = replace(result, tables={**result.tables, "models": models.assign(beta_is=words)})
        assert of_gans.pressure_label == label
        table = shown(of_gans)[0]
        assert not isinstance(table, str)
        assert table.table[" or ".join(of_gans.pressures)].tolist() == pressures


def test_functions_are_models(tmp_path: Path) -> None:
    """Of images whose two pixels are the factors."""
    images = np.zeros((24, 1, 2), dtype=np.uint8)
    images[:, 0] = GRID * 40
    dataset = ifp.dataset(images, GRID, ["shape", "scale"])

    def encode(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = batch.flatten(1)
        return 10 * pixels, torch.full_like(pixels, -4.0)

    said: list[str] = []
    found = ifp.channels([encode, encode], dataset, points=24, hotspots=False, say=said.append)
    assert found.table("models")["model"].tolist() == ["encode (1)", "encode (2)"]
    similarity = found.similarity
    np.testing.assert_allclose(similarity.nmi_CC[:2, 2:4].diagonal(), 1, atol=1e-6)
    assert found.table()["kind"].value_counts().to_dict() == {"latents": 4, "factor": 2}
    assert said == []
    with pytest.raises(IfpError, match="no hotspots in this comparison"):
        found.structure()
    shown: dict[str, tuple[int, int]] = {}
    ifp.channels([encode] * 5, dataset, points=24, progress=lambda text, at, of: shown.update({text: (at, of)}))
    assert "traversals" in shown
    assert all(at == of for at, of in shown.values()), shown


@pytest.mark.parametrize(
    ("models", "options", "sentence"),
    [
        ([], {"dataset": "sprites"}, "No model is named"),
        ([codes(0)] * 4, {}, "at least 5 models, got 4"),
        ([codes(0), "model.pt"], {}, "give one kind"),
        ([codes(0)] * 5, {"dataset": "sprites"}, "leave the data set out"),
        ([codes(0)] * 5, {"by": "layer"}, "Unknown kind of channel 'layer'"),
        ([codes(0)] * 5, {"by": "group"}, "A group size goes with channels by group"),
        ([codes(0)] * 5, {"points": COUNT + 1}, r"holds 192 images; `points` must be 192 or less"),
        ([codes(0)] * 5, {"betas": [1.0]}, "once for each model's codes, got 1 for 5"),
        ([lambda images: images] * 5, {"dataset": "toys", "betas": [1.0, 2.0]}, "each model, got 2 for 5"),
        ([codes(0)] * 5, {"points": "a"}, "points must be a whole number"),
        (["nowhere.pt"], {"hotspots": False}, "No data set is named"),
        ([3], {"dataset": "sprites"}, "got int"),
        (
            ["no_such_module:encode"],
            {"dataset": "sprites", "hotspots": False},
            "`model='no_such_module:encode'` cannot be imported",
        ),
    ],
)
def test_a_mistake_is_one_sentence(models: list[Any], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        ifp.channels(models, **options)


def test_images_that_share_factor_values_are_all_counted() -> None:
    generator = np.random.default_rng(0)
    factors = np.array([(a, b) for a in range(2) for b in range(3)] * 20)
    images = generator.integers(256, size=(120, 4, 4), dtype=np.uint8)
    data = ifp.dataset(images, factors, ["a", "b"])

    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = x.flatten(1)[:, :2]
        return mean, torch.full_like(mean, -4.0)

    assert data.listed_images == 120
    assert len(load_images(data, 0, 0, "cpu")) == 120
    found = ifp.channels([encode, encode], data, points=100, hotspots=False, betas=[1.0, 2.0])
    assert found.tables["models"]["beta"].tolist() == [1, 2]
    with pytest.raises(IfpError, match=r"holds 120 images; `points` must be 120 or less"):
        ifp.channels([encode, encode], data, points=130, hotspots=False)
