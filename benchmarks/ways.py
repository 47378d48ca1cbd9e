"""Runs the commands in other ways than from a shell of one's own, and compares all files with the ordinary run's.

    python benchmarks/ways.py                          # every command in every way; one line for each
    python benchmarks/ways.py --case anneal --way fork

As another user without a home, with folders for caches that cannot be written, bound to one core, with 1 and 8 threads,
within a running event loop (as a notebook has it), with two workers of a cluster that were started there, in a process
that was forked after work of the same kind, and in one that was spawned. Only root can become another user. Each line
is appended to benchmarks/results/ways.csv as it is found.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from fault_cases import import_everything, prepare
from fault_cluster import ON_WORKERS
from fault_runs import Around, Case, contents, differences, finish

NOBODY = 65534
RESULTS = Path(__file__).parent / "results" / "ways.csv"


def _without_home() -> None:
    os.setuid(NOBODY)
    for name in ("HOME", "USER", "LOGNAME"):
        os.environ.pop(name, None)


def _read_only_cache() -> None:
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o555)
    os.environ.update(dict.fromkeys(("IFP_CACHE", "XDG_CACHE_HOME", "MPLCONFIGDIR"), folder), HOME=folder)
    os.setuid(NOBODY)


def _one_core() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


def _in_event_loop(call: Callable[[], None]) -> None:
    async def cell() -> None:
        call()

    asyncio.run(cell())


def _in_fork_after_work(call: Callable[[], None]) -> None:
    """The parent has trained, measured and multiplied with its own threads before it forks."""
    import numpy as np
    import torch

    import ifp

    square = torch.rand(1500, 1500)
    (square @ square).sum(), np.linalg.svd(square.numpy()[:300])
    codes = ifp.Codes(square[:256, :3].numpy(), -square[:256, 3:6].numpy(), np.arange(256)[:, None] % 4, ("level",))
    ifp.diagnose(codes, metrics="none", permutations=20, bootstraps=20)
    process = multiprocessing.get_context("fork").Process(target=call)
    process.start()
    process.join(600)
    raise SystemExit(process.exitcode if process.exitcode is not None else 75)


def _threads(number: int) -> Callable[[], None]:
    def act() -> None:
        import torch

        torch.set_num_threads(number)

    return act


def _as_it_is(case: Case) -> Case:
    return case


def _with_threads(number: int) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        words = list(case.arguments)
        if "--threads" in words:
            words[words.index("--threads") + 1] = str(number)
        return replace(case, arguments=words)

    return change


def _on_local_workers(case: Case) -> Case | None:
    if case.name not in (*ON_WORKERS, "diagnose"):
        return None
    return replace(case, arguments=[*case.arguments, "--scheduler", "local:2"])


def _nothing() -> None:
    pass


def _called(call: Callable[[], None]) -> None:
    call()


WAYS: dict[str, tuple[Callable[[], None], Around, Callable[[Case], Case | None]]] = {
    "another user, no HOME": (_without_home, _called, _as_it_is),
    "read-only caches": (_read_only_cache, _called, _as_it_is),
    "one core": (_one_core, _called, _as_it_is),
    "1 thread": (_threads(1), _called, _with_threads(1)),
    "8 threads": (_threads(8), _called, _with_threads(8)),
    "running event loop": (_nothing, _in_event_loop, _as_it_is),
    "running event loop, local workers": (_nothing, _in_event_loop, _on_local_workers),
    "fork after work": (_nothing, _in_fork_after_work, _as_it_is),
}
"""Each way but spawn: what the process does first, how the command is called in it, and the command (None: not in this
way)."""


def _run_here(arguments: list[str]) -> int | str | None:
    from ifp.cli import main

    try:
        main(arguments, prog_name="ifp")
    except SystemExit as error:
        return error.code
    return 0


def spawned(cases: list[Case], place: Path) -> Iterator[tuple[str, list[str]]]:
    """What is wrong with each case in a process that was spawned; one process runs them all."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for case in cases:
            out = place / f"spawn-{case.name}"
            code = pool.apply(_run_here, ([*case.arguments, "--out", str(out)],))
            wrong = [] if code == case.code else [f"exit code {code}"]
            yield case.name, [*wrong, *(f"{name} differs" for name in differences(contents(out), case.files))]


def tried(cases: list[Case], place: Path, only: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Each way, each command in it, and what is wrong there, as they end.

    Parameters
    ----------
    place : a folder that everybody may write to. only : ways whose names hold one of these; empty for all.
    """

    def wanted(name: str) -> bool:
        return not only or any(part in name for part in only)

    for number, (name, (before, around, change)) in enumerate(WAYS.items()):
        for case in cases:
            changed = change(case)
            if wanted(name) and changed is not None:
                yield name, case.name, finish(changed, place / f"{number}-{case.name}", before, around)
    if wanted("spawn"):
        for command, wrong in spawned(cases, place):
            yield "spawn", command, wrong


def main() -> None:
    """Print one line for each command and way, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", default=[], help="only these commands")
    parser.add_argument("--way", action="append", default=[], help="only ways whose names hold this; also spawn")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    import_everything()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    given.results.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ifp-ways-") as folder:
        place = Path(folder)
        place.chmod(0o777)
        cases = prepare(place, given.case)
        for path in place.rglob("*"):
            path.chmod(0o777)  # models and data of the cases, for the other user
        for name, command, wrong in tried(cases, place, given.way):
            outcome = "; ".join(wrong) or "equal"
            print(f"{name} | {command} | {outcome}", flush=True)
            with open(given.results, "a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow([commit, name, command, outcome])


if __name__ == "__main__":
    main()
