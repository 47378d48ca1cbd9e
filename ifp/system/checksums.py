"""Checksums of a folder's finished files, so that what was edited or damaged afterwards is not believed.

checksums.json is written when a run or a result is complete, and taken away before any of its files is written again:
a process that is killed between two writes leaves a folder without checksums, which is read as before.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ifp.errors import IfpError
from ifp.system.files import write_json
from ifp.system.json_text import load_json
from ifp.system.settings import LATER_DEFAULTS, settings_digest

FILE_NAME = "checksums.json"
_SUFFIXES = (".json", ".csv", ".npz")
_MAX_BYTES = 2**20
"""Maximum size of checksums.json; a larger one is not ours."""
P = ParamSpec("P")
R = TypeVar("R")
_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Within the block, with `trust`, files are believed that are not as they were written."""
    token = _trusted.set(trust or _trusted.get())
    try:
        yield
    finally:
        # click leaves the block open when a later option is refused; collected as garbage in another context, it has
        # nothing to take back there
        with suppress(ValueError):
            _trusted.reset(token)


def may_trust(call: Callable[P, R]) -> Callable[P, R]:
    """A library call with an argument `trust`: with `trust=True` files are believed within it as by `trusting`."""

    @functools.wraps(call)
    def trusting_call(*args: P.args, **kwargs: P.kwargs) -> R:
        with trusting(bool(kwargs.get("trust", False))):
            return call(*args, **kwargs)

    return trusting_call


def seal(folder: Path) -> None:
    """Write the checksums of the json, csv and npz files that lie in the folder itself; OSError as `write_json`."""
    there = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())
    sums = {path.name: _checksum(path) for path in there if path.name != FILE_NAME and not path.name.startswith(".")}
    if sums:
        write_json(folder / FILE_NAME, {"sha256": sums})


def unseal(folder: Path) -> None:
    """Take the checksums away, before one of the folder's files is written again."""
    (folder / FILE_NAME).unlink(missing_ok=True)


def check_unchanged(path: Path) -> None:
    """Raise IfpError where the file is not the one whose checksum its folder holds, unless it is trusted.

    Without checksums, or without one of this file, nothing is said.
    """
    if _trusted.get():
        return
    known = _stored_sums(path.parent).get(path.name)
    if known is not None and path.is_file() and known != _checksum(path):
        raise IfpError(
            f"{path} is not as it was written (its checksum is another than in {FILE_NAME}); restore it, run the same "
            "command in a new folder, or believe it with `trust=True`."
        )


def check_digest(run: Mapping[str, Any], path: Path) -> None:
    """Raise IfpError where the settings in a run.json are not those of its digest, unless they are trusted.

    Parameters
    ----------
    run : the content of the run.json at `path`; without settings or digest nothing is said.
    """
    config, digest = run.get("config"), run.get("digest")
    if _trusted.get() or digest is None or not isinstance(config, dict):
        return
    # settings that came later stand at their defaults in run.json and not in the digest
    without_later = {k: v for k, v in config.items() if k not in LATER_DEFAULTS or v != LATER_DEFAULTS[k]}
    if digest not in (settings_digest(config), settings_digest(without_later)):
        raise IfpError(
            f"The settings in {path} were changed after the run (they are not those of its digest {str(digest)!r}); "
            "restore them, start a new run with them as its config, or believe them with `trust=True`."
        )


def _stored_sums(folder: Path) -> dict[str, Any]:
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    try:
        sums = load_json(path, _MAX_BYTES)["sha256"]
        if not isinstance(sums, dict):
            raise ValueError("it holds no table of checksums")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IfpError(
            f"{path} cannot be read ({error}); restore it, or believe the files beside it with `trust=True`."
        ) from error
    return sums


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
