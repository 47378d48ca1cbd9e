"""Files that lie, that are cut short, or that ask to be run: one sentence each, nothing executed, memory under 1 GB.

The files are made here and read in one child process, which tells what became of each and the most memory it held.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from .conftest import Small
from .hostile_files import STOP, Calls, calls_by_name, hostile_files, raw
from .writers import (
    write_export_of_torch_2_6,
    write_safetensors,
    write_tensor_bundle,
    write_torch_legacy,
    write_torch_zip,
)

MOST_MEMORY_BYTES = 1e9
# Reads the files that each line of its input names; torch, which is most of the memory, is imported by ifp itself.
READER = """
import json, resource, sys
from pathlib import Path
from ifp.checkpoints.files.contents import read_contents
from ifp.errors import IfpError

def most_memory():
    try:  # ru_maxrss would count what the parent held when it started this process
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

for line in sys.stdin:
    outcomes = {}
    for path in json.loads(line):
        try:
            contents = read_contents(Path(path))
            outcomes[path] = "read", f"{contents.container}, {contents.reader}, {list(contents.foreign)}"
        except IfpError as error:
            outcomes[path] = "refused", str(error)
        except BaseException as error:
            outcomes[path] = "crashed", repr(error)[:300]
    print(json.dumps({"outcomes": outcomes, "memory": most_memory()}), flush=True)
