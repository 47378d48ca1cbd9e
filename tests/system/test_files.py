"""Files that are replaced whole: on a full disk the one before stays, and nothing half-written lies beside it."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ifp.errors import IfpError
from ifp.system.files import (
    read_json,
    remove_partials,
    remove_partials_of,
    replace_file,
    replacing,
    whole_file,
    write_json,
    write_whole,
)

from ..analysis.synthetic import one_curve

Write = Callable[[Path], None]
WRITES: dict[str, Write] = {
    "bytes": lambda path: replace_file(path, b"new"),
    "tensors": lambda path: write_whole(path, {"step": 1}),
    "json": lambda path: write_json(path, {"step": 1}),
    "trace": lambda path: one_curve(np.ones((1, 2)), np.zeros((1, 2))).save(path),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_full_disk_leaves_the_file_before(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    write(path)
    assert path.read_bytes() != b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def half() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    path.write_bytes(b"before")
    child = os.fork()
    if not child:
        with whole_file(path) as partial:
            partial.write_bytes(b"ne")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert path.read_bytes() == b"before"
    write_json(path, {"step": 1})
    assert path.read_bytes() != b"before"


def test_the_partial_file_has_the_suffix_by_which_writers_choose_their_format(tmp_path: Path) -> None:
    with whole_file(tmp_path / "new" / "figure.png") as partial:
        assert partial.suffix == ".png"
        assert not (tmp_path / "new" / "figure.png").exists()
        partial.write_bytes(b"png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figure.png"]


BROKEN = {"empty": b"", "list": b"[1]", "cut": b"{", "binary": b"\xff", "deep": b"[" * 100_000}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_json_that_is_no_object_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(IfpError, match=r"run\.json .*; name the run\.json of a run\.$"):
        read_json(path, "name the run.json of a run")


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    ended = 2**22 + 1  # above the largest number of a process
    left = [f".step-000010.{ended}-1.partial.npz", f"codes/.a.{os.getpid()}-1.partial.npz", f".b.{ended}-1.partial"]
    others = [f".c.{os.getppid()}-1.partial.csv", ".notes.partial.txt", "d.partial.csv", "step-000010.npz"]
    (tmp_path / "codes").mkdir()
    for name in (*left, *others):
        (tmp_path / name).write_text("some")
    with whole_file(tmp_path / "now.csv") as partial:
        partial.write_text("whole")
        remove_partials(tmp_path)
    assert (tmp_path / "now.csv").read_text() == "whole"
    assert {path.name for path in tmp_path.rglob("*.*")} == {*others, "now.csv"}


def test_of_a_file_among_others_only_its_own_left_overs_are_removed(tmp_path: Path) -> None:
    ended = 2**22 + 1
    left = [f".figure[1].{ended}-1.partial.png", f".figure[1].{ended}-1.partial.csv"]
    others = [f".figure[1].{os.getppid()}-1.partial.csv", f".other.{ended}-1.partial.png", "figure[1].png"]
    for name in (*left, *others):
        (tmp_path / name).write_text("some")
    remove_partials_of(tmp_path / "figure[1].png")
    remove_partials_of(tmp_path / "no such folder" / "figure.png")
    assert {path.name for path in tmp_path.iterdir()} == set(others)
