"""A whole data set annealed in memory: one call, one result that shows, draws and saves itself."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import ifp
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges, read_whole
from ifp.datasets.arrays import ArrayDataset

FAST = {"architecture": "mlp", "hidden": 16, "latents": 2, "batch": 16, "steps": 60, "records": 12, "seeds": 1}


@pytest.fixture(scope="module")
def dataset() -> ArrayDataset:
    factors = np.array([(place, width) for place in range(4) for width in range(3)])
    images = np.zeros((len(factors), 8, 8), dtype=np.uint8)
    for image, (place, width) in zip(images, factors, strict=True):
        image[2 * place : 2 * place + 2, : 3 + 2 * width] = 255
    return ifp.dataset(images, factors, ["place", "width"])


@pytest.fixture(scope="module")
def trained(dataset: ArrayDataset) -> WholeAnnealing:
    result = ifp.anneal_whole(dataset, beta_max=20.0, beta_min=0.5, learning_rate=5e-3, order=["width"], **FAST)
    assert isinstance(result, WholeAnnealing)
    return result


def test_a_training_in_memory_is_saved_and_read_back(trained: WholeAnnealing, tmp_path: Path) -> None:
    assert repr(trained).startswith("<WholeAnnealing: the whole of arrays, 1 network, ")
    assert trained.table()["factor"].tolist() == ["width", "place"]
    assert any(sentence.startswith("Linear theory: joint edge") for sentence in trained.sentences())
    folder = trained.save(tmp_path / "run")
    again = read_whole(folder)
    assert isinstance(again, WholeAnnealing)
    pd.testing.assert_frame_equal(again.tables["mi"], trained.tables["mi"])
    assert pd.read_csv(folder / "joint_edges.csv")["factor"].tolist() == ["width", "place"]
    (figure,) = [path for path in ifp.plot(folder, out=tmp_path / "drawn", formats=["png"]) if path.suffix == ".png"]
    assert figure.stat().st_size > 0
    with pytest.raises(ifp.IfpError, match="is not an empty folder"):
        trained.save(folder)


def test_a_panel_goes_where_it_is_told(trained: WholeAnnealing) -> None:
    figure, axes = plt.subplots()
    assert trained.plot(ax=axes) is axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["width", "place"]
    with pytest.raises(ifp.IfpError, match="Unknown panel 'mis'"):
        trained.plot(panel="mis")
    assert trained.plot().figure is not figure
    plt.close("all")


def test_the_closed_form_is_a_result_too(dataset: ArrayDataset, tmp_path: Path) -> None:
    result = ifp.anneal_whole(dataset, method="closed-form", likelihood="gaussian", sigma=0.5)
    assert isinstance(result, WholeEdges)
    assert set(result.table()["factor"]) == {"place", "width"}
    assert result.plot().get_ylabel() == "latents, linear theory"
    assert result.plot(panel="spectrum").get_ylabel() == "latents, linear theory"
    assert {tick.get_text() for tick in result.plot(panel="factors").get_yticklabels()} == {"place", "width"}
    with pytest.raises(ifp.IfpError, match=r"Unknown panel 'factor'.*did you mean 'factors'"):
        result.plot(panel="factor")
    with pytest.raises(ifp.IfpError, match="ax must be one matplotlib Axes"):
        result.plot(ax=5)  # type: ignore[arg-type]
    plt.close("all")
    again = read_whole(result.save(tmp_path / "edges", formats="png"))
    assert {path.name for path in (tmp_path / "edges" / "figures").iterdir()} == {
        f"joint_edges.{end}" for end in ("png", "csv", "txt")
    }
    result.save(tmp_path / "tables", formats=())
    assert not (tmp_path / "tables" / "figures").exists()
    with pytest.raises(ifp.IfpError, match="Unknown figure format 'eps'"):
        result.save(tmp_path / "none", formats="eps")
    assert not (tmp_path / "none").exists()
    pd.testing.assert_frame_equal(again.tables["spectrum"], result.tables["spectrum"])


def test_a_setting_that_is_unknown_is_refused(dataset: ArrayDataset) -> None:
    with pytest.raises(ifp.IfpError, match=r"Unknown setting 'stepz'.*did you mean 'steps'"):
        ifp.anneal_whole(dataset, stepz=3)


def test_figures_of_a_result_in_memory_need_a_place(dataset: ArrayDataset) -> None:
    result = ifp.anneal_whole(dataset, method="closed-form")
    with pytest.raises(ifp.IfpError, match="is in memory only; say where figures go"):
        ifp.plot(result)
