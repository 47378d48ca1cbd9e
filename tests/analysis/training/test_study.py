"""`ifp.train`: one call trains, and its result is the run, on disk or in a folder of its own."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ifp
from ifp.analysis.training.result import TrainResult
from ifp.analysis.training.settings import by_objective
from ifp.errors import IfpError

SMALL: dict[str, Any] = {
    "architecture": "mlp", "hidden": 16, "latents": 4, "batch": 16, "steps": 30, "records": 3, "threads": 1,
}  # fmt: skip


def bars(labelled: bool = True) -> ifp.FactorDataset:
    """A bright bar of 3 widths at 8 places."""
    width, place = (grid.ravel() for grid in np.meshgrid(range(3), range(8), indexing="ij"))
    images = np.zeros((24, 4, 12), dtype=np.uint8)
    for image, wide, left in zip(images, width, place, strict=True):
        image[:, left : left + wide + 1] = 255
    if not labelled:
        return ifp.dataset(images)
    return ifp.dataset(images, np.stack([width, place], axis=1), ["width", "place"])


@pytest.fixture(scope="module")
def result() -> TrainResult:
    return ifp.train(bars(), "deft", betas=np.array([5.0, 1.0]), seeds=2, **SMALL)


def test_a_run_without_a_folder_lives_as_long_as_its_result() -> None:
    run = ifp.train(bars(), **SMALL)
    folder = run.folder
    assert (folder / "run.json").is_file()
    del run
    gc.collect()
    assert not folder.exists()


def test_the_result_is_the_run(result: TrainResult) -> None:
    assert Path(result) == result.folder
    assert [path.name for path in result.models()] == ["step-000030.pt"] * 2
    assert result.config.options["betas"] == [5, 1]
    assert repr(result) == "<TrainResult: deft on arrays, 2 networks of 4 latents, 30 steps>"
    table, records = result.table(), result.records()
    assert table["status"].tolist() == ["finished"] * 2
    assert records["step"].tolist() == [10, 20, 30] * 2
    last = records[records["step"] == 30]
    np.testing.assert_array_equal(table["kl_nats"], last["kl_nats"])
    np.testing.assert_allclose(table["nmi1"], last[["posterior_nmi1_width", "posterior_nmi1_place"]].mean(axis=1))


def test_no_information_is_shown_that_the_kl_does_not_carry() -> None:
    run = ifp.train(bars(), **{**SMALL, "steps": 20, "records": 2})
    records = run.records()
    for factor, entropy_nats in (("width", np.log(3)), ("place", np.log(8))):
        assert (records[f"posterior_nmi1_{factor}"] * entropy_nats <= records["kl_nats"] + 1e-6).all()
        assert (records[f"histogram_nmi1_{factor}"] * entropy_nats > records["kl_nats"]).all()  # the trap
    assert (run.table()["nmi1"] * np.log(3) <= run.table()["kl_nats"] + 1e-6).all()
    assert not any(column.startswith("nmi") for column in records)


def test_the_same_training_in_a_folder_is_the_same_to_the_bit(result: TrainResult, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said: list[str] = []
    again = ifp.train(bars(), "deft", betas=[5, 1], seeds=2, out=out, say=said.append, **SMALL)
    assert (out / "records.npz").read_bytes() == (result.folder / "records.npz").read_bytes()
    assert any("images in the memory of cpu" in text for text in said)
    assert again.folder == out
    ifp.train(bars(), "deft", betas=[5, 1], seeds=2, out=out, say=said.append, **SMALL)
    assert said[-1] == "2 of 2 networks are done."
    del again
    gc.collect()
    assert out.is_dir()
    with pytest.raises(IfpError, match=r"holds another run .*choose a new folder"):
        ifp.train(bars(), "deft", betas=[5, 2], seeds=2, out=out, **SMALL)


def test_a_saved_run_goes_on(result: TrainResult, tmp_path: Path) -> None:
    saved = result.save(tmp_path / "saved")
    assert {path.name for path in saved.iterdir()} == {path.name for path in result.folder.iterdir()}
    said: list[str] = []
    ifp.train(bars(), "deft", betas=[5, 1], seeds=2, out=saved, say=said.append, **SMALL)
    assert said[-1] == "2 of 2 networks are done."
    with pytest.raises(IfpError, match="is not an empty folder"):
        result.save(saved)


def test_the_figure_shows_every_factor_and_without_factors_the_kl(result: TrainResult) -> None:
    ax = result.plot()
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    records = result.records().groupby("step").mean()
    for line, factor in zip(solid, ("width", "place"), strict=True):
        np.testing.assert_allclose(np.asarray(line.get_ydata()), records[f"posterior_nmi1_{factor}"])
    assert "posterior" in ax.get_ylabel()
    assert ax.get_legend() is not None
    plain = ifp.train(bars(labelled=False), **SMALL)
    (line,) = plain.plot().lines
    np.testing.assert_allclose(np.asarray(line.get_ydata()), plain.records()["kl_nats"])
    assert plain.table()["nmi1"].isna().all()


def test_the_figure_is_drawn_again_from_the_folder(result: TrainResult, tmp_path: Path) -> None:
    paths = ifp.plot(result, out=tmp_path / "of-result", formats=["png"])
    assert [path.name for path in paths] == ["ifp_training.png", "ifp_training.csv", "ifp_training.txt"]
    again = ifp.plot(result.save(tmp_path / "run"), formats=["png"])
    assert [path.parent for path in again] == [tmp_path / "run" / "figures"] * 3
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    with pytest.raises(IfpError, match="in memory only"):
        ifp.plot(result)
    with pytest.raises(IfpError, match="with which `scale` does not go"):
        ifp.plot(tmp_path / "run", scale="linear")


def test_networks_that_diverge_are_said_and_not_raised() -> None:
    run = ifp.train(bars(), likelihood="gaussian", sigma=1e-30, **SMALL)
    assert list(run.outcome.diverged) == [0]
    assert run.table()["status"].tolist() == ["diverged"]
    assert repr(run).endswith("1 diverged>")


@pytest.mark.parametrize(
    ("objective", "options", "sentence"),
    [
        ("deftt", {}, "Unknown objective 'deftt'.* did you mean 'deft'"),
        ("beta", {"gamma": 3}, "Unknown setting of a training with beta 'gamma'"),
        ("beta", {"batches": 3}, "did you mean 'batch'"),
        ("beta", {"seeds": 0}, "seeds must be a whole number of at least 1"),
        ("beta", {"preset": "fast"}, "Unknown preset 'fast'"),
        ("deft", {}, "no published DEFT pressures for 'arrays'"),
        ("beta", {"beta": "high"}, "must be a number"),
        ("beta", {"options": 5}, "options must be a table"),
        ("beta", {"threads": 0}, "threads must be a whole number"),
        ("beta", {"architecture": "conv"}, "mlp"),
    ],
)
def test_a_mistake_is_one_sentence(objective: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence):
        ifp.train(bars(), objective, **{**SMALL, **options})


def test_a_setup_is_told_its_own_function() -> None:
    config = ifp.TrainConfig(dataset="bars", **{name: value for name, value in SMALL.items() if name != "threads"})
    with pytest.raises(IfpError, match=r"ifp\.training\.run\.train"):
        ifp.train(ifp.set_up(bars(), config))  # type: ignore[arg-type]


def test_a_name_of_both_is_the_networks_and_the_objectives_goes_into_options() -> None:
    found = by_objective("factor", {"hidden": 64, "options": {"hidden": 500}, "gamma": 10})
    assert found == {"objective": "factor", "hidden": 64, "options": {"hidden": 500, "gamma": 10}}


def test_a_result_is_diagnosed_as_it_is(result: TrainResult) -> None:
    """The last checkpoint of each seed is a model."""
    images = np.kron(np.eye(12, dtype=np.uint8), np.full((6, 1), 255, dtype=np.uint8)).reshape(72, 1, 12).repeat(4, 1)
    many = ifp.dataset(images, np.arange(72) // 6, ["place"])
    diagnosed = ifp.diagnose(
        result, many, images=72, joint=False, metrics="none", permutations=20, bootstraps=20, anyway=True
    )
    assert len(diagnosed.models) == 2


@pytest.mark.parametrize(
    ("run", "options", "sentence"),
    [
        (5, {}, "run must be the path"),
        (None, {}, "run must be the path"),
        ("result", {"kinds": 5}, "kinds must be a name or a list of names, got 5"),
        ("result", {"formats": "eps"}, "Unknown figure format 'eps': allowed are pdf, png"),
        ("result", {"out": "file/x"}, "must name a folder"),
        ("nowhere", {}, "anneal.*whole data set.*train.*diagnose.*shift.*channels"),
        (".", {}, "holds no run.json.*anneal.*whole data set.*train.*diagnose.*shift.*channels"),
        ("seed-0", {}, "holds one network of a training; give the folder of the training"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    result: TrainResult, tmp_path: Path, run: Any, options: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "file").touch()
    options |= {"out": tmp_path / options["out"]} if "out" in options else {}
    places = {"result": result, "nowhere": tmp_path / "nowhere", ".": tmp_path, "seed-0": result.folder / "seed-0"}
    with pytest.raises(IfpError, match=sentence):
        ifp.plot(places.get(run, run), **{"out": tmp_path / "figures", **options})
    if run == "result":
        names = [path.name for path in ifp.plot(result, out=tmp_path / "text", formats="png,")]
        assert names == ["ifp_training.png", "ifp_training.csv", "ifp_training.txt"]
