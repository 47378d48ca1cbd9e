"""Chunks of a run on disk: few files, each curve once, whatever a killed process left."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ifp.annealing.chunk_files import FANOUT, FOLDER, ChunkFiles, read_curves
from ifp.errors import IfpError
from ifp.trace import AnnealTrace, closed_form_trace


def curve(number: int) -> AnnealTrace:
    return closed_form_trace(["size"], [(number,)], [3], np.array([float(number)]), np.array([2.0 * number]))


def contexts(folder: Path) -> list[int]:
    return read_curves(folder).context_MF[:, 0].tolist()


@pytest.fixture
def full(tmp_path: Path) -> tuple[Path, list[int]]:
    """A folder with two merged files and some single ones, whose chunks ended in no order."""
    order = np.random.default_rng(0).permutation(2 * FANOUT + 5).tolist()
    files = ChunkFiles(tmp_path)
    for number in order:
        files.add(curve(number), np.array([number]))
    return tmp_path, order


def test_files_are_merged_and_read_in_the_order_of_the_run(full: tuple[Path, list[int]]) -> None:
    folder, order = full
    assert len(list((folder / FOLDER).iterdir())) == 2 + 5
    assert contexts(folder) == sorted(order)
    np.testing.assert_array_equal(read_curves(folder).beta_closed_form_M, np.arange(len(order)))


def test_a_curve_in_two_files_counts_once(full: tuple[Path, list[int]]) -> None:
    """As after a kill between merging and removing, or between trace.npz and removing."""
    folder, order = full
    for copy, source in enumerate(sorted((folder / FOLDER).iterdir())[-2:]):
        shutil.copy(source, source.with_name(f"1-{900 + copy:06d}.npz"))
    read_curves(folder).save(folder / "trace.npz")
    assert contexts(folder) == sorted(order)
    ChunkFiles(folder).clear()
    assert contexts(folder) == sorted(order)


def test_a_damaged_chunk_is_named(full: tuple[Path, list[int]]) -> None:
    folder, _ = full
    path = sorted((folder / FOLDER).iterdir())[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(IfpError, match=f"{path} cannot be read .*; delete it and run the same command again"):
        read_curves(folder)


def test_another_folder_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(IfpError, match=r"There is no .*trace\.npz"):
        read_curves(tmp_path)
