"""`ifp.diagnose` of checkpoint files: what the command writes, a series, and models that are not to be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import ifp
from ifp.analysis.diffusion import ModelComparison, ModelDiagnosis, load_results
from ifp.cli import main

from ...checkpoints import exact_vaes as exact

FAST: dict[str, Any] = {"images": 1000, "permutations": 20, "bootstraps": 20, "metrics": "none", "joint": False}
OPTIONS = [
    "--images",
    "1000",
    "--permutations",
    "20",
    "--bootstraps",
    "20",
    "--metrics",
    "none",
    "--no-joint",
    "--format",
    "none",
    "--quiet",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose optimum is known, a series of it, its images, and images that it does not know."""
    folder = tmp_path_factory.mktemp("models")
    exact.write_grid(folder / "grid.npz")
    exact.write_components(folder / "model.pt")
    (folder / "series").mkdir()
    exact.write_components(folder / "series" / "model-1.pt", step=0)
    exact.write_components(folder / "series" / "model-2.pt", step=1, sigma2=0.04)
    images = 255 - (exact.grid_images()[:, ::-1].astype(int) * 2 % 256).astype(np.uint8)
    np.savez(folder / "foreign.npz", images=images, factors=exact.factor_grid(), factor_names=np.array(exact.NAMES))
    return folder


def files_in(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_a_saved_result_has_the_files_of_the_command(folder: Path, tmp_path: Path) -> None:
    data = f"npz:{folder / 'grid.npz'}"
    paths = [folder / "model.pt", folder / "series"]
    done = CliRunner().invoke(
        main, ["diagnose", *map(str, paths), "--dataset", data, *OPTIONS, "--out", str(tmp_path / "command")]
    )
    assert done.exit_code == 0, done.output
    result = ifp.diagnose(paths, data, **FAST)
    assert isinstance(result, ModelComparison)
    result.save(tmp_path / "saved", formats=[])

    assert files_in(tmp_path / "saved") == files_in(tmp_path / "command")
    for file in files_in(tmp_path / "saved"):
        written, expected = (tmp_path / place / file for place in ("saved", "command"))
        if file.suffix == ".npz" and file.parts[0] == "codes":  # all but the key by which the command finds them
            with np.load(written) as of_result, np.load(expected) as of_command:
                assert of_result.keys() == of_command.keys()
                assert all((of_result[name] == of_command[name]).all() for name in of_result if name != "key")
        else:
            assert written.read_bytes() == expected.read_bytes(), file


def test_a_folder_is_a_series_and_so_are_its_files_on_demand(folder: Path) -> None:
    data = f"npz:{folder / 'grid.npz'}"
    of_folder = ifp.diagnose(folder / "series", data, **FAST)
    of_files = ifp.diagnose(sorted((folder / "series").iterdir()), data, series=True, **FAST)
    assert isinstance(of_files, ModelDiagnosis)
    assert of_folder.verdict() == of_files.verdict().replace(of_files.name, of_folder.name)
    assert of_folder.verdict().startswith("Over the series:\n- Between step 0 and step 1: ")
    assert "- At step 1 taken alone, however it came about: " in of_folder.verdict()
    assert of_folder.headline().startswith("series: Between step 0 and step 1: ")


def test_a_doubtful_model_is_not_measured_and_says_what_to_try(folder: Path, tmp_path: Path) -> None:
    doubtful = ifp.diagnose(folder / "model.pt", f"npz:{folder / 'foreign.npz'}", names="mine", **FAST)
    assert len(doubtful.doubts) == 1
    assert repr(doubtful).startswith("<ModelDiagnosis: No verdict on mine: ")
    assert "What to try: as `dataset` the images that it was trained on" in str(doubtful)
    assert str(doubtful).endswith("`anyway=True` gives the numbers as they are.")
    assert "What to try" in doubtful._repr_html_()
    for ask in (doubtful.table, doubtful.plot, lambda: doubtful.save(tmp_path / "out")):
        with pytest.raises(ifp.IfpError, match=r"was not measured: .* `anyway=True` gives its numbers all the same"):
            ask()
    assert not (tmp_path / "out").exists()


def test_a_doubtful_model_is_measured_on_demand_without_a_verdict(folder: Path, tmp_path: Path) -> None:
    data = f"npz:{folder / 'foreign.npz'}"
    measured = ifp.diagnose(folder / "model.pt", data, anyway=True, names="mine", **FAST)
    assert str(measured).startswith("- No verdict on mine: ")
    assert len(str(measured).splitlines()) == 1
    assert list(measured.table()["factor"]) == list(exact.NAMES)
    measured.save(tmp_path, formats=[])
    assert load_results(tmp_path).sentences() == [str(measured).removeprefix("- ")]
    both = measured.compare(measured)  # type: ignore[union-attr, arg-type]
    assert str(both).count("No verdict on mine (") == 2
    assert not both.table().empty


def test_of_several_models_none_is_compared_where_one_is_doubtful(folder: Path) -> None:
    data = f"npz:{folder / 'foreign.npz'}"
    several = ifp.diagnose([folder / "model.pt"] * 2, data, names=["mine", "mine"], **FAST)
    assert "No verdict on mine (A): " in str(several)
    assert "mine (B): What to try: " in str(several)
    assert "<table" not in several._repr_html_()
    with pytest.raises(ifp.IfpError, match="was not measured"):
        several.table()


def test_what_was_read_before_needs_no_data_set(folder: Path) -> None:
    run = ifp.read_checkpoints(folder / "model.pt", ifp.load_dataset(f"npz:{folder / 'grid.npz'}"), images=1000)
    result = ifp.diagnose(run, **FAST)
    assert "No information diffusion; first, second and third are held by one latent each" in result.headline()
    assert "Read as ifp" in result.how_read()  # type: ignore[union-attr]
