"""The CPUs granted: each kind of limit, alone and together, in both versions of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ifp.system.cpus import SCHEDULER_VARIABLES, granted_cpus


@pytest.fixture(autouse=True)
def sixteen_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


VERSION_1 = "5:memory:/job\n4:cpu,cpuacct:/job/task\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),  # what the process is bound to, not the 64 of the machine
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 16),
        ({"sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 16),
        ({"sys/fs/cgroup/cpu.max": "not a quota\n"}, 16),
        ({"sys/fs/cgroup/cpu.max": ""}, 16),
        # the own group has no quota, one above it has
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
          "sys/fs/cgroup/a/cpu.max": "300000 100000\n"}, 3),
        # the path of a container's group is one outside of it
        ({"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 5),
        ({"proc/self/cgroup": VERSION_1, "sys/fs/cgroup/cpu,cpuacct/job/task/cpu.cfs_quota_us": "50000\n",
          "sys/fs/cgroup/cpu,cpuacct/job/task/cpu.cfs_period_us": "25000\n"}, 2),
    ],
)  # fmt: skip
def test_control_groups(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert granted_cpus({}, system(tmp_path, files)) == expected


@pytest.mark.parametrize("name", SCHEDULER_VARIABLES)
def test_schedulers(tmp_path: Path, name: str) -> None:
    assert granted_cpus({name: "3"}, tmp_path) == 3
    assert granted_cpus({name: "300"}, tmp_path) == 16
    for text in ("", "0", "-1", "2(x4)", "²"):
        assert granted_cpus({name: text}, tmp_path) == 16


def test_the_least_limit_counts(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu.max": "400000 100000\n"}
    assert granted_cpus({"SLURM_CPUS_PER_TASK": "6", "NSLOTS": "9"}, system(tmp_path, files)) == 4
    assert granted_cpus({"SLURM_CPUS_PER_TASK": "2", "NSLOTS": "9"}, tmp_path) == 2


def test_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert granted_cpus({}, tmp_path) == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert granted_cpus({}, tmp_path) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to CPUs")
def test_a_process_bound_to_one_cpu() -> None:
    code = (
        "import os; from ifp.system.cpus import granted_cpus; "
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(granted_cpus())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


def test_nothing_else_counts_the_machines_cpus() -> None:
    root = Path(__file__).parents[2]
    files = [path for folder in ("ifp", "analysis", "cli") for path in (root / folder).rglob("*.py")]
    assert [path.name for path in files if "cpu_count" in path.read_text()] == ["cpus.py"]
