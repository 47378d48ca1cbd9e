"""Kills runs of the commands at random moments, takes them up again, and compares all files with the undisturbed run's.

    nice -n 19 python benchmarks/faults.py --trials 200      # appended to benchmarks/results/faults.csv as they end

Each run is a process of its own, forked from one that has imported everything, so that a trial costs the run and not
the imports. A trial fails where a file differs in a byte, where a traceback is printed, or where a run does not end.
Full disks are small file systems in memory, which only root can mount; read-only folders are tried as another user.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "faults.csv"
MOST_SECONDS = 600.0
"""A run that takes longer has hung."""
NOT_COMPARED = {"checksums.json"}
"""Checksums follow from the other files, and run.json, which holds the time of its making, is among them."""
DAY = 86_400.0


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


def start(arguments: list[str], log: Path, before: Callable[[], None]) -> int:
    """The number of a new process that runs `ifp` with these arguments, its words going to `log`."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    code = 70
    try:
        os.setsid()
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        before()
        from ifp.cli import main

        try:
            main(arguments, prog_name="ifp")
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


def wait_for(number: int, seconds: float) -> int | None:
    """The exit code of a process, minus its signal; None where it has not ended by then."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.005)


def run(
    case: Case,
    out: Path,
    disturb: Callable[[int], bool] | None = None,
    after: float = 0.0,
    before: Callable[[], None] = lambda: None,
    log: Path | None = None,
) -> Ended:
    """Run a case into `out`; `disturb(process)` after so many seconds, if it runs still."""
    log = log or out.with_name(f"{out.name}.log")
    number = start([*case.arguments, "--out", str(out)], log, before)
    code, disturbed = None, False
    if disturb is not None:
        code = wait_for(number, after)
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
            data = json.dumps(about).encode()
        found[name] = data
    return found


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """The files that are missing, too many, or others than expected."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


# What is done to a run: each is given the case, a folder and a random generator, and gives the number of signals that
# reached a living process, and what is wrong (nothing).


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


def finish(case: Case, out: Path, before: Callable[[], None] = lambda: None) -> list[str]:
    """Run the case to its end and compare."""
    ended = run(case, out, before=before)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    return [*wrong, *_traceback(ended), *(f"{name} differs" for name in differences(contents(out), case.files))]


def _traceback(ended: Ended) -> list[str]:
    return [f"traceback: {ended.text[-300:]}"] if "Traceback" in ended.text else []


