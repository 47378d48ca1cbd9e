"""One fuzz target at work: its reader gets changed files, and what came of each is counted."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import random
import resource
import shutil
import sys
import time
import traceback
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz_unchanged import read_once
from fuzz_watched import MOST_MIB, MOST_SECONDS, Counters

from ifp.errors import IfpError, NothingFroze

MOST_KEPT = 500
"""Accepted files of a target that later changes begin from, and as many that were refused in a new way."""
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pty.spawn")
"""Events of Python's audit that no reader may cause."""


class Fuzzing:
    """One target under changes, and what came of them.

    Parameters
    ----------
    place : a folder for a copy of the target's. keep : a folder for files that failed.
    counters : where another process sees how far this is.

    Attributes
    ----------
    new_refusal : whether the last file was refused by lines that no file before it was refused by.
    """

    def __init__(self, target: Any, place: Path, keep: Path, counters: Counters | None = None) -> None:
        self.target, self.keep, self._place = target, keep, place
        self.folder = place / "copy"
        shutil.copytree(target.folder, self.folder)
        self.file = self.folder / target.file
        self.runs = self.accepted = self.refused = 0
        self.failures: dict[str, int] = {}
        self.slowest_s = self.most_mib = 0.0
        self.new_refusal = False
        self._path, self._refusals = str(self.file), set[int]()
        self._numbers = (counters or Counters()).numbers
        self._base, self._begun = _peak_mib(), time.process_time()
        _watch()

    def once(self, data: bytes) -> bool:
        """Read a file of this content; whether it was accepted."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(file, data)
        os.close(file)
        self.runs += 1
        self._numbers[0] = self.runs
        self.new_refusal, accepted = False, False
        begun = time.process_time()
        try:
            _state.reading = True
            self.target.read(self.folder)
            accepted = True
        except (IfpError, NothingFroze) as error:
            way = _way(error)
            if way not in self._refusals:
                self._refusals.add(way)
                self.new_refusal = True
        except (Exception, SystemExit) as error:
            self._fail(_kind(error), data, traceback.format_exc())
        finally:
            _state.reading = False
        now = time.process_time()
        seconds, grown = now - begun, _peak_mib() - self._base
        if seconds > MOST_SECONDS:
            self._fail("over 10 s", data, f"{seconds:.1f} s")
        if grown > MOST_MIB:
            self._fail("over 1 GiB", data, f"{grown:.0f} MiB")
            self._base = _peak_mib()
        self.slowest_s, self.most_mib = max(self.slowest_s, seconds), max(self.most_mib, grown)
        self.accepted += accepted
        self.refused += not accepted
        self._numbers[1:] = self._four(now)
        return accepted

    def _four(self, now: float) -> memoryview:
        """What the parent is shown beside the number of executions."""
        return memoryview(array("d", (self.accepted, self.slowest_s, self.most_mib, now - self._begun)))

    def _fail(self, kind: str, data: bytes, words: str) -> None:
        self.failures[kind] = self.failures.get(kind, 0) + 1
        if self.failures[kind] == 1:
            content = hashlib.sha256(data).hexdigest()[:8]
            stem = self.keep / f"{file_name(self.target.name)}-{content}"
            stem.with_suffix(".bytes").write_bytes(data)
            stem.with_suffix(".txt").write_text(f"{self.target.name}\n{kind}\n{words}")
        failures_file(self._place).write_text(json.dumps(self.failures))


def failures_file(place: Path) -> Path:
    """Where the failures of a visit lie for the process that watches it."""
    return place / "failures.json"


def fuzz_alone(
    fuzzing: Fuzzing, runs: int, seconds: float, seed: int, corpus_folder: Path | None = None
) -> Iterator[None]:
    """Changes to what was accepted so far, or refused in a new way; yields after every one.

    Parameters
    ----------
    corpus_folder : accepted files of earlier visits, to which those of this one are added.
    """
    rng, begun = random.Random(seed), time.monotonic()
    first = fuzzing.target.contents()
    corpus, refused = list(first), list(first)
    if corpus_folder is not None:
        corpus += [path.read_bytes() for path in sorted(corpus_folder.iterdir())]
    for data in first[:runs]:
        fuzzing.once(data)
        yield
    while fuzzing.runs < runs and time.monotonic() - begun < seconds:
        kind = rng.random()
        data = fuzzing.target.mutate(rng.choice(corpus if kind < 0.4 else refused if kind < 0.6 else first), rng)
        accepted = fuzzing.once(data)
        held = corpus if accepted else refused
        if (accepted or fuzzing.new_refusal) and len(held) < MOST_KEPT:
            held.append(data)
            if corpus_folder is not None:
                (corpus_folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        yield


def file_name(name: str) -> str:
    """The name of a target as part of a file's."""
    return "".join(c if c.isalnum() else "-" for c in name)


class _State:
    """Whether a reader is at work, and whether what it does is watched: a hook of Python's audit stays for ever."""

    reading = watched = False


_state = _State()


def _watch() -> None:
    def audit(event: str, args: tuple[Any, ...]) -> None:
        if _state.reading and event in FORBIDDEN:
            raise RuntimeError(f"a reader caused {event}")

    if not _state.watched:
        sys.addaudithook(audit)
        _state.watched = True


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _kind(error: BaseException) -> str:
    """The class of an error and the innermost line of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "benchmarks" not in frame.filename]
    ours = [frame for frame in frames if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    at = (ours or frames)[-1] if frames else None
    return f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}" if at else type(error).__name__


def _way(error: BaseException) -> int:
    """A number for the lines that an error came through, and those of the errors that it was raised from."""
    way, place = 0, error.__traceback__
    for _ in range(4):
        while place is not None:
            way = hash((way, place.tb_frame.f_code, place.tb_lineno))
            place = place.tb_next
        if error.__cause__ is None:
            break
        error = error.__cause__
        place = error.__traceback__
    return way


@contextlib.contextmanager
def quiet_reading(fuzzing: Fuzzing) -> Iterator[None]:
    """A million executions in a row: other files of the folder are read once, and old objects are no garbage.

    Changed files are believed within the block, so that readers go on; but for the target that is about belief.
    """
    from ifp.system.checksums import trusting

    gc.collect()
    gc.freeze()
    about_belief = fuzzing.target.name == "checksums.json"
    with trusting(not about_belief), contextlib.nullcontext() if about_belief else read_once(fuzzing.file):
        yield
