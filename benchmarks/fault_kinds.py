"""What is done to runs: signals at random moments, full disks, removed and read-only folders, clocks that jump.

Each fault is given a case, a folder and a random generator; it gives the number of signals that reached a living
process and what is wrong (nothing). Full disks are small file systems in memory, which only root can mount; read-only
folders are tried as another user.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fault_cluster import scheduler_killed, worker_killed
from fault_runs import MOST_SECONDS, Case, finish, never, run, traceback_in

DAY = 86_400.0


def send(*signals: int, pause: float = 0.05) -> Callable[[int], bool]:
    """Sends these signals one after the other; whether the first found the process alive."""

    def act(number: int) -> bool:
        for place, sent in enumerate(signals):
            try:
                os.kill(number, sent)
            except ProcessLookupError:
                return place > 0
            time.sleep(pause)
        return True

    return act


def killed(*signals: int, times: int = 1) -> Callable[[Case, Path, random.Random], tuple[int, list[str]]]:
    """A run that gets these signals at random moments, so often, and is then taken up."""

    def trial(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
        reached, wrong = 0, list[str]()
        for _ in range(times):
            ended = run(case, out, send(*signals), rng.uniform(0.02, 1.0) * case.seconds)
            reached += ended.disturbed
            wrong += traceback_in(ended)
        return reached, [*wrong, *finish(case, out)]

    return trial


def stopped_and_continued(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """SIGSTOP and, a while later, SIGCONT: the same process goes on to the end."""
    act = send(signal.SIGSTOP, signal.SIGCONT, pause=rng.uniform(0.05, 0.5))
    ended = run(case, out, act, rng.uniform(0.02, 1.0) * case.seconds)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    return int(ended.disturbed), [*wrong, *traceback_in(ended), *finish(case, out)]


def full_disk(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The disk is full at some moment; then there is room, and the same command goes on."""
    size = int(rng.uniform(0.01, 1.3) * sum(map(len, case.files.values()))) + 8192
    with mounted(out.with_name(f"{out.name}-disk"), size) as disk:
        ended = run(case, disk / "run", log=out.with_name(f"{out.name}-disk.log"))
        wrong = traceback_in(ended)
        if ended.code not in (case.code, 2):
            wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
        if ended.code == 2 and "Error:" not in ended.text:
            wrong.append(f"no sentence: {ended.text[-300:]}")
        if (disk / "run").exists():
            shutil.copytree(disk / "run", out)
    return int(ended.code == 2), [*wrong, *finish(case, out)]


@contextmanager
def mounted(place: Path, size: int) -> Iterator[Path]:
    """A file system in memory of so many bytes."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def folder_removed(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """Somebody removes the folder while the run is at work: at a random moment, or as soon as it is there, which for
    results that are written at the end is the only moment."""

    def remove(number: int) -> bool:
        there = out.exists()
        with suppress(OSError):
            shutil.rmtree(out)
        return there

    after, when = rng.uniform(0.05, 1.0) * case.seconds, never
    if rng.random() < 0.5:
        after, when = MOST_SECONDS, out.exists
    ended = run(case, out, remove, after, when=when)
    wrong = traceback_in(ended)
    if ended.code not in (case.code, 2) or (ended.code == 2 and "Error:" not in ended.text):
        wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
    shutil.rmtree(out, ignore_errors=True)
    return int(ended.disturbed), [*wrong, *finish(case, out)]


def read_only(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """A user who may not write there."""
    place = out.with_name(f"{out.name}-locked")
    place.mkdir()
    place.chmod(0o555)
    ended = run(case, place / "run", before=lambda: os.setuid(65534), log=out.with_name(f"{out.name}-locked.log"))
    wrong = traceback_in(ended)
    if ended.code != 2 or not ended.text.startswith("Error:"):
        wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
    if any(place.iterdir()):
        wrong.append("something was written")
    return 1, [*wrong, *finish(case, out)]


def clock_jumps(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The clock jumps by up to a day, forwards and backwards, at every tenth look."""
    seed = rng.random()

    def jumping() -> None:
        jumps, true = random.Random(seed), time.time
        moved = [0.0]

        def now() -> float:
            if jumps.random() < 0.1:
                moved[0] = jumps.uniform(-DAY, DAY)
            return true() + moved[0]

        time.time = now

    return 1, finish(case, out, jumping)


FAULTS: dict[str, tuple[int, Callable[[Case, Path, random.Random], tuple[int, list[str]]]]] = {
    "SIGKILL": (6, killed(signal.SIGKILL)),
    "SIGKILL five times": (8, killed(signal.SIGKILL, times=5)),
    "SIGTERM": (3, killed(signal.SIGTERM)),
    "SIGINT twice": (3, killed(signal.SIGINT, signal.SIGINT)),
    "SIGSTOP, SIGCONT": (2, stopped_and_continued),
    "SIGSTOP, SIGKILL": (2, killed(signal.SIGSTOP, signal.SIGKILL)),
    "full disk": (3, full_disk),
    "folder removed": (2, folder_removed),
    "read-only folder": (1, read_only),
    "clock jumps": (1, clock_jumps),
    "worker killed": (2, worker_killed),
    "scheduler killed": (2, scheduler_killed),
}
"""Each fault, and how often it comes beside the others."""
