"""What `ifp channels` prints and writes: the same bytes each time, read back and drawn again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ifp.analysis.channels.files import load_results, write_results
from ifp.cli import main
from ifp.errors import IfpError

from ...checkpoints import exact_vaes as exact
from ...fingerprints.ensembles import write_run
from .command import channels, done, table


def test_results_are_read_back_as_they_were(mapped: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = mapped
    results = load_results(out)
    write_results(results, tmp_path)
    files = [path for path in out.iterdir() if path.is_file() and path.name != "checksums.json"]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}
    for path in files:
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    # what is not written as it is agrees with what is
    assert results.hotspots is not None
    hotspots = pd.read_csv(out / "hotspots.csv").drop(columns=["stability", "stability_low"])
    pd.testing.assert_frame_equal(results.hotspots.table(), hotspots, check_dtype=False)
    with np.load(out / "similarity.npz") as held:
        np.testing.assert_array_equal(results.similarity.nmi_CC, held["nmi"])


def test_a_damaged_folder_is_one_sentence(mapped: tuple[Path, str], tmp_path: Path) -> None:
    whole = (mapped[0] / "channels.json").read_text()
    arrays = (mapped[0] / "similarity.npz").read_bytes()
    content = json.loads(whole)
    damaged = {
        "cut": (whole[:2000], arrays, "cannot be read"),
        "other": ('{"format": "ifp diagnosis 1"}', arrays, "is not a comparison of this version"),
        "poor": (
            json.dumps({k: v for k, v in content.items() if k != "tables"}),
            arrays,
            "missing required field tables",
        ),
        "strange": (json.dumps(content | {"hotspots": [{"number": 1}]}), arrays, r"the field hotspots\[0\]"),
        "arrays": (whole, arrays[: len(arrays) // 2], "not an .npz file or is damaged"),
    }
    for name, (text, bits, sentence) in damaged.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "channels.json").write_text(text)
        (tmp_path / name / "similarity.npz").write_bytes(bits)
        with pytest.raises(IfpError, match=sentence):
            load_results(tmp_path / name)
    with pytest.raises(IfpError, match="give the folder of an `ifp channels` run"):
        load_results(tmp_path)


def test_what_is_written_and_printed(mapped: tuple[Path, str]) -> None:
    out, printed = mapped
    for text in (
        "10 models, 25 live channels", "Hotspots, information that recurs", "5 of 10", "IFP (beta)",
        "Fragments over beta", "appears", "log2 N = 7.64 bits", "they hold nothing: 15 channels", f"in {out}",
    ):  # fmt: skip
        assert text in printed, text
    names = ["models", "channels", "hotspots", "freezing", "hotspot_freezing", "fragments", "links"]
    assert {path.name for path in out.iterdir()} == {
        "channels.json", "similarity.npz", "traversals.npz", "checksums.json", "figures",
        *(f"{name}.csv" for name in names),
    }  # fmt: skip
    figures = {f"{stem}.{suffix}" for stem in ("structure", "fragments") for suffix in ("png", "csv", "txt")}
    assert {path.name for path in (out / "figures").iterdir()} == figures
    # the representative of each hotspot of the first factor moves the first row of pixels alone
    numbers = np.flatnonzero(table(out, "hotspots")["factor"] == "first") + 1
    with np.load(out / "traversals.npz") as held:
        for number in numbers:
            moved = np.ptp(held[str(number)], axis=0)[0].max(axis=1)
            assert (moved > 0.02).tolist() == [True, False, False]


def test_figures_are_drawn_again_from_the_folder(mapped: tuple[Path, str], tmp_path: Path) -> None:
    arguments = ["plot", str(mapped[0]), "--width", "neurips", "--format", "png", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    drawn = [Path(line) for line in result.stdout.splitlines()]
    assert {path.name for path in drawn if path.suffix == ".png"} == {"structure.png", "fragments.png"}
    assert all(path.is_file() for path in drawn)
    assert CliRunner().invoke(main, [*arguments, "--kind", "kde"]).exit_code == 2


def test_what_another_command_does_not_find_again_does_not_stay(
    mapped: tuple[Path, str], models: list[Path], grid: str, tmp_path: Path
) -> None:
    shutil.copytree(mapped[0], tmp_path, dirs_exist_ok=True)
    args = [models[0], "--dataset", grid, "--points", 64, "--no-hotspots", "--format", "png", "--out", tmp_path]
    result = channels(*args, figures=True)
    assert result.exit_code == 0, (result.output, result.exception)
    names = {"channels.json", "channels.csv", "models.csv", "similarity.npz", "checksums.json", "figures"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert not list((tmp_path / "figures").iterdir())


def test_json_is_json_alone_on_stdout(grid: str, models: list[Path], tmp_path: Path) -> None:
    result = channels(*models, "--dataset", grid, "--points", 64, "--json", "--out", tmp_path)
    content = json.loads(result.stdout, parse_constant=pytest.fail)
    assert content["folder"] == str(tmp_path)
    assert content["tables"]["hotspots"][0]["of_runs"] == 5
    assert len(content["hotspots"]) == 3


def test_the_same_command_gives_the_same_bytes(grid: str, models: list[Path], tmp_path: Path) -> None:
    args = [*models, "--dataset", grid, "--points", 64]
    for name in ("a", "b"):
        done(*args, out=tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_unfinished_seeds_are_told(grid: str, tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run", 5, sigma2_of_step={10: exact.SIGMA2}, step_T=[10], beta_T=[4.0],
        kl_nats_STD=np.zeros((5, 1, 4)), unfinished=[(5, "diverged")],
    )  # fmt: skip
    args = [
        "channels",
        str(run),
        "--dataset",
        grid,
        "--points",
        "100",
        "--format",
        "none",
        "--out",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "seed-5 (diverged) left out, not trained to the end." in result.stderr
    assert "5 models" in result.stdout
