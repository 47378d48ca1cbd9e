"""Files that are replaced whole: on a full disk the one before stays, and nothing half-written lies beside it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ifp.annealing.folder import write_json
from ifp.system.files import replace_file, replacing, write_whole

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
