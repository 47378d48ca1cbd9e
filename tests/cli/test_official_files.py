"""Data sets of official files in every command: small files of the official layout, whole and damaged."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.io import savemat

from ifp.cli import main
from ifp.datasets import mpi3d
from ifp.datasets.cars3d import Cars3D
from ifp.datasets.catalog import load_dataset
from ifp.datasets.factors import FactorSpace
from ifp.datasets.shapes3d import Shapes3D

SMALL = [
    "--architecture", "mlp", "--hidden", "8", "--batch", "8", "--learning-rate", "5e-3", "--seeds", "1", "--quiet",
]  # fmt: skip


@dataclass(frozen=True)
class Official:
    """A data set: the sizes of its grid in small, how its file is written, and its array of images."""

    sizes: tuple[int, ...]
    write: Callable[..., None]
    images: str


def pictures(sizes: tuple[int, ...], side: int = 64) -> np.ndarray:
    """uint8 [N, H, W, C]: of each factor a bar of its own that grows with it."""
    images = np.full((int(np.prod(sizes)), side, side, 3), 40, np.uint8)
    for image, values in zip(images, np.ndindex(*sizes), strict=True):
        for row, (value, size) in enumerate(zip(values, sizes, strict=True)):
            image[8 * row : 8 * row + 6, : side * (value + 1) // (size + 1)] = 200 - 20 * row
    return images


def write_shapes3d(folder: Path, sizes: tuple[int, ...], **changed: Any) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py, of the extra hdf5, is not installed")
    labels = np.array(list(np.ndindex(*sizes)), float) / 10
    labels[:, 5] = np.linspace(-30, 30, sizes[5])[(10 * labels[:, 5]).astype(int)]
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        for name, array in ({"images": pictures(sizes), "labels": labels} | changed).items():
            if array is not None:
                file.create_dataset(name, data=array)


def write_mpi3d(folder: Path, sizes: tuple[int, ...], **changed: Any) -> None:
    arrays = {"images": pictures(sizes)} | changed
    np.savez(folder / "mpi3d_toy.npz", **{name: array for name, array in arrays.items() if array is not None})


def write_cars3d(folder: Path, sizes: tuple[int, ...], **changed: Any) -> None:
    elevation, azimuth, cars = sizes
    images = pictures((cars, elevation, azimuth), 128).reshape(cars, elevation, azimuth, 128, 128, 3)
    (folder / "data" / "cars").mkdir(parents=True, exist_ok=True)
    for car, of_car in enumerate(images):
        arrays = {"im": of_car.transpose(2, 3, 4, 1, 0), "mask": np.ones((128, 128, azimuth, elevation), np.uint8)}
        held = io.BytesIO()
        savemat(held, {name: array for name, array in (arrays | changed).items() if array is not None})
        (folder / "data" / "cars" / f"car_{car + 1:03}_mesh.mat").write_bytes(held.getvalue())


SETS = {
    "shapes3d": Official((2, 2, 2, 2, 2, 3), write_shapes3d, "images"),
    "mpi3d-toy": Official((2, 2, 2, 2, 2, 2, 2), write_mpi3d, "images"),
    "cars3d": Official((3, 4, 5), write_cars3d, "im"),
}


@pytest.fixture(autouse=True)
def small_grids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The official grids in small, and a cache of the test's own."""
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    for kind, name in ((Shapes3D, "shapes3d"), (Cars3D, "cars3d")):
        module = import_module(kind.__module__)
        space = FactorSpace(module.SPACE.names, SETS[name].sizes)
        monkeypatch.setattr(module, "SPACE", space)
        monkeypatch.setitem(kind.__init__.__kwdefaults__, "space", space)
    variant = mpi3d.VARIANTS["mpi3d-toy"]
    space = FactorSpace(variant.space.names, SETS["mpi3d-toy"].sizes)
    monkeypatch.setitem(mpi3d.VARIANTS, "mpi3d-toy", replace(variant, space=space))


def ifp(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def done(*args: object) -> str:
    result = ifp(*args)
    assert result.exit_code == 0, (args, result.output, result.exception)
    return result.stdout


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("command", ["anneal", "train"])
@pytest.mark.parametrize("name", SETS)
def test_damage_is_one_sentence_and_nothing_is_written(name: str, command: str, tmp_path: Path) -> None:
    kind, data, out = SETS[name], tmp_path / "data", tmp_path / "out"
    images = (
        pictures(kind.sizes) if name != "cars3d" else np.zeros((128, 128, 3, kind.sizes[1], kind.sizes[0]), np.uint8)
    )
    damages: dict[str, dict[str, Any]] = {
        "missing key": {kind.images: None},
        "fewer images": {kind.images: images[:-1]},
        "floating point": {kind.images: images / 255},
        "of other numbers": {kind.images: images.astype(np.int64)},
        "no images but text": {kind.images: np.array([b"a", b"b"])},
        "cut short": {},
        "empty": {},
    }
    for damage, changed in damages.items():
        data.mkdir()
        kind.write(data, kind.sizes, **changed)
        for path in [path for path in data.rglob("*") if path.is_file()]:
            if damage == "cut short":
                cut_short(path)
            elif damage == "empty":
                path.write_bytes(b"")
        result = ifp(command, "--dataset", name, "--data-dir", data, "--quiet", "--out", out)
        assert result.exit_code == 2, (damage, result.output, result.exception)
        assert result.stdout == ""
        assert result.stderr.startswith("Error: "), damage
        assert len(result.stderr.strip().splitlines()) == 1, damage
        assert "data" in result.stderr.split(";")[0], (damage, result.stderr)  # which file
        assert ";" in result.stderr, (damage, "what next")
        assert not out.exists(), damage
        assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ".npy"] == [], damage
        shutil.rmtree(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_a_newcomer_s_commands(name: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    SETS[name].write(data, SETS[name].sizes)
    of_data = ("--dataset", name, "--data-dir", data)
    assert "there" in done("data", "list", "--data-dir", data)
    done("data", "describe", name, "--data-dir", data)
    steps = (*SMALL, "--steps", "30", "--records", "12")
    traversals, whole, trained = tmp_path / "traversals", tmp_path / "whole", tmp_path / "trained"
    said = done("anneal", *of_data, *steps, "--hold-steps", 5, "--contexts", 2, "--format", "none", "--out", traversals)
    for factor in load_dataset(name, data_dir=data).space.names:
        assert factor in said
    annealed = ifp("anneal", "--whole", *of_data, *steps, "--latents", 3, "--format", "none", "--out", whole)
    assert annealed.exit_code == 0 or "raise --steps" in annealed.stderr, annealed.output  # so few show no peak
    assert (whole / "joint_freezing_points.csv").is_file()
    done("train", *of_data, *steps, "--latents", 3, "--out", trained)
    few = ("--no-joint", "--metrics", "none", "--format", "none", "--quiet", "--anyway")  # it was hardly trained
    done("diagnose", trained, *of_data, *few, "--out", tmp_path / "diagnosis")
    done("report", traversals, whole, trained, tmp_path / "diagnosis", "--out", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count(name) >= 4
    assert name in done("cache", "list")
    done("cache", "clean", name)
    assert name not in done("cache", "list")