def killed(*signals: int, times: int = 1) -> Callable[[Case, Path, random.Random], tuple[int, list[str]]]:
    """A run that gets these signals at random moments, so often, and is then taken up."""

    def trial(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
        reached, wrong = 0, list[str]()
        for _ in range(times):
            ended = run(case, out, send(*signals), rng.uniform(0.02, 1.0) * case.seconds)
            reached += ended.disturbed
            wrong += _traceback(ended)
        return reached, [*wrong, *finish(case, out)]

    return trial


def stopped_and_continued(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """SIGSTOP and, a while later, SIGCONT: the same process goes on to the end."""
    act = send(signal.SIGSTOP, signal.SIGCONT, pause=rng.uniform(0.05, 0.5))
    ended = run(case, out, act, rng.uniform(0.02, 1.0) * case.seconds)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}: {ended.text[-300:]}"]
    return int(ended.disturbed), [*wrong, *_traceback(ended), *finish(case, out)]


def full_disk(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """The disk is full at some moment; then there is room, and the same command goes on."""
    size = int(rng.uniform(0.01, 1.3) * sum(map(len, case.files.values()))) + 8192
    with mounted(out.with_name(f"{out.name}-disk"), size) as disk:
        ended = run(case, disk / "run", log=out.with_name(f"{out.name}-disk.log"))
        wrong = _traceback(ended)
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
    """Somebody removes the folder while the run is at work."""

    def remove(number: int) -> bool:
        there = out.exists()
        with suppress(OSError):
            shutil.rmtree(out)
        return there

    ended = run(case, out, remove, rng.uniform(0.05, 1.0) * case.seconds)
    wrong = _traceback(ended)
    if ended.code not in (case.code, 2):
        wrong.append(f"exit code {ended.code}: {ended.text[-300:]}")
    shutil.rmtree(out, ignore_errors=True)
    return int(ended.disturbed), [*wrong, *finish(case, out)]


def read_only(case: Case, out: Path, rng: random.Random) -> tuple[int, list[str]]:
    """A user who may not write there."""
    place = out.with_name(f"{out.name}-locked")
    place.mkdir()
    place.chmod(0o555)
    ended = run(case, place / "run", before=lambda: os.setuid(65534), log=out.with_name(f"{out.name}-locked.log"))
    wrong = _traceback(ended)
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
}
"""Each fault, and how often it comes beside the others."""


def prepare(place: Path, only: list[str]) -> list[Case]:
    """The commands, with what they read, on images of a bar."""
    sizes = (6, 20, 10)
    images = np.zeros((*sizes, 12, 28), dtype=np.uint8)
    for width, at, row in np.ndindex(sizes):
        images[width, at, row, row : row + 3, at : at + 2 + width] = 255
    factors = np.stack(np.meshgrid(*map(range, sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    np.savez(
        place / "bars.npz", images=images.reshape(-1, 12, 28), factors=factors, factor_names=["width", "place", "row"]
    )
    data = ["--dataset", f"npz:{place / 'bars.npz'}"]
    small = ["--architecture", "mlp", "--hidden", "32", "--batch", "32", "--quiet", "--threads", "2"]
    train = [*data, *small, "--steps", "120", "--records", "6", "--checkpoint-every", "40", "--latents", "4"]
    trained = place / "trained"
    learned = [
        "--steps",
        "600",
        "--learning-rate",
        "0.003",
        "--option",
        "beta=1",
        "--seeds",
        "5",
    ]  # the last one counts
    ended = run(Case("", ["train", *train, *learned]), trained)
    assert ended.code == 0, ended.text
    cases = [
        Case("anneal", ["anneal", *data, "--factor", "width", "--factor", "row", "--contexts", "2",
                        "--steps", "120", "--hold-steps", "40", "--records", "12",
                        "--hidden", "16", "--batch", "20", "--seeds", "2", "--threads", "2", "--quiet",
                        "--format", "none"]),
        Case("train", ["train", *train, "--seeds", "3"]),
        Case("deft", ["train", *train, "--seeds", "2", "--objective", "deft", "--option", "betas=20,4"]),
        Case("whole", ["anneal", "--whole", *data, *small, "--steps", "120", "--records", "12", "--latents", "3",
                       "--seeds", "2", "--beta-max", "30", "--beta-min", "1", "--format", "none"]),
        Case("channels", ["channels", str(trained), *data, "--points", "60", "--quiet"]),
        Case("diagnose", ["diagnose", str(trained / "seed-0"), *data, "--images", "80", "--permutations", "20",
                          "--bootstraps", "20", "--no-joint", "--metrics", "none", "--quiet", "--format", "none"]),
        Case("shift", ["shift", str(trained / "seed-0"), str(trained / "seed-1"), *data, "--images", "1000",
                       "--fixed-images", "1000", "--steps", "40", "--hold-steps", "0", "--records", "4", "--quiet"]),
    ]  # fmt: skip
    for case in cases:
        if only and case.name not in only:
            continue
        twice = []
        for number in range(2):
            started = time.monotonic()
            out = place / f"{case.name}-{number}"
            ended = run(case, out)
            case.seconds = time.monotonic() - started
            assert ended.code in (0, 1), (case.name, ended.code, ended.text)
            case.code = ended.code
            twice.append(contents(out))
        unlike = differences(*twice)
        assert not unlike, f"{case.name}: these differ between two undisturbed runs: {unlike}"
        case.files = twice[0]
        print(f"{case.name}: {case.seconds:.1f} s, {len(case.files)} files", flush=True)
    return [case for case in cases if case.files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", action="append", default=[], help="only these commands")
    parser.add_argument("--fault", action="append", default=[], help="only these faults")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    # everything that the commands import, once
    import ifp.analysis.channels.study
    import ifp.analysis.diffusion.study
    import ifp.analysis.freezing.plot_run
    import ifp.analysis.freezing.study
    import ifp.analysis.joint.study
    import ifp.analysis.shift.study
    import ifp.analysis.training.study  # noqa: F401

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    rng = random.Random(given.seed)
    names = [
        name for name, (times, _) in FAULTS.items() for _ in range(times) if not given.fault or name in given.fault
    ]
    given.results.parent.mkdir(exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="ifp-faults-") as folder:
        cases = prepare(Path(folder), given.case)
        for trial in range(given.trials):
            case, name = cases[trial % len(cases)], rng.choice(names)
            out = Path(folder) / f"trial-{trial}"
            reached, wrong = FAULTS[name][1](case, out, rng)
            failures += bool(wrong)
            row: list[Any] = [commit, given.seed, trial, case.name, name, reached, "; ".join(wrong)]
            with open(given.results, "a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
            print(trial, *row[3:], flush=True)
            for path in Path(folder).glob(f"{out.name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"{given.trials} trials, {failures} failed")


if __name__ == "__main__":
    main()
