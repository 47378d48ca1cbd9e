"""Runs in other ways than from a script of one's own give the same bytes: docs/reliability.md has the table."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ifp
from ifp.datasets.base import FactorDataset

NOBODY = 65534
SMALL: dict[str, Any] = {"steps": 10, "records": 2, "batch": 8, "seeds": 1, "hidden": 8, "device": "cpu"}
RESULTS = (
    "anneal/trace.npz", "train/records.npz", "train/seed-0/step-000010.pt", "drawn/kl_trace.png",
    "diagnosis/diagnosis.json", "channels/channels.json", "channels/similarity.npz",
)  # fmt: skip


def small_data() -> FactorDataset:
    """Nine images of a pixel at three places and of three levels."""
    images = np.zeros((3, 3, 1, 3), dtype=np.uint8)
    for place, level in np.ndindex(3, 3):
        images[place, level, 0, place] = 80 * (level + 1)
    factors = np.stack(np.meshgrid(range(3), range(3), indexing="ij"), axis=-1).reshape(-1, 2)
    return ifp.dataset(images.reshape(-1, 1, 3), factors, ["place", "level"])


def small_codes() -> ifp.Codes:
    """Sixty images of three places, held by the first of two latents."""
    place = np.arange(60) % 3
    mean = np.stack([place - 1.0, np.cos(np.arange(60))], axis=1)
    return ifp.Codes(mean, np.full((60, 2), [-4.0, -1.0]), place, ["place"])


def work(out: Path, threads: int = 1) -> None:
    """Anneal, train, draw, diagnose and compare channels into a folder."""
    data = small_data()
    ifp.anneal(data, factors=["place"], contexts=1, out=out / "anneal", threads=threads, formats=[], **SMALL)
    ifp.train(data, "beta", architecture="mlp", latents=2, out=out / "train", threads=threads, **SMALL)
    ifp.plot(out / "anneal", out=out / "drawn", formats=["png"])
    few: dict[str, Any] = {"permutations": 20, "bootstraps": 20, "metrics": "none"}
    ifp.diagnose(small_codes(), joint=False, **few).save(out / "diagnosis", formats=[])
    ifp.channels([small_codes(), small_codes()], hotspots=False).write(out / "channels", formats=[])


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("ordinary")
    work(out)
    return contents(out)


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A folder in which every user may write."""
    folder = Path(tempfile.mkdtemp(prefix="ifp-ways-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def in_process(kind: str, call: Callable[..., None], *arguments: Any) -> int | None:
    """The exit code of a process that calls it."""
    process = multiprocessing.get_context(kind).Process(target=call, args=arguments)
    process.start()
    process.join(300)
    return process.exitcode


def as_somebody_else(out: Path) -> None:
    """On one core, without a home, with caches that cannot be written, and as another user where that can be."""
    locked = out / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    for name in ("HOME", "USER", "LOGNAME"):
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(("IFP_CACHE", "XDG_CACHE_HOME", "MPLCONFIGDIR"), str(locked)))
    if os.getuid() == 0 and anybody_enters(Path(ifp.__file__).parent) and anybody_enters(Path(sys.prefix)):
        os.setuid(NOBODY)
    work(out, threads=2)


def anybody_enters(folder: Path) -> bool:
    """Whether another user reaches it: modules and fonts are read when needed, and a checkout may be private."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder.resolve(), *folder.resolve().parents))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to a core")
def test_forked_after_work_on_one_core_as_a_user_without_home_or_cache(
    expected: dict[str, bytes], anybodys: Path
) -> None:
    assert in_process("fork", as_somebody_else, anybodys) == 0
    assert contents(anybodys) == expected


def test_within_a_running_event_loop_with_eight_threads(expected: dict[str, bytes], tmp_path: Path) -> None:
    async def cell() -> None:
        work(tmp_path, threads=8)

    asyncio.run(cell())
    assert contents(tmp_path) == expected


@pytest.mark.slow
def test_spawned(expected: dict[str, bytes], tmp_path: Path) -> None:
    assert in_process("spawn", work, tmp_path) == 0
    assert contents(tmp_path) == expected
