"""The short form of `benchmarks/fuzz.py`: some changes to files of ours end in our own error or are read."""

from __future__ import annotations

import io
import random
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ifp.system.checksums import trusting

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "tests" / "data" / "format-0"


@pytest.fixture(scope="module")
def fuzzing() -> Any:
    """The modules `fuzz_execution` and `fuzz_targets`, which import each other as scripts do."""
    before = set(sys.modules)
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import fuzz_execution
        import fuzz_targets

        yield fuzz_execution, fuzz_targets
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
        for name in {name for name in sys.modules if name.startswith("fuzz_")} - before:
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("folder", "file", "read", "mutate", "runs"),
    [
        ("anneal", "run.json", "_anneal", "mutate_json", 8),
        ("anneal", "trace.npz", "_anneal", "mutate_npz", 25),
        ("anneal", "pressures.csv", "pressures_from", "mutate_csv", 25),
        ("train", "run.json", "list_trainings", "mutate_json", 40),
        ("train", "records.npz", "list_trainings", "mutate_npz", 40),
        ("train/seed-0", "step-000020.pt", "_checkpoint", "mutate_zip", 15),
        ("diagnosis", "diagnosis.json", "_diagnosis", "mutate_json", 20),
    ],
)
def test_changed_files_are_refused_or_read(
    fuzzing: tuple[ModuleType, ModuleType], tmp_path: Path, folder: str, file: str, read: str, mutate: str, runs: int
) -> None:
    fuzz, targets = fuzzing
    readers = {
        "list_trainings": lambda at: targets.list_trainings([at]),
        "_checkpoint": lambda at: targets._model(at, file),
    }
    target = targets.Target(
        f"{folder} {file}", RUNS / folder, file, readers.get(read) or getattr(targets, read),
        getattr(targets.mutations, mutate),
    )  # fmt: skip
    done = fuzz.Fuzzing(target, tmp_path, tmp_path)
    with trusting(True):
        for _ in fuzz.fuzz_alone(done, runs, 60.0, 0):
            pass
    assert done.runs == runs
    assert done.failures == {}, (tmp_path, done.failures)
    assert done.refused > 0


def test_a_reader_that_never_returns_is_ended_and_counted(
    fuzzing: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = sys.modules["fuzz_watched"]
    monkeypatch.setattr(watched, "MOST_SECONDS", -0.8)  # a second more is granted
    counters = watched.Counters()

    def work() -> None:
        counters.numbers[0] = 3
        sum(iter(int, 1))  # within C code, where no signal of Python's arrives

    assert watched.in_child(work, counters) == "killed: over 10 s"
    assert counters.content()["runs"] == 3
    assert watched.in_child(lambda: None, counters) == ""
    assert watched.in_child(lambda: sys.exit(3), counters) == "the process died (1)"


def test_files_beside_the_changed_one_are_read_once(fuzzing: tuple[ModuleType, ModuleType], tmp_path: Path) -> None:
    from ifp.analysis import tables
    from ifp.analysis.training import plot_training

    changed, beside = tmp_path / "changed.csv", tmp_path / "beside.csv"
    for path in (changed, beside):
        path.write_text("a\n1\n")
    with sys.modules["fuzz_unchanged"].read_once(changed):
        for path in (changed, beside):
            plot_training.read_csv(path, "")
            path.write_text("a\n2\n")
        assert [plot_training.read_csv(path, "")["a"].tolist() for path in (changed, beside)] == [[2], [1]]
    assert plot_training.read_csv is tables.read_csv
    assert tables.read_csv(beside, "")["a"].tolist() == [2]


def test_changed_archives_are_archives_with_right_checksums(fuzzing: tuple[ModuleType, ModuleType]) -> None:
    held, rng, whole = io.BytesIO(), random.Random(0), 0
    with zipfile.ZipFile(held, "w") as archive:
        for name in ("one", "two"):
            archive.writestr(name, name * 20)
    mutations = sys.modules["fuzz_mutations"]
    for _ in range(200):
        changed = mutations.mutate_zip(held.getvalue(), rng)
        with suppress(Exception), zipfile.ZipFile(io.BytesIO(changed)) as archive:  # whose bytes were changed
            whole += archive.testzip() is None
    assert 150 < whole < 200