"""


ReadAll = Callable[[list[Path]], tuple[dict[str, tuple[str, str]], float]]


@pytest.fixture(scope="module")
def read_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadAll]:
    """A function from paths to (what happened, in which words) by file name, and the child's peak memory in bytes."""
    said = tmp_path_factory.mktemp("child") / "stderr"
    with said.open("w") as stderr, subprocess.Popen(
        [sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None

        def read(paths: list[Path]) -> tuple[dict[str, tuple[str, str]], float]:
            print(json.dumps([str(path) for path in paths]), file=child.stdin, flush=True)
            report = json.loads(child.stdout.readline())
            assert said.read_text() == ""
            return {Path(path).name: tuple(outcome) for path, outcome in report["outcomes"].items()}, report["memory"]

        yield read
        child.stdin.close()
        assert child.wait(timeout=60) == 0


def assert_one_sentence(message: str, path: Path) -> None:
    """The path, what is wrong, and what to do, in one line with one full stop at its end."""
    rest = message.removeprefix(str(path))
    assert rest != message
    assert "\n" not in message
    assert rest.endswith(".")
    assert ". " not in rest
    assert 30 < len(rest) < 500, message


def write_torchscript(path: Path) -> Path:
    with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, and its files remain
        torch.jit.script(torch.nn.Linear(3, 2)).save(path)
    return path


@pytest.fixture(scope="module")
def attacked(read_all: ReadAll, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The hostile files, what became of each, the peak memory, and the file that any execution would create."""
    folder = tmp_path_factory.mktemp("hostile")
    sentinel = tmp_path_factory.mktemp("sentinel") / "executed"
    attacks = hostile_files(folder, sentinel)
    outcomes, memory = read_all([path for path, _ in attacks.values()])
    return attacks, outcomes, memory, sentinel


def test_each_hostile_file_gets_its_sentence(attacked: Any) -> None:
    attacks, outcomes, _, _ = attacked
    assert len(attacks) > 100
    for name, (path, words) in attacks.items():
        what, message = outcomes[name]
        if words:
            assert what == "refused", (name, message)
            assert_one_sentence(message, path)
            assert re.search(words, message), (name, message)
        else:
            assert what == "read", (name, message)


def test_nothing_is_executed(attacked: Any) -> None:
    _, _, _, sentinel = attacked
    assert not sentinel.exists()


def test_the_attack_is_real(tmp_path: Path) -> None:
    """Python's own unpickler would have created the file."""
    pickle.loads(pickle.dumps(Calls(os.system, f"touch {tmp_path / 'executed'}")))
    pickle.loads(calls_by_name("os", "system", f"touch {tmp_path / 'by_name'}", "STACK_GLOBAL") + STOP)
    assert (tmp_path / "executed").exists()
    assert (tmp_path / "by_name").exists()


def test_memory_stays_under_a_gigabyte(attacked: Any) -> None:
    _, _, memory, _ = attacked
    assert memory < MOST_MEMORY_BYTES


def test_files_cut_short_at_every_percent(read_all: ReadAll, tmp_path: Path, exported: tuple[Small, Path]) -> None:
    state = {"encoder": torch.nn.Linear(30, 20).state_dict(), "epoch": 3}
    arrays = {f"encoder/e{n}/kernel": np.ones((n, 4), np.float32) for n in range(1, 20)}
    whole = {
        "zip": write_torch_zip(tmp_path / "zip", state),
        "legacy": write_torch_legacy(tmp_path / "legacy", state),
        "script": write_torchscript(tmp_path / "script"),
        "export": exported[1],
        "old_export": write_export_of_torch_2_6(tmp_path / "old_export", {"w": torch.ones(9)}),
        "safetensors": write_safetensors(tmp_path / "safetensors", arrays),
        "bundle": write_tensor_bundle(tmp_path / "bundle", arrays),
    }
    cuts: list[Path] = []
    for name, path in whole.items():
        data = path.read_bytes()
        for percent in range(101):
            suffix = ".index" if name == "bundle" else ""
            cut = tmp_path / f"{name}_at_{percent}{suffix}"
            cut.write_bytes(data[: len(data) * percent // 100])
            cuts.append(cut)
            if name == "bundle":
                (tmp_path / f"{name}_at_{percent}.data-00000-of-00001").write_bytes(
                    (tmp_path / "bundle.data-00000-of-00001").read_bytes()
                )
    bundle = whole["bundle"].read_bytes()
    shard = (tmp_path / "bundle.data-00000-of-00001").read_bytes()
    for percent in range(100):
        cut = tmp_path / f"shard_at_{percent}.index"
        cut.write_bytes(bundle)
        Path(f"{tmp_path}/shard_at_{percent}.data-00000-of-00001").write_bytes(shard[: len(shard) * percent // 100])
        cuts.append(cut)
    outcomes, memory = read_all(cuts)
    for cut in cuts:
        what, message = outcomes[cut.name]
        assert what == ("read" if "_at_100" in cut.name else "refused"), (cut.name, message)
        if what == "refused":
            assert_one_sentence(message, cut)
    assert memory < MOST_MEMORY_BYTES


def test_random_damage_never_crashes(read_all: ReadAll, tmp_path: Path, rng: np.random.Generator) -> None:
    """1,200 files of every container with a few bytes changed: read or refused, nothing else."""
    state = {"w": torch.ones(3), "args": Calls(dict, [("a", 1)])}
    whole = [
        write_torch_zip(tmp_path / "zip", state),
        write_torch_legacy(tmp_path / "legacy", state),
        write_torchscript(tmp_path / "script"),
        write_export_of_torch_2_6(tmp_path / "export", {"w": torch.ones(3)}),
        write_safetensors(tmp_path / "safetensors", {"w": np.ones(3, np.float32)}),
        write_tensor_bundle(tmp_path / "bundle", {"w": np.ones(3, np.float32)}),
    ]
    damaged = []
    for path in whole:
        for trial in range(200):
            data = bytearray(path.read_bytes())
            for place in rng.integers(len(data), size=rng.integers(1, 4)):
                data[place] = rng.integers(256)
            damaged.append(raw(tmp_path / f"{path.stem}_{trial}", bytes(data)))
    outcomes, memory = read_all(damaged)
    for path in damaged:
        what, message = outcomes[path.name]
        assert what in ("read", "refused"), (path.name, message)
        if what == "refused":
            assert_one_sentence(message, path)
    assert memory < MOST_MEMORY_BYTES
