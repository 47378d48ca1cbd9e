"""`ifp data` from the outside: what it prints where, exit codes, nothing half-done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main
from ifp.datasets import download, inspection
from ifp.datasets.catalog import DATASETS
from ifp.datasets.inspection import Check
from ifp.errors import IfpError


def ifp(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("IFP_DATA", str(folder))
    return folder


def test_list() -> None:
    plain = ifp("data", "list")
    assert plain.exit_code == 0
    assert all(name in plain.stdout for name in DATASETS)
    rows = json.loads(ifp("data", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(DATASETS)
    assert {row["name"]: row["files"] for row in rows}["smallnorb"].startswith("6 of 6 missing")


def test_list_shows_each_file_that_is_there_half_there_or_missing(own_folder: Path) -> None:
    own_folder.mkdir()
    (own_folder / "real.npz").write_bytes(bytes(1_500_000))
    (own_folder / "3dshapes.h5.part").write_bytes(bytes(2_500_000))
    shown = ifp("data", "list").stdout
    assert "there    real.npz (1.5 MB)" in shown
    assert "missing  3dshapes.h5 (of which 2.5 MB have come)" in shown
    assert "missing  mpi3d_toy.npz\n" in shown
    rows = {row["name"]: row["official_files"] for row in json.loads(ifp("data", "list", "--json").stdout)}
    assert rows["mpi3d-real"] == [{"name": "mpi3d_real.npz", "path": str(own_folder / "real.npz")}]
    assert rows["shapes3d"] == [{"name": "3dshapes.h5", "path": None}]
    assert rows["sprites"] == []


def test_list_and_describe_follow_data_dir(tmp_path: Path, own_folder: Path) -> None:
    assert str(own_folder) in ifp("data", "list").stdout
    assert str(tmp_path / "else") in ifp("data", "list", "--data-dir", tmp_path / "else").stdout
    assert str(tmp_path / "else") in ifp("data", "describe", "dsprites", "--data-dir", tmp_path / "else").stdout


def test_describe_smallnorb_without_files_defines_it_in_print() -> None:
    shown = ifp("data", "describe", "smallnorb")
    assert shown.exit_code == 0
    for text in (
        "48,600",
        "category 5, elevation 9, azimuth 18, lighting 6",
        "left",
        "Lanczos",
        "merged",
        "1 x 64 x 64",
    ):
        assert text in shown.stdout
    assert json.loads(ifp("data", "describe", "smallnorb", "--json").stdout)["images"] == 48_600


def test_describe_keeps_the_values_of_factors_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 8, 8), np.uint8))
    shown = ifp("data", "describe", f"npz:{tmp_path / 'a.npz'}", "--grid", "a:2,b:3").stdout
    assert "a 0, 1; b 0, 1, 2" in shown
    assert "a 2, b 3" in shown


def test_describe_rendered_and_dsprites() -> None:
    assert "737,280" in ifp("data", "describe", "sprites").stdout
    assert "0 and 39 coincide" in ifp("data", "describe", "dsprites").stdout


@pytest.mark.parametrize("command", ["describe", "get", "check", "export"])
def test_an_unknown_name(command: str, tmp_path: Path) -> None:
    ran = ifp("data", command, "spirtes", *([tmp_path / "out.npz"] if command == "export" else []))
    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: Unknown dataset 'spirtes'")
    assert "did you mean 'sprites'?" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_get_what_needs_no_download(own_folder: Path) -> None:
    ran = ifp("data", "get", "toys")
    assert (ran.exit_code, ran.stdout) == (0, "toys needs no download.\n")
    assert not own_folder.exists()


def test_get_prints_what_came_and_what_failed(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    monkeypatch.setattr(download, "fetch", lambda name, folder, report: [folder / "new.mat.gz"])
    ran = ifp("data", "get", "smallnorb")
    assert ran.exit_code == 0
    assert str(own_folder / "new.mat.gz") in ran.stdout
    assert "5 of 6" in ran.stdout

    def fail(*_: object) -> None:
        raise IfpError("1 of 6 files could not be downloaded:\n  https://a: HTTP 403")

    monkeypatch.setattr(download, "fetch", fail)
    ran = ifp("data", "get", "smallnorb")
    assert ran.exit_code == 2
    assert "  https://a: HTTP 403" in ran.stderr
    assert not ran.stdout


def test_check_says_what_is_bad_and_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ifp("data", "check", "dsprites")
    assert ran.exit_code == 2
    assert ran.stdout.startswith("BAD  dsprites_ndarray")
    assert "1 of 1 checks" in ran.stderr
    ran = ifp("data", "check", "dsprites", "--json")
    assert ran.exit_code == 2
    assert [row["ok"] for row in json.loads(ran.stdout)] == [False]
    monkeypatch.setattr(inspection, "check", lambda *_: [Check("images", True, "all there")])
    ran = ifp("data", "check", "dsprites")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "ok   images: all there\n", "")


def small_npz(path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    factors = np.array([(a, b) for a in range(3) for b in range(4)])
    np.savez(path, images=images, factors=factors, factor_names=np.array(["a", "b"]))
    return path


def test_export_round_trip_overwrite_and_silence(tmp_path: Path) -> None:
    source, out = small_npz(tmp_path / "in.npz"), tmp_path / "out.npz"
    ran = ifp("data", "export", f"npz:{source}", out)
    assert (ran.exit_code, ran.stdout) == (0, f"{out}\n")
    assert "\x1b" not in ran.stderr
    assert "\r" not in ran.stderr
    with np.load(source) as first, np.load(out) as second:
        for name in ("images", "factors", "factor_names"):
            np.testing.assert_array_equal(first[name], second[name])
    refused = ifp("data", "export", f"npz:{source}", out)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    again = ifp("data", "export", f"npz:{source}", out, "--force", "--quiet")
    assert (again.exit_code, again.stderr) == (0, "")
    assert ifp("data", "describe", f"npz:{out}").exit_code == 0
    assert ifp("data", "check", f"npz:{out}").exit_code == 0


def test_a_grid_and_bins_are_options_of_images_of_ones_own(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "plain.npz", images=images)
    plain = f"npz:{tmp_path / 'plain.npz'}"
    shown = ifp("data", "describe", plain, "--grid", "shape:3,scale:4")
    assert "shape 3, scale 4" in shown.stdout
    dry = ifp(
        "anneal", "--dataset", plain, "--grid", "shape:3,scale:4", "--dry-run", "--quiet", "--method", "closed-form"
    )
    assert dry.exit_code == 0, dry.output
    np.savez(tmp_path / "age.npz", images=images, factors=np.arange(12) / 7, factor_names=["age"])
    shown = ifp("data", "describe", f"npz:{tmp_path / 'age.npz'}", "--bins", "3")
    assert "age 3" in shown.stdout
    for words, sentence in (
        (("data", "describe", plain, "--grid", "shape:3"), "multiply to the number of images"),
        (("data", "describe", plain, "--grid", "shape"), "NAME:NUMBER"),
        (("data", "describe", "sprites", "--bins", "3"), "--bins is for npz:PATH and images:FOLDER"),
        (("train", "--grid", "shape:3"), "--grid is about images of your own"),
    ):
        refused = ifp(*words)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("nuisance", ["-1", "many", "1.5"])
def test_export_refuses_a_bad_nuisance(tmp_path: Path, nuisance: str) -> None:
    ran = ifp("data", "export", "sprites", tmp_path / "out.npz", "--nuisance", nuisance)
    assert ran.exit_code == 2
    assert "--nuisance" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_one_line_and_no_file(tmp_path: Path) -> None:
    # a shell that runs the tests in the background may have switched SIGINT off for its children
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from ifp.cli import main; main()"
    command = [sys.executable, "-c", code, "data", "export", "sprites", "all.npz", "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not any(path.stat().st_size for path in tmp_path.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert list(tmp_path.iterdir()), process.poll()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert stderr == "Interrupted.\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_every_option_shows_its_help_and_default() -> None:
    group = main.get_command(click.Context(main), "data")
    assert isinstance(group, click.Group)
    for command in group.commands.values():
        context = click.Context(command, parent=click.Context(main, show_default=True))
        assert command.help
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (command.name, option.name)
                if not option.is_flag:
                    assert "default: " in str(option.get_help_record(context)), (command.name, option.name)
