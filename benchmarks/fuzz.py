"""Fuzzes every reader of a stranger's files: nothing but our own error, no code run, at most 1 GiB and 10 s each.

    python benchmarks/fuzz.py --runs 100000 --seconds 600           # every target; a table at the end
    python benchmarks/fuzz.py --only "channels.json" --runs 1000

With atheris (pip install atheris) the changes are guided by the lines of `ifp` that they reach; without it they are
drawn from the files that were accepted so far. Failures are kept in the folder `--keep`, each kind once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MOST_SECONDS, MOST_MIB = 10.0, 1024.0
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pty.spawn")
"""Events of Python's audit that no reader may cause."""


class Fuzzing:
    """One target under changes, and what came of them."""

    def __init__(self, target: Any, place: Path, keep: Path) -> None:
        self.target, self.keep = target, keep
        self.folder = place / "copy"
        shutil.copytree(target.folder, self.folder)
        self.file = self.folder / target.file
        self.runs = self.accepted = self.refused = 0
        self.failures: dict[str, int] = {}
        self.slowest_s = self.most_mib = 0.0
        self._base = _peak_mib()
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
        self._base = max(self._base, _peak_mib() - MOST_MIB)
        self.slowest_s, self.most_mib = max(self.slowest_s, seconds), max(self.most_mib, grown)
        self.accepted += accepted
        self.refused += not accepted
        return accepted

    def _fail(self, kind: str, data: bytes, words: str) -> None:
        self.failures[kind] = self.failures.get(kind, 0) + 1
        if self.failures[kind] == 1:
            stem = self.keep / f"{''.join(c if c.isalnum() else '-' for c in self.target.name)}-{len(self.failures)}"
            stem.with_suffix(".bytes").write_bytes(data)
            stem.with_suffix(".txt").write_text(f"{self.target.name}\n{kind}\n{words}")

    def content(self) -> dict[str, Any]:
        """The counts, for the table."""
        names = ("runs", "accepted", "refused", "failures", "slowest_s", "most_mib")
        return {"target": self.target.name, **{name: getattr(self, name) for name in names}}


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


def fuzz_alone(fuzzing: Fuzzing, runs: int, seconds: float, seed: int) -> Iterator[None]:
    """Changes to what was accepted so far; yields after every one."""
    rng, begun = random.Random(seed), time.monotonic()
    first = fuzzing.target.contents()
    corpus = list(first)
    for data in first:
        fuzzing.once(data)
        yield
    while fuzzing.runs < runs and time.monotonic() - begun < seconds:
        data = fuzzing.target.mutate(rng.choice(corpus if rng.random() < 0.5 else first), rng)
        if fuzzing.once(data) and len(corpus) < 500:
            corpus.append(data)
        yield


def fuzz_guided(atheris: Any, fuzzing: Fuzzing, place: Path, runs: int, seconds: float, seed: int, done: Path) -> None:
    """Changes guided by coverage; does not return, as libFuzzer ends the process."""
    corpus = place / "corpus"
    corpus.mkdir()
    for number, data in enumerate(fuzzing.target.contents()):
        (corpus / str(number)).write_bytes(data)

    def one_input(data: bytes) -> None:
        fuzzing.once(data)
        if fuzzing.runs % 200 == 0 or fuzzing.runs >= runs:
            done.write_text(json.dumps(fuzzing.content()))

    def change(data: bytes, most: int, seed: int) -> bytes:
        changed: bytes = fuzzing.target.mutate(data, random.Random(seed))
        return changed[:most]

    arguments = [sys.argv[0], str(corpus), f"-runs={runs}", f"-max_total_time={int(seconds)}", f"-seed={seed + 1}",
                 "-max_len=4000000", "-timeout=60", "-rss_limit_mb=8000", "-verbosity=0"]  # fmt: skip
    atheris.Setup(arguments, one_input, custom_mutator=change, enable_python_coverage=True)
    atheris.Fuzz()


