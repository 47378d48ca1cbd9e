"""A child at work whose parent ends it where one execution lasts too long, also within C code, which no alarm stops."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import time
from collections.abc import Callable

MOST_SECONDS, MOST_MIB = 10.0, 1024.0
MOST_WAIT_S = 300.0
"""An execution that takes no CPU time either is ended after this long."""
_NAMES = ("runs", "accepted", "slowest_s", "most_mib", "cpu_s")
_PAUSE_S = 0.1


class Counters:
    """Numbers that a child writes and its parent reads while the child is at work, and after its death."""

    names = _NAMES

    def __init__(self) -> None:
        self.numbers = memoryview(mmap.mmap(-1, 8 * len(_NAMES))).cast("d")

    def content(self) -> dict[str, float]:
        """All numbers by name; those that count are whole."""
        return {name: number if "_" in name else int(number) for name, number in zip(_NAMES, self.numbers, strict=True)}


def in_child(work: Callable[[], None], counters: Counters) -> str:
    """Do `work` in a process of its own; returns how that died, "" where it ended well.

    A child whose counter of executions stands still for over 10 s of its CPU time, or for five minutes, is killed.
    """
    number = os.fork()
    if number:
        return _watch(number, counters)
    code = 1
    try:
        _limit_memory()
        work()
        code = 0
    finally:
        os._exit(code)


def _watch(number: int, counters: Counters) -> str:
    runs, cpu_s, since = -1.0, 0.0, 0.0
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return f"the process died ({os.waitstatus_to_exitcode(status)})" if status else ""
        now, spent = counters.numbers[0], _cpu_seconds(number)
        if now != runs:
            runs, cpu_s, since = now, spent, time.monotonic()
        elif spent - cpu_s > MOST_SECONDS + 1 or time.monotonic() - since > MOST_WAIT_S:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            return "killed: over 10 s" if spent - cpu_s > MOST_SECONDS else "killed: waits for ever"
        time.sleep(_PAUSE_S)


def _cpu_seconds(number: int) -> float:
    """CPU time of a process; 0 where it has just ended."""
    try:
        with open(f"/proc/{number}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _limit_memory() -> None:
    """Twice what is allowed beside what the process has already: more is refused, and the machine is spared."""
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    most = held + int(2 * MOST_MIB * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
