"""`ifp.diagnose`: every kind of model gives the same numbers, and a mistake is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import ifp
from ifp.analysis.diffusion import load_results
from ifp.analysis.diffusion.model_comparison import ModelComparison
from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis
from ifp.analysis.report.study import tables_of
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.seeds import numpy_generator

FAST: dict[str, Any] = {"images": 500, "permutations": 20, "bootstraps": 20, "metrics": "none", "joint": False}


@pytest.fixture(scope="module")
def squares() -> FactorDataset:
    """A square at 8 x 8 places, several images of each."""
    place_NF = numpy_generator(0, "squares").integers(8, size=(1100, 2))
    images = np.zeros((1100, 16, 16), dtype=np.uint8)
    for image, (row, column) in zip(images, place_NF, strict=True):
        image[row : row + 8, column : column + 8] = 255
    return ifp.dataset(images, place_NF, ["row", "column"])


def places(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column in a latent each, and a third latent that is collapsed."""
    row, column = (images[:, 0].sum(axis).argmax(1).float() / 2.3 - 1.5 for axis in (2, 1))
    mean = torch.stack([row, column, torch.zeros_like(row)], dim=1)
    return mean, torch.tensor([-3.0, -3.0, 0.0]).expand_as(mean)


class Places(torch.nn.Module):
    """The same as a module in double precision whose dropout would spoil it."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(0.9)
        self.scale = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert images.dtype == self.scale.dtype
        mean, logvar = places(self.dropout(images))
        return mean * self.scale, logvar


@pytest.fixture(scope="module")
def result(squares: FactorDataset) -> ModelDiagnosis:
    found = ifp.diagnose(places, squares, **FAST)
    assert isinstance(found, ModelDiagnosis)
    return found


def test_a_function_is_diagnosed(result: ModelDiagnosis) -> None:
    table = result.table().set_index("factor")
    assert table["held_by"].to_dict() == {"row": "0", "column": "1"}
    assert result.latents()["status"].tolist() == ["active", "active", "collapsed"]
    headline = "No information diffusion; row and column are held by one latent each (posterior estimator)."
    assert repr(result) == f"<ModelDiagnosis: places: {headline}>"
    assert str(result).splitlines()[0] == f"- {headline}"
    assert result.doubts == []
    assert "a function of the user's own" in result.how_read()
    assert result.metrics().empty


def test_metrics_that_are_left_out_say_why(result: ModelDiagnosis) -> None:
    codes = result.run.last.codes
    few = ifp.diagnose(codes, **FAST | {"metrics": "mig,sap"}).models[0]
    table = few.metrics().set_index("metric")
    assert table["value"].isna().all()
    assert table["reason"].to_dict() == dict.fromkeys(["mig", "sap"], "500 images, 1,000 are needed")
    assert "Metrics are left out: of 500 images they are mostly bias, and 1,000 are needed." in str(few)
    assert few.results.sentences() == [line.removeprefix("- ") for line in str(few).splitlines()]
    many = ifp.Codes(np.tile(codes.mean_ND, (2, 1)), np.tile(codes.logvar_ND, (2, 1)))
    enough = ifp.diagnose(many, **FAST | {"metrics": "mig,total-correlation"}).models[0].metrics().set_index("metric")
    assert enough.loc["mig", "reason"] == "0 varying factors, 1 needed"
    assert enough["value"].notna().to_dict() == {"total-correlation": True, "mig": False}


def test_a_module_is_asked_in_evaluation_mode_and_left_as_it_was(
    squares: FactorDataset, result: ModelDiagnosis
) -> None:
    module = Places().train()
    module.dropout.eval()
    of_module = ifp.diagnose(module, squares, names="mine", **FAST)
    assert (module.training, module.dropout.training) == (True, False)
    assert of_module.models[0].name == "mine"
    np.testing.assert_allclose(of_module.table()["excess_nmi1"], result.table()["excess_nmi1"], atol=1e-6)


def test_codes_in_memory_give_the_same_numbers(result: ModelDiagnosis) -> None:
    codes = result.run.last.codes
    again = ifp.Codes(codes.mean_ND.tolist(), torch.tensor(codes.logvar_ND), codes.factors_NF, ["row", "column"])
    assert ifp.diagnose(again, **FAST).table().equals(result.table())


def test_results_are_drawn_and_stand_in_a_notebook(result: ModelDiagnosis) -> None:
    _, ax = plt.subplots()
    assert result.plot(ax=ax) is ax
    largest_first = result.latents().sort_values("kl_nats", ascending=False)["latent"]
    assert [label.get_text() for label in ax.get_yticklabels()] == largest_first.astype(str).tolist()
    html = result._repr_html_()
    assert "held_by" in html
    assert "<img" in html


def test_a_figure_is_drawn_by_its_name(result: ModelDiagnosis) -> None:
    assert result.figure("kl", width=4.0).get_figwidth() == 4.0
    assert result.traversals() is None
    with pytest.raises(IfpError, match="no data for the figure 'traversals'; there is for nmi, kl"):
        result.figure("traversals")
    with pytest.raises(IfpError, match="'kl_series'"):
        result.figure("kl_series")


def test_what_is_saved_can_be_read_and_drawn_again(result: ModelDiagnosis, tmp_path: Path) -> None:
    assert result.save(tmp_path, formats=[]) == tmp_path
    stored = load_results(tmp_path)
    assert stored.content == result.results.content
    assert stored.sentences() == [line.removeprefix("- ") for line in str(result).splitlines()]
    assert stored.content["about"]["dataset"]["name"] == "arrays"


def turned(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, logvar = places(images)
    mean = torch.stack([mean[:, 0] + mean[:, 1], mean[:, 0] - mean[:, 1], mean[:, 2]], dim=1) / 2**0.5
    return mean, logvar


@pytest.fixture(scope="module")
def comparison(squares: FactorDataset, result: ModelDiagnosis) -> ModelComparison:
    return result.compare(ifp.diagnose(turned, squares, **FAST).models[0])


def test_two_results_are_compared(comparison: ModelComparison) -> None:
    assert str(comparison).startswith("- places and turned differ in what they hold of row and column (")
    table = comparison.table()
    rows = table[(table["factor"] == "row") & (table["measure"] == "excess_nmi1")]
    assert rows["high"].item() < 0
    assert comparison.totals()["run"].tolist() == ["places", "turned"]
    _, ax = plt.subplots()
    assert comparison.plot(ax=ax, measure="nmi2") is ax


def test_a_comparison_is_saved_as_the_command_does(comparison: ModelComparison, tmp_path: Path) -> None:
    comparison.save(tmp_path, formats=[])
    assert load_results(tmp_path).content["compared"] == {"a": "places", "b": "turned", "paired": True}
    assert load_results(tmp_path / "a").content["about"]["run"] == "places"
    assert (tmp_path / "runs.csv").exists()
    rows = [line.split(",") for line in ifp.table(tmp_path, format="csv").splitlines()]
    assert rows[0] == ["factor", "of", "A", "B", "B less A", "low", "high", "says"]
    measured = comparison.table()
    for factor in ("row", "column"):
        row = measured[(measured["factor"] == factor) & (measured["measure"] == "excess_nmi1")].iloc[0]
        shown = next(cells for cells in rows if cells[:2] == [factor, "NMI1"])
        for cell, name in zip(shown[2:7], ("a", "b", "difference", "low", "high"), strict=True):
            assert float(cell) == pytest.approx(row[name], abs=0.006)
    assert {("all", "KL nats"), ("all", "active latents")} <= {(row[0], row[1]) for row in rows}
    assert "places: what each latent holds" in ifp.table(tmp_path, number=len(tables_of(tmp_path)) // 2 + 2)


def test_models_given_together_and_called_alike_get_letters(squares: FactorDataset) -> None:
    several = ifp.diagnose([places, places, turned], squares, **FAST)
    assert isinstance(several, ModelComparison)
    assert [model.name for model in several.models] == ["places (A)", "places (B)", "turned"]
    assert len(str(several).splitlines()) == 1
    assert several.comparison is None
    assert len(several.plot().get_legend_handles_labels()[1]) == 3


def test_models_of_different_images_are_not_compared_and_have_no_udr(squares: FactorDataset) -> None:
    enough = FAST | {"images": 1000}
    same = ifp.diagnose([places, turned], squares, **enough)
    other = ifp.diagnose(turned, squares, **enough | {"seed": 1}).models[0]
    assert isinstance(same, ModelComparison)
    with pytest.raises(ifp.IfpError, match="1000 images of seed 1'; measure both on the same data"):
        same[0].compare(other)
    assert same.totals()["udr"].notna().all()
    assert ModelComparison((*same.models, other)).totals()["udr"].isna().all()


def test_arrays_of_other_images_are_not_compared(squares: FactorDataset, result: ModelDiagnosis) -> None:
    other = ifp.dataset(np.zeros((600, 16, 16), np.uint8) + np.arange(600)[:, None, None].astype(np.uint8) // 3)
    with pytest.raises(ifp.IfpError, match="measure both on the same data"):
        result.compare(ifp.diagnose(places, other, **FAST).models[0])


@pytest.mark.parametrize("other", [5, None, "model.pt"])
def test_only_a_diagnosis_is_compared(other: Any, result: ModelDiagnosis) -> None:
    with pytest.raises(ifp.IfpError, match="other must be what"):
        result.compare(other)


def test_the_repr_of_a_data_set(squares: FactorDataset) -> None:
    assert repr(squares) == "<ArrayDataset arrays: 1,100 images (1, 16, 16), factors row (8), column (8)>"


def three(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (images.flatten(1),) * 3


@pytest.mark.parametrize(
    ("model", "settings", "sentence"),
    [
        (3, {}, r"; got int\."),
        ([], {}, "Nothing to diagnose"),
        ("nowhere.pt", {}, "no file or folder nowhere.pt"),
        (three, {}, r"The encoder three returned 3 values; return \(mean, logvar\), each \[images, latents\]"),
        (lambda images: images.flatten(1), {}, "returned a Tensor; return"),
        (lambda images: ("mean", "logvar"), {}, "returned a str and a str; return"),
        (lambda images: [1 / 0], {}, "failed on images of shape"),
        (torch.nn.Flatten(), {}, "The encoder Flatten has no method encode, and its forward returned a Tensor; add"),
        (torch.nn.Linear(2, 2), {}, "The encoder Linear has no method encode, and its forward failed on images"),
        (Places, {}, "The encoder Places is a class; give an object of it"),
        (lambda images: (images, images), {}, "must return mean and logvar of shape"),
        (places, {"images": 10}, "images must be a whole number of at least 50"),
        (places, {"images": 500.0}, "images must be a whole number"),
        (places, {"permutations": 3}, "permutations must be"),
        (places, {"metrics": "mog"}, "did you mean 'mig'"),
        (places, {"names": ["a", "b"]}, "one name per model"),
        (places, {"names": 5}, "names must be a list of texts"),
        (places, {"metrics": 5}, "metrics must be quick, fast"),
        (places, {"metrics": [5]}, "metrics must be quick, fast"),
        (places, {"correlate": ["row"]}, "correlate must be a list of \\(factor, factor, sigma\\)"),
        (places, {"correlate": [("row", "column", "0.2")]}, "correlate must be a list of"),
        (places, {"reading": 5}, "reading must be ifp.ReadingOptions"),
        (places, {"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        (places, {"device": "abacus"}, "device must be"),
        ("no.such_module:encode", {}, "cannot be imported"),
        ([places, ifp.Codes([[0.0]], [[0.0]])], {}, "give codes alone"),
        ([places, places], {"series": True}, "A series is of checkpoints"),
    ],
)
def test_a_mistake_is_one_sentence(model: Any, settings: dict[str, Any], sentence: str, squares: FactorDataset) -> None:
    with pytest.raises(ifp.IfpError, match=sentence) as error:
        ifp.diagnose(model, squares, **FAST | settings)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("give", "sentence"),
    [
        (lambda: ifp.diagnose(places), "No data set is named"),
        (lambda: ifp.diagnose(ifp.Codes([[0.0]], [[0.0]])), "holds 1 image and at least 50"),
        (lambda: ifp.diagnose(ifp.Codes([[0.0]], [[0.0]]), "sprites"), "leave the data set out"),
    ],
)
def test_a_missing_or_superfluous_data_set(give: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ifp.IfpError, match=sentence):
        give()


def test_of_very_many_codes_a_part_is_measured_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifp.analysis.diffusion.thinned_codes.MOST_CODES", 300)
    rng = np.random.default_rng(0)
    place = rng.integers(4, size=2000)
    mean = np.stack([place - 1.5, np.zeros(2000)], axis=1)
    codes = ifp.Codes(mean, np.full((2000, 2), [-4.0, 0.0]), place, ["place"])
    said = list[str]()
    settings = {**FAST, "say": said.append}
    found, again = (ifp.diagnose(codes, **settings) for _ in range(2))
    assert "2,000 images are given; 300 of them, drawn at random with seed 0, are measured" in said[0]
    for measured in (found, again):
        information = measured.measured.diagnosis.information["posterior"]
        assert information.settings["images"] == 300
        # what any 300 of them hold is what all hold: every value of the factor has its own place
        assert abs(information.nmi_DF[0, 0] - 1) < 0.01
    assert found.table().equals(again.table())
    said.clear()
    ifp.diagnose(ifp.Codes(mean[:300], codes.logvar_ND[:300], place[:300], ["place"]), **settings)
    assert not said


def test_the_joint_information_of_many_images_is_that_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = list[int](), list[str]()
    monkeypatch.setattr("ifp.analysis.diffusion.thinned_codes.MOST_JOINT", 300)
    monkeypatch.setattr("ifp.analysis.diffusion.diagnosis.MOST_JOINT", 300)
    monkeypatch.setattr(
        "ifp.analysis.diffusion.diagnosis.measure_joint", lambda codes, **_: asked.append(len(codes)) or None
    )
    place = np.arange(500) % 4
    codes = ifp.Codes(place[:, None] - 1.5, np.full((500, 1), -4.0), place, ["place"])
    found = ifp.diagnose(codes, **{**FAST, "joint": True, "say": said.append})
    assert asked == [300]
    assert said == ["The joint information is that of 300 of the 500 images, drawn at random."]
    assert found.diagnosis.settings["images"] == 500


def test_the_progress_of_figures_comes_to_its_end(tmp_path: Path) -> None:
    codes = ifp.Codes(np.random.default_rng(0).normal(size=(400, 2)), np.full((400, 2), -2.0))
    found = ifp.diagnose([codes, codes], permutations=20, bootstraps=20, joint=False, metrics="none")
    shown: list[tuple[str, int, int]] = []
    found.write(tmp_path / "out", formats=(), progress=lambda *told: shown.append(told))
    assert shown[-1] == ("figures", 2, 2)
