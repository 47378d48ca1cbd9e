"""One fuzz target at work: its reader gets changed files, and what came of each is counted."""

from __future__ import annotations

import contextlib
import hashlib
import random
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_SECONDS, MOST_MIB = 10.0, 1024.0
MOST_KEPT = 500
"""Accepted files of a target that later changes begin from."""
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pty.spawn")
"""Events of Python's audit that no reader may cause."""


class Fuzzing:
    """One target under changes, and what came of them.

    Parameters
    ----------
    place : a folder for a copy of the target's. keep : a folder for files that failed.
    """

    def __init__(self, target: Any, place: Path, keep: Path) -> None:
        self.target, self.keep = target, keep
        self.folder = place / "copy"
        shutil.copytree(target.folder, self.folder)
        self.file = self.folder / target.file
        self.runs = self.accepted = self.refused = 0
        self.failures: dict[str, int] = {}
        self.slowest_s = self.most_mib = 0.0
        self._base, self._begun = _peak_mib(), time.process_time()
        _watch()

    def once(self, data: bytes) -> bool:
        """Read a file of this content; whether it was accepted."""
        from ifp.errors import IfpError, NothingFroze

        self.file.write_bytes(data)
        self.runs += 1
        begun, accepted = time.process_time(), False
        try:
            _state.reading = True
            self.target.read(self.folder)
            accepted = True
        except (IfpError, NothingFroze):
            pass
        except (Exception, SystemExit) as error:
            self._fail(_kind(error), data, traceback.format_exc())
        finally:
            _state.reading = False
        seconds, grown = time.process_time() - begun, _peak_mib() - self._base
        if seconds > MOST_SECONDS:
            self._fail("over 10 s", data, f"{seconds:.1f} s")
        if grown > MOST_MIB:
            self._fail("over 1 GiB", data, f"{grown:.0f} MiB")
            self._base = _peak_mib()
        self.slowest_s, self.most_mib = max(self.slowest_s, seconds), max(self.most_mib, grown)
        self.accepted += accepted
        self.refused += not accepted
        return accepted

    def _fail(self, kind: str, data: bytes, words: str) -> None:
        self.failures[kind] = self.failures.get(kind, 0) + 1
        if self.failures[kind] == 1:
            content = hashlib.sha256(data).hexdigest()[:8]
            stem = self.keep / f"{file_name(self.target.name)}-{content}"
            stem.with_suffix(".bytes").write_bytes(data)
            stem.with_suffix(".txt").write_text(f"{self.target.name}\n{kind}\n{words}")

    def content(self) -> dict[str, Any]:
        """The counts, for the table."""
        names = ("runs", "accepted", "refused", "failures", "slowest_s", "most_mib")
        found = {name: getattr(self, name) for name in names}
        return {"target": self.target.name, **found, "cpu_s": time.process_time() - self._begun}


def fuzz_alone(
    fuzzing: Fuzzing, runs: int, seconds: float, seed: int, corpus_folder: Path | None = None
) -> Iterator[None]:
    """Changes to what was accepted so far; yields after every one.

    Parameters
    ----------
    corpus_folder : accepted files of earlier visits, to which those of this one are added.
    """
    rng, begun = random.Random(seed), time.monotonic()
    first = fuzzing.target.contents()
    corpus = list(first)
    if corpus_folder is not None:
        corpus += [path.read_bytes() for path in sorted(corpus_folder.iterdir())]
    for data in first[:runs]:
        fuzzing.once(data)
        yield
    while fuzzing.runs < runs and time.monotonic() - begun < seconds:
        data = fuzzing.target.mutate(rng.choice(corpus if rng.random() < 0.5 else first), rng)
        if fuzzing.once(data) and len(corpus) < MOST_KEPT:
            corpus.append(data)
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


@contextlib.contextmanager
def quiet_reading(name: str) -> Iterator[None]:
    """Changed files are believed within the block, so that readers go on; but for the target that is about belief."""
    from ifp.system.checksums import trusting

    with trusting(name != "checksums.json"):
        yield
