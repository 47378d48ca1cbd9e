"""Runs the commands in other ways than from a shell of one's own, and compares all files with the ordinary run's.

    python benchmarks/ways.py                          # every command in every way; one line for each
    python benchmarks/ways.py --case anneal --way fork

As another user without a home, with folders for caches that cannot be written, bound to one core, with 1 and 8 threads,
within a running event loop (as a notebook has it), in a process that was forked after work of the same kind, and in one
that was spawned. Only root can become another user.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fault_cases import import_everything, prepare
from fault_runs import Around, Case, contents, differences, finish

NOBODY = 65534


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


def _with_threads(case: Case, number: int) -> Case:
    words = list(case.arguments)
    if "--threads" in words:
        words[words.index("--threads") + 1] = str(number)
    return replace(case, arguments=words)


def _nothing() -> None:
    pass


WAYS: dict[str, tuple[Callable[[], None], Around, int | None]] = {
    "another user, no HOME": (_without_home, lambda call: call(), None),
    "read-only caches": (_read_only_cache, lambda call: call(), None),
    "one core": (_one_core, lambda call: call(), None),
    "1 thread": (_threads(1), lambda call: call(), 1),
    "8 threads": (_threads(8), lambda call: call(), 8),
    "running event loop": (_nothing, _in_event_loop, None),
    "fork after work": (_nothing, _in_fork_after_work, None),
}
"""Each way but spawn: what the process does first, how the command is called in it, and its `--threads`."""


def _run_here(arguments: list[str]) -> int | str | None:
    from ifp.cli import main

    try:
        main(arguments, prog_name="ifp")
    except SystemExit as error:
        return error.code
    return 0


def spawned(cases: list[Case], place: Path) -> dict[str, list[str]]:
    """What is wrong with each case in a process that was spawned; one process runs them all."""
    found = {}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for case in cases:
            out = place / f"spawn-{case.name}"
            code = pool.apply(_run_here, ([*case.arguments, "--out", str(out)],))
            wrong = [] if code == case.code else [f"exit code {code}"]
            found[case.name] = [*wrong, *(f"{name} differs" for name in differences(contents(out), case.files))]
    return found


def main() -> None:
    """Print one line for each command and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", default=[], help="only these commands")
    parser.add_argument("--way", action="append", default=[], help="only ways whose names hold this; also spawn")
    given = parser.parse_args()
    import_everything()
    with tempfile.TemporaryDirectory(prefix="ifp-ways-") as folder:
        place = Path(folder)
        place.chmod(0o777)
        cases = prepare(place, given.case)
        for path in place.rglob("*"):
            path.chmod(0o777)  # models and data of the cases, for the other user
        for number, (name, (before, around, threads)) in enumerate(WAYS.items()):
            if given.way and not any(part in name for part in given.way):
                continue
            for case in cases:
                wrong = finish(
                    case if threads is None else _with_threads(case, threads),
                    place / f"{number}-{case.name}",
                    before,
                    around,
                )
                print(f"{name} | {case.name} | {'; '.join(wrong) or 'equal'}", flush=True)
        if not given.way or any(part in "spawn" for part in given.way):
            for name, wrong in spawned(cases, place).items():
                print(f"spawn | {name} | {'; '.join(wrong) or 'equal'}", flush=True)


if __name__ == "__main__":
    main()