def _one(name: str, options: argparse.Namespace) -> None:
    """One target in a process of its own."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(HERE))
    try:
        import atheris
    except ImportError:
        atheris = None
    guided = atheris is not None and not options.alone
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="ifp-fuzz-", dir=memory if memory.is_dir() else None))
    try:
        with atheris.instrument_imports(include=["ifp"]) if guided else contextlib.nullcontext():
            import fuzz_targets

            target = fuzz_targets.targets(options.made)[name]
        from ifp.system.checksums import trusting

        done = options.keep / "counts.json"
        fuzzing = Fuzzing(target, place, options.keep)
        with trusting(name != "checksums.json"):
            if guided:
                fuzz_guided(atheris, fuzzing, place, options.runs, options.seconds, options.seed, done)
            for _ in fuzz_alone(fuzzing, options.runs, options.seconds, options.seed):
                pass
        done.write_text(json.dumps(fuzzing.content()))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def fuzz_together(
    made: Path, keep: Path, only: list[str], runs: int, seconds: float, seed: int
) -> Iterator[dict[str, Any]]:
    """The counts of each target whose name holds one of `only` (empty: all), one after the other in this process."""
    sys.path.insert(0, str(HERE))
    import fuzz_targets

    from ifp.system.checksums import trusting

    with warnings.catch_warnings(action="ignore"):
        for name, target in fuzz_targets.targets(made).items():
            if only and not any(part in name for part in only):
                continue
            with tempfile.TemporaryDirectory(prefix="ifp-fuzz-") as place, trusting(name != "checksums.json"):
                fuzzing = Fuzzing(target, Path(place), keep)
                for _ in fuzz_alone(fuzzing, runs, seconds, seed):
                    pass
            yield fuzzing.content()


def _names(made: Path) -> list[str]:
    """Make the folders of all targets, in a process of its own, and list their names."""
    listing = f"import fuzz_targets, pathlib, json\nat = pathlib.Path({str(made)!r})\nat.mkdir(exist_ok=True)\n"
    listing += "any(at.iterdir()) or fuzz_targets.prepare(at)\nprint(json.dumps(list(fuzz_targets.targets(at))))"
    command = [sys.executable, "-W", "ignore", "-c", listing]
    found = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(found.stdout.splitlines()[-1])
    return names


def main() -> None:
    """Fuzz the targets that were asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="targets whose names hold this; repeat it")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of each target")
    parser.add_argument("--seconds", type=float, default=3600, help="at most this long for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--together", action="store_true", help="all targets in one process, without atheris")
    parser.add_argument("--alone", action="store_true", help="without atheris")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="the folder for failures and counts")
    parser.add_argument(
        "--made", type=Path, help="a folder for the files to begin from, made by an earlier call or new"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.one:
        _one(options.one, options)
        return
    print("| target | executions | accepted | refused | failures | slowest, CPU s | most MiB |\n" + 7 * "|---" + "|")
    made = options.made or Path(tempfile.mkdtemp(prefix="ifp-fuzz-made-"))
    if options.together:
        _names(made)
        for found in fuzz_together(made, options.keep, options.only, options.runs, options.seconds, options.seed):
            print(_row(found), flush=True)
        return
    for name in _names(made):
        if options.only and not any(part in name for part in options.only):
            continue
        keep = options.keep / "".join(c if c.isalnum() else "-" for c in name)
        keep.mkdir(exist_ok=True)
        given = {
            "one": name,
            "runs": options.runs,
            "seconds": options.seconds,
            "seed": options.seed,
            "keep": keep,
            "made": made,
        }
        command = [
            sys.executable,
            __file__,
            *(word for key, value in given.items() for word in (f"--{key}", str(value))),
        ]
        command += ["--alone"] if options.alone else []
        with open(keep / "log.txt", "wb") as log:
            subprocess.run(command, stdout=log, stderr=log, check=False)
        counts = keep / "counts.json"
        print(
            _row(json.loads(counts.read_text()))
            if counts.is_file()
            else f"| {name} | did not run; see {keep}/log.txt |"
        )


def _row(found: dict[str, Any]) -> str:
    failed = "; ".join(f"{kind} ({times})" for kind, times in found["failures"].items()) or "none"
    numbers = (f"{found[key]:,}" for key in ("runs", "accepted", "refused"))
    return (
        f"| {found['target']} | {' | '.join(numbers)} | {failed} | {found['slowest_s']:.2f} | {found['most_mib']:.0f} |"
    )


if __name__ == "__main__":
    main()
