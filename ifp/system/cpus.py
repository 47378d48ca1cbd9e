"""How many CPUs this process may use, which is often fewer than the machine has."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

SCHEDULER_VARIABLES = (
    "SLURM_CPUS_PER_TASK",
    "PBS_NCPUS",
    "NCPUS",  # PBS Professional
    "NSLOTS",  # Grid Engine
    "LSB_DJOB_NUMPROC",  # LSF
    "OMP_THREAD_LIMIT",  # OpenMP: what a program may use in all
)
"""Environment variables in which batch schedulers say how many CPUs they grant to a task."""


def granted_cpus(environment: Mapping[str, str] | None = None, root: Path = Path("/")) -> int:
    """The CPUs granted to this process, at least 1: the default of every number of threads.

    It is the least of the CPUs that the process is bound to, the CPU quota of its control groups (a quota of 1.5 CPUs
    gives 2) and what a batch scheduler says that it granted. Limits that are not set, or cannot be read, do not count.

    Parameters
    ----------
    environment : the environment's variables, those of this process if None.
    root : where the files of the system lie.
    """
    variables = os.environ if environment is None else environment
    limits = [_bound_cpus(), *_quotas(root)]
    for name in SCHEDULER_VARIABLES:
        text = variables.get(name, "")
        # int() refuses some characters that isdigit() takes for digits
        if text.isascii() and text.isdigit() and int(text) > 0:
            limits.append(int(text))
    return min(limits)


def _bound_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # only Linux can say
        return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[int]:
    """The CPU quotas of this process's control groups and all those above them, rounded up."""
    for folder in _control_groups(root):
        quota, period = _numbers(folder / "cpu.max")  # version 2, both in one file
        if quota is None:
            (quota,) = _numbers(folder / "cpu.cfs_quota_us", 1)
            (period,) = _numbers(folder / "cpu.cfs_period_us", 1)
        if quota and period and quota > 0 and period > 0:
            yield max(1, math.ceil(quota / period))


def _numbers(path: Path, count: int = 2) -> list[int | None]:
    """The first `count` numbers in a file; None for each that is not there or not a number ("max", none set)."""
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    found: list[int | None] = [int(word) if word.lstrip("-").isdigit() else None for word in words[:count]]
    return found + [None] * (count - len(found))


def _control_groups(root: Path) -> Iterator[Path]:
    """Folders of the control groups that hold this process, from its own up to the mount; for both versions.

    Within a container the path of the own group may be one outside; the mount itself is then the container's.
    """
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    # lines are "number:controllers:path"; version 2 names no controllers
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    groups = [
        (controllers, path) for _, controllers, path in parts if not controllers or "cpu" in controllers.split(",")
    ]
    for controllers, path in [*groups, ("", "/"), ("cpu", "/"), ("cpu,cpuacct", "/")]:
        base = mount / controllers if controllers else mount
        folder = base / path.strip("/")
        if ".." in folder.parts:
            continue
        yield base
        while folder != base:
            yield folder
            folder = folder.parent
