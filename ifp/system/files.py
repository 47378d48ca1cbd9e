"""Files that are replaced whole or not at all, so that a full disk or a killed process leaves the one before."""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ifp.errors import IfpError
from ifp.system.format_version import check_version
from ifp.system.json_text import load_json

_PARTIAL = re.compile(r"\..*\.(\d+)-\d+\.partial(\.[^.]*)?")
_being_written: set[Path] = set()
"""The partial files of this process: those of an earlier one with the same number are left-overs (in a container)."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when the block ends well and vanishes when it does not.

    What was written is on the disk before it takes that place. The folder is made if it is missing. The suffix is
    that of `path`, because writers choose their format by it.

    Raises
    ------
    OSError : the file cannot be written; the former one is still whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # of this process and thread alone: two that write the same file do not write into each other's
    partial = path.with_name(f".{path.stem}.{os.getpid()}-{threading.get_ident()}.partial{path.suffix}")
    _being_written.add(partial)
    try:
        yield partial
        descriptor = os.open(partial, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # the error above says more than that nothing can be removed either
            partial.unlink(missing_ok=True)
        _being_written.discard(partial)


def remove_partials(folder: Path) -> None:
    """Remove what processes that were killed left half written in `folder` and below it; others go on writing there."""
    _remove(folder.rglob(".*.partial*"))


def remove_partials_of(path: Path) -> None:
    """Remove what processes that were killed left half written of this file, whatever its suffix, in a folder that may
    hold anything else."""
    _remove(path.parent.glob(f".{glob.escape(path.stem)}.*.partial*"))


def _remove(partials: Iterable[Path]) -> None:
    for path in partials:
        named = _PARTIAL.fullmatch(path.name)
        if named is not None and path not in _being_written and not _is_other_process(int(named[1])):
            with contextlib.suppress(OSError):  # it is in nobody's way
                path.unlink(missing_ok=True)


def _is_other_process(number: int) -> bool:
    """Whether a process of this number, not this one, is alive."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's, or the system does not say
        return True
    return True


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """An open file to write to, which takes the place of `path` when all went well; see `whole_file`."""
    with whole_file(path) as partial, open(partial, "wb") as file:
        yield file


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, whole or not at all; OSError where it cannot be written."""
    with replacing(path) as file:
        file.write(data)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path` as indented JSON, whole or not at all; OSError where it cannot be written."""
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises
    ------
    IfpError : the file cannot be read, or it holds no JSON object; the sentence ends with `advice`.
    """
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise cannot_read(path, error, advice, "cannot be read as JSON") from error
    if not isinstance(content, dict):
        raise IfpError(f"{path} holds no settings; {advice}.")
    check_version(content, path)
    return content


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values to `path`, whole or not at all; OSError where they cannot be written."""
    import torch  # here, because runs are drawn without it

    held = io.BytesIO()
    torch.save(content, held)  # in memory first: on a full disk torch.save does not say what is wrong
    replace_file(path, held.getvalue())


def cannot_read(path: Path, error: Exception, advice: str, what: str = "cannot be read") -> IfpError:
    """The error for a file that was not read; one that may not be read is not called damaged.

    `advice` : what to do with a damaged file; the end of the sentence.
    """
    if isinstance(error, PermissionError):
        return IfpError(f"{path} may not be read ({error.strerror}); ask its owner for the right, or copy it.")
    reason = error.strerror or error if isinstance(error, OSError) else error
    return IfpError(f"{path} {what} ({reason}); {advice}.")


def cannot_write(path: Path, error: OSError) -> IfpError:
    """The error for a file of results that was not written; the one before it is still whole."""
    return IfpError(f"{path} cannot be written ({reason_of(error)}); make room or choose another place, and try again.")


def reason_of(error: OSError | RuntimeError) -> str:
    """Why a file could not be written, for the middle of a sentence; torch.save makes a RuntimeError of a full disk."""
    return error.strerror if isinstance(error, OSError) and error.strerror else "the disk may be full"
