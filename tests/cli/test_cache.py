"""`ifp cache`: what is kept, and that nothing but that is removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main
from ifp.datasets import mpi3d
from ifp.datasets.factors import FactorSpace

COPY, OTHER = "shapes3d-0123456789abcdef.npy", "sprites-0123456789ab.grid"


def ifp(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    (folder / "data").mkdir(parents=True)
    for name in (COPY, COPY.replace(".npy", ".json"), OTHER, "notes.txt", "mine.npy", "data/3dshapes.h5"):
        (folder / name).write_bytes(bytes(2_000_000 if name == COPY else 10))
    (folder / "link-0123456789ab.npy").symlink_to(folder / "mine.npy")
    monkeypatch.setenv("IFP_CACHE", str(folder))
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_list_shows_our_copies_alone(cache: Path) -> None:
    shown = ifp("cache", "list")
    assert shown.exit_code == 0
    assert "2.0 MB in 3 files" in shown.stdout
    assert "notes.txt" not in shown.stdout
    rows = json.loads(ifp("cache", "list", "--json").stdout)
    assert [(row["dataset"], row["bytes"]) for row in rows] == [
        ("shapes3d", 10),
        ("shapes3d", 2_000_000),
        ("sprites", 10),
    ]


def test_clean_removes_what_is_named_and_nothing_else(cache: Path) -> None:
    before = names_in(cache)
    shown = ifp("cache", "clean", "--dry-run")
    assert "3 files, 2.0 MB, would be removed." in shown.stdout
    assert names_in(cache) == before
    assert "2 files, 2.0 MB, removed." in ifp("cache", "clean", "shapes3d").stdout
    assert before - names_in(cache) == {COPY, COPY.replace(".npy", ".json")}
    assert "in 1 file of" in ifp("cache", "list").stdout
    refused = ifp("cache", "clean", "sprite")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "did you mean 'sprites'" in refused.stderr
    left = cache / f".toys.{2**22 + os.getpid()}-1.partial.npy"
    left.write_bytes(b"half")
    assert json.loads(ifp("cache", "clean", "--json").stdout) == [str(cache / OTHER)]
    assert names_in(cache) == {"data", "notes.txt", "mine.npy", "link-0123456789ab.npy"}
    assert (cache / "data" / "3dshapes.h5").exists()
    assert "holds nothing" in ifp("cache", "clean", "sprites").stderr


def test_a_copy_that_was_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "cache"))
    space = FactorSpace(mpi3d.SPACE.names, (1, 1, 2, 1, 1, 1, 2))
    np.savez_compressed(tmp_path / "mpi3d_toy.npz", images=np.ones((4, 64, 64, 3), np.uint8))
    first = mpi3d.Mpi3d("mpi3d-toy", tmp_path, space=space)
    assert "2 files" in ifp("cache", "clean", "mpi3d-toy").stdout
    again = mpi3d.Mpi3d("mpi3d-toy", tmp_path, space=space)
    assert again.stored.path.exists()
    assert again.checksum() == first.checksum()


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFP_CACHE", str(tmp_path / "none"))
    assert "0.0 MB in 0 files" in ifp("cache", "list").stdout
    assert "0 files" in ifp("cache", "clean").stdout
    assert not (tmp_path / "none").exists()
