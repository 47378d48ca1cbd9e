"""Codes that `ifp diagnose` keeps: taken again, made anew for a changed file, and whole after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ifp.checkpoints import encoded_runs as records

from ...checkpoints import exact_vaes as exact
from .command import FAST, done


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each encoding of a whole sample had."""
    calls: list[int] = []
    real = records.encode_images

    def counted(encode: Any, images: np.ndarray, *rest: Any) -> Any:
        calls.append(len(images))
        return real(encode, images, *rest)

    monkeypatch.setattr(records, "encode_images", counted)
    return calls


def test_codes_are_kept_and_a_changed_checkpoint_is_encoded_again(
    grid: str, series: Path, encoded: list[int], tmp_path: Path
) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(series, folder)
    first = done(folder, "--dataset", grid, out=out)
    assert encoded == [1000, 1000]
    again = done(folder, "--dataset", grid, out=out)
    assert encoded == [1000, 1000]
    assert again == first
    exact.write_components(folder / "model-1.pt", step=1, sigma2=0.02)
    changed = done(folder, "--dataset", grid, out=out)
    assert len(encoded) == 3
    np.testing.assert_allclose(changed["kl_nats"], exact.kl_nats(0.02), atol=1e-4)
    done(folder, "--dataset", grid, "--head", "interleaved", "--anyway", out=out)
    assert len(encoded) == 5


def test_the_same_command_gives_the_same_bytes(grid: str, series: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        done(series, "--dataset", grid, out=tmp_path / name)
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert len(files) > 8
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    done(series, "--dataset", grid, out=tmp_path / "a")
    assert {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()} == before


KILLED_WHILE_WRITING = """
import os, signal, sys
import numpy as np
from ifp.cli import main

real, calls = np.savez, []

def savez(stream, **arrays):
    calls.append(stream)
    if len(calls) == 3:
        stream.write(b"half a file")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    real(stream, **arrays)

np.savez = savez
main()
"""


@pytest.mark.slow
def test_a_killed_command_leaves_whole_files_only_and_resumes(grid: str, encoded: list[int], tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    folder.mkdir()
    for step in range(4):
        exact.write_components(folder / f"step-{step}.pt", step=step)
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, "diagnose", str(folder), "--dataset", grid]
    killed = subprocess.run(
        [*command, *FAST, "--quiet", "--out", str(out)], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    kept = sorted((out / "codes").glob("[!.]*.npz"))  # the half file has a hidden name
    assert len(kept) == 2
    (half,) = (out / "codes").glob(".*partial*")
    assert half.read_bytes() == b"half a file"
    assert {path.name for path in out.iterdir()} == {"codes"}
    for path in kept:
        with np.load(path) as arrays:
            assert all(arrays[name].size for name in ("mean", "logvar", "key"))
    cut = done(folder, "--dataset", grid, out=out)
    assert encoded == [1000, 1000]
    assert cut == done(folder, "--dataset", grid, out=tmp_path / "whole")
    assert not list(out.rglob("*partial*")), "nobody took it for codes, and it was cleared away"
