"""Files that are replaced whole or not at all, so that a full disk or a killed process leaves the one before."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when all went well; OSError where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, whole or not at all; OSError where it cannot be written."""
    with replacing(path) as file:
        file.write(data)


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values to `path`, whole or not at all; OSError where they cannot be written."""
    import torch  # here, because runs are drawn without it

    held = io.BytesIO()
    torch.save(content, held)  # in memory first: on a full disk torch.save does not say what is wrong
    replace_file(path, held.getvalue())


def reason_of(error: OSError | RuntimeError) -> str:
    """Why a file could not be written, for the middle of a sentence; torch.save makes a RuntimeError of a full disk."""
    return error.strerror if isinstance(error, OSError) and error.strerror else "the disk may be full"
