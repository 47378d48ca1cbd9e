"""Fuzzes every reader of a stranger's files: nothing but our own error, no code run, at most 1 GiB and 10 s each.

    nice -n 19 python benchmarks/fuzz.py --minutes 60                  # goes on where earlier calls ended
    python benchmarks/fuzz.py --only "channels.json" --runs 1000 --minutes 1
    python benchmarks/fuzz.py --guided --minutes 60                     # with atheris (pip install atheris)

Every target is visited in turn, `--seconds` each, until it has had `--runs` executions over all calls: the counts are
kept in `--results`, and the files that were accepted, from which later visits begin, in `--corpus`. With atheris the
changes are guided by the lines of `ifp` that they reach (three to ten times slower); without it they are drawn from the
files that were accepted so far. Failures are kept in `--keep`, each kind once.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from fuzz_execution import Fuzzing, failures_file, file_name, fuzz_alone, quiet_reading
from fuzz_tally import Tally
from fuzz_watched import Counters, in_child

HERE = Path(__file__).resolve().parent


def visit(target: Any, options: argparse.Namespace, seed: int, most: int) -> dict[str, Any]:
    """The counts of one visit, in a process of its own; one whose process died or was ended counts as one failure."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="ifp-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        place, counters = Path(folder), Counters()
        sys.stdout.flush()
        died = in_child(lambda: _in_child(target, options, seed, most, place, counters), counters)
        failed = failures_file(place)
        found = {
            "target": target.name,
            **counters.content(),
            "failures": json.loads(failed.read_text()) if failed.is_file() else {},
        }
        found["refused"] = found["runs"] - found["accepted"]
        if died and not (options.guided and found["runs"] and "(-" not in died and "killed" not in died):
            found["failures"][died] = 1
            shutil.copy(place / "copy" / target.file, options.keep / f"{file_name(target.name)}-{seed}-died.bytes")
        return found


def _in_child(target: Any, options: argparse.Namespace, seed: int, most: int, place: Path, counters: Counters) -> None:
    corpus = options.corpus / file_name(target.name)
    corpus.mkdir(parents=True, exist_ok=True)
    fuzzing = Fuzzing(target, place, options.keep, counters)
    with warnings.catch_warnings(action="ignore"), quiet_reading(fuzzing):
        if options.guided:
            _guided(fuzzing, corpus, options.seconds, seed, most)
        for _ in fuzz_alone(fuzzing, most, options.seconds, seed, corpus):
            pass


def _guided(fuzzing: Fuzzing, corpus: Path, seconds: float, seed: int, most: int) -> None:
    """Changes guided by coverage; does not return, as libFuzzer ends the process."""
    import atheris

    for number, data in enumerate(fuzzing.target.contents()):
        (corpus / f"first-{number}").write_bytes(data)

    def one_input(data: bytes) -> None:
        fuzzing.once(data)

    def change(data: bytes, longest: int, seed: int) -> bytes:
        changed: bytes = fuzzing.target.mutate(data, random.Random(seed))
        return changed[:longest]

    arguments = [sys.argv[0], str(corpus), f"-runs={most}", f"-max_total_time={int(seconds)}", f"-seed={seed + 1}",
                 "-max_len=4000000", "-timeout=60", "-rss_limit_mb=8000", "-verbosity=0"]  # fmt: skip
    atheris.Setup(arguments, one_input, custom_mutator=change, enable_python_coverage=True)
    atheris.Fuzz()


def _load(made: Path, guided: bool) -> dict[str, Any]:
    """All targets, their folders made where `made` is empty; with atheris the modules of `ifp` count their lines."""
    if guided:
        import atheris

        with atheris.instrument_imports(include=["ifp"]):
            import fuzz_folders
            import fuzz_targets
    else:
        import fuzz_folders
        import fuzz_targets
    made.mkdir(parents=True, exist_ok=True)
    if not any(made.iterdir()):
        fuzz_folders.prepare(made)
    found: dict[str, Any] = fuzz_targets.targets(made)
    return found


def main() -> None:
    """Visit the targets that were asked for until all have had their executions or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="targets whose names hold this; repeat it")
    parser.add_argument("--skip", action="append", default=[], help="no targets whose names hold this; repeat it")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of each target, over all visits")
    parser.add_argument("--seconds", type=float, default=60, help="of one visit to one target")
    parser.add_argument("--nearest", action="store_true", help="always visit the target that needs least CPU time")
    parser.add_argument("--minutes", type=float, default=60, help="of this call")
    parser.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "fuzz.csv", help="the counts of all visits")
    parser.add_argument(
        "--corpus", type=Path, default=Path("fuzz-corpus"), help="accepted files, kept from call to call"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="the folder for failures")
    parser.add_argument(
        "--made", type=Path, help="a folder for the files to begin from, made by an earlier call or new"
    )
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(HERE))
    until = time.monotonic() + 60 * options.minutes
    tally = Tally(options.results)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="ifp-fuzz-made-") as made:
        targets = _load(options.made or Path(made), options.guided)
        wanted = {
            name: target
            for name, target in targets.items()
            if (not options.only or any(part in name for part in options.only))
            and not any(part in name for part in options.skip)
        }
        while time.monotonic() < until and _round(wanted, tally, options, until, commit):
            pass


def _round(targets: dict[str, Any], tally: Tally, options: argparse.Namespace, until: float, commit: str) -> bool:
    """One visit to each target that has not had its executions; whether there was one."""
    left = {name: min(options.runs, target.aim) - tally.executions(name) for name, target in targets.items()}
    left = {name: number for name, number in left.items() if number > 0}
    names = sorted(left, key=lambda name: left[name] * tally.cpu_seconds_each(name))[:1] if options.nearest else [*left]
    for name in names:
        if time.monotonic() >= until:
            break
        found = visit(targets[name], options, tally.visits(name), left[name])
        tally.add(found, commit)
        words = f"{found['runs']:,} more, {tally.executions(name):,} in all; {found['failures'] or 'no failure'}"
        print(f"{name}: {words}", flush=True)
    return bool(left)


if __name__ == "__main__":
    main()
