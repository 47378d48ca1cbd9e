"""Runs of the commands, each in a process of its own that is forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MOST_SECONDS = 600.0
"""A run that takes longer has hung."""
SESSION = Path("/proc/self/autogroup")
NOT_COMPARED = {"checksums.json"}
"""Checksums follow from the other files, and run.json, which holds the time of its making, is among them."""


@dataclass
class Case:
    """A command, and how it went undisturbed: seconds, exit code (1: nothing froze) and what it left."""

    name: str
    arguments: list[str]
    seconds: float = 0.0
    code: int = 0
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Ended:
    """How a process ended: its exit code (minus a signal), what it printed, and whether a signal reached it alive."""

    code: int
    text: str
    disturbed: bool


Around = Callable[[Callable[[], None]], None]
"""Called with a function that runs the command, and calls it."""


def _niceness_of_session() -> str | None:
    """The niceness of this session, which Linux weighs against that of others and which a new session does not keep."""
    return SESSION.read_text().split()[-1] if SESSION.is_file() else None


def start(arguments: list[str], log: Path, before: Callable[[], None], around: Around = lambda call: call()) -> int:
    """The number of a new process that runs `ifp` with these arguments, its words going to `log`."""
    sys.stdout.flush()
    niceness = _niceness_of_session()
    number = os.fork()
    if number:
        return number
    code = 70
    try:
        os.setsid()
        if niceness is not None:
            with suppress(OSError):
                SESSION.write_text(niceness)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        before()
        from ifp.cli import main

        try:
            around(lambda: main(arguments, prog_name="ifp"))
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def never() -> bool:
    """No moment to disturb a run at, but the one by the clock."""
    return False


def wait_for(number: int, seconds: float, until: Callable[[], bool] = never) -> int | None:
    """The exit code of a process, minus its signal; None where it has not ended after `seconds`, or when `until` is."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline or until():
            return None
        time.sleep(0.005)


def run(
    case: Case,
    out: Path,
    disturb: Callable[[int], bool] | None = None,
    after: float = 0.0,
    before: Callable[[], None] = lambda: None,
    log: Path | None = None,
    around: Around = lambda call: call(),
    when: Callable[[], bool] = never,
) -> Ended:
    """Run a case into `out`; `disturb(process)` after so many seconds, or when `when` is, if it runs still."""
    log = log or out.with_name(f"{out.name}.log")
    number = start([*case.arguments, "--out", str(out)], log, before, around)
    code, disturbed = None, False
    if disturb is not None:
        code = wait_for(number, after, when)
        disturbed = code is None and disturb(number)
    if code is None:
        code = wait_for(number, MOST_SECONDS)
    if code is None:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        return Ended(-999, "it hung", disturbed)
    return Ended(code, log.read_text(errors="replace") if log.exists() else "", disturbed)


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a folder; the time in run.json left out."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if not path.is_file() or path.name in NOT_COMPARED:
            continue
        data = path.read_bytes()
        if path.name == "run.json":
            about = json.loads(data)
            about.pop("created", None)
            about.pop("this_call", None)
            data = json.dumps(about).encode()
        found[name] = data
    return found


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """The files that are missing, too many, or others than expected."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def traceback_in(ended: Ended) -> list[str]:
    """What is wrong where a run ended in a traceback."""
    return [f"traceback: {ended.text[-300:]}"] if "Traceback" in ended.text else []


def finish(
    case: Case, out: Path, before: Callable[[], None] = lambda: None, around: Around = lambda call: call()
) -> list[str]:
    """Run the case to its end and compare: what is wrong."""
    ended = run(case, out, before=before, around=around)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    return [*wrong, *traceback_in(ended), *(f"{name} differs" for name in differences(contents(out), case.files))]
