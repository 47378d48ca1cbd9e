"""The short form of `benchmarks/fuzz.py`: some changes to files of ours end in our own error or are read."""

from __future__ import annotations

import sys
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
        for name in {"fuzz_execution", "fuzz_targets", "fuzz_mutations", "fuzz_seeds"} - before:
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
