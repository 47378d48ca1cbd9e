"""A real scheduler and real workers on loopback: equal bytes, workers that come and die, poisoned chunks, and the
scheduler killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ifp
from ifp.annealing import run_cost, trained_curves
from ifp.annealing.chunk_files import read_curves
from ifp.annealing.training_cost import TrainingCost
from ifp.datasets.base import FactorDataset
from ifp.datasets.npz import NpzDataset
from ifp.errors import IfpError
from ifp.fingerprints.collect import collect_models
from ifp.system import cluster
from ifp.system.cluster import check_scheduler, connect, local_number
from ifp.system.cluster_run import ChunksGivenUp
from ifp.system.workers import Site

pytest.importorskip("distributed", reason="the extra ifp[cluster] is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SMALL = {
    "contexts": 2, "steps": 40, "hold_steps": 20, "records": 10, "batch": 12, "hidden": 16, "seeds": 2, "device": "cpu",
}  # fmt: skip


class Cluster:
    """A scheduler and workers that can be killed."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "processes.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._parent.stdout is not None
        assert self._parent.stdout.readline() == "ready\n"
        self.start_scheduler()
        self.workers: list[int] = []

    def _start(self, *words: str) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(" ".join(words) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def start_scheduler(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("scheduler", str(port))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the scheduler does not answer")

    def add_worker(self) -> int:
        self.workers.append(self._start("worker", self.address))
        return self.workers[-1]

    def close(self) -> None:
        self._parent.communicate()


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    found = Cluster()
    yield found
    found.close()


@pytest.fixture
def two_workers(running: Cluster) -> Cluster:
    """The cluster with two workers, whatever the tests before have killed."""
    alive = [number for number in running.workers if Path(f"/proc/{number}").exists()]
    running.workers = alive
    while len(running.workers) < 2:
        running.add_worker()
    return running


@pytest.fixture(scope="module")
def undisturbed(bars_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run on this machine."""
    out = tmp_path_factory.mktemp("local") / "run"
    ifp.anneal(f"npz:{bars_npz}", out=out, threads=1, **SMALL)
    return out


def trace_bytes(out: Path) -> bytes:
    return (out / "trace.npz").read_bytes()


def on_exact(action: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Progress that acts once, when some exact curves are done."""
    acted: list[object] = []

    def progress(text: str, done: int, total: int) -> None:
        if text.startswith("Exact curves") and done and not acted:
            acted.append(True)
            action()

    return progress


def test_the_same_bytes_as_here(two_workers: Cluster, bars_npz: Path, undisturbed: Path, tmp_path: Path) -> None:
    ifp.anneal(f"npz:{bars_npz}", out=tmp_path / "run", scheduler=two_workers.address, **SMALL)
    assert trace_bytes(tmp_path / "run") == trace_bytes(undisturbed)


def pids() -> Callable[[Any, int, Site], tuple[int, int]]:
    """A chunk that takes a while and says which process computed it."""

    def compute(seconds: float, chunk: int, site: Site) -> tuple[int, int]:
        import os
        import time

        time.sleep(seconds)
        site.count(1)
        return chunk, os.getpid()

    return compute


def test_a_worker_is_killed_and_one_is_added_in_mid_run(two_workers: Cluster) -> None:
    found: list[tuple[int, int]] = []
    killed, added = two_workers.workers[0], []

    def take(result: tuple[int, int]) -> None:
        found.append(result)
        if len(found) == 4:
            os.kill(killed, signal.SIGKILL)
            added.append(two_workers.add_worker())

    counted: list[int] = []
    with connect(two_workers.address) as workers:
        assert workers.count == 2
        workers.map_chunks(pids(), 0.1, range(50), take, count=counted.append)
    assert sorted(chunk for chunk, _ in found) == list(range(50))
    assert {pid for _, pid in found} == {*two_workers.workers[:2], *added}
    assert sum(counted) == 50


def poisoned(first: str) -> Callable[[Any, trained_curves.TrainedChunk, Site], Any]:
    """Training that kills its process where the chunk begins with this member, as a lack of memory would."""

    def compute(config: Any, chunk: trained_curves.TrainedChunk, site: Site) -> Any:
        import os

        from ifp.annealing.trained_curves import train_chunk

        if chunk.members[0].key == first:
            os._exit(9)
        return train_chunk(config, chunk, site)

    return compute


def test_a_poisoned_chunk_is_given_up_named_and_computed_by_the_next_run(
    two_workers: Cluster, bars_npz: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    whole = read_curves(undisturbed).labels()
    victim = next(label for label in whole if label[0] == "place" and label[2:4] == (1, "train"))
    key = f"place|{'-'.join(map(str, victim[1]))}|1|{victim[4]}"
    small = TrainingCost(members=16, steps=1, chunk=2, rates={2: 1.0}, seconds=1.0, bytes_needed=1)
    for _ in range(3):  # each try takes a worker with it
        two_workers.add_worker()
    with monkeypatch.context() as patch:
        patch.setattr(trained_curves, "train_chunk", poisoned(key))
        patch.setattr(run_cost, "training_cost", lambda *args: small)
        with pytest.raises(ChunksGivenUp, match=rf"Given up after 3 tries.*{re.escape(key)}.*; the same command"):
            ifp.anneal(f"npz:{bars_npz}", out=out, scheduler=two_workers.address, **SMALL)
    lost = set(whole) - set(read_curves(out).labels())
    assert lost == {(*victim[:4], "cool"), (*victim[:4], "heat")}
    ifp.anneal(f"npz:{bars_npz}", out=out, threads=1, **SMALL)
    assert trace_bytes(out) == trace_bytes(undisturbed)


@pytest.mark.slow
def test_the_scheduler_is_killed(
    two_workers: Cluster, bars_npz: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 2.0)
    out = tmp_path / "run"

    def kill() -> None:
        os.kill(two_workers.scheduler, signal.SIGKILL)

    with pytest.raises(IfpError, match=r"The scheduler at tcp://.* is gone; what was finished is kept"):
        ifp.anneal(f"npz:{bars_npz}", out=out, scheduler=two_workers.address, progress=on_exact(kill), **SMALL)
    assert "exact" in set(read_curves(out).method_M)
    two_workers.start_scheduler()
    two_workers.add_worker()
    ifp.anneal(f"npz:{bars_npz}", out=out, scheduler=two_workers.address, **SMALL)
    assert trace_bytes(out) == trace_bytes(undisturbed)


def test_an_address_where_nobody_answers_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(IfpError, match=f"No scheduler answers at '{address}'"), connect(address):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "tcp://127.0.0.1:99999"])
def test_a_dead_scheduler_is_found_before_anything_is_rendered(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FactorDataset, "traversal_images", lambda *_: pytest.fail("a traversal was rendered"))
    with pytest.raises(IfpError, match=f"No scheduler answers at '{address}'"):
        ifp.anneal("toys", out=tmp_path / "run", scheduler=address)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["", "somewhere", "local:0", "local:x", "tcp://host", "file:///etc/passwd", 8786])
def test_what_is_no_address_is_refused_before_any_work(address: str) -> None:
    with pytest.raises(IfpError, match="scheduler must be local, local:N with N of at least 1, or the address"):
        ifp.anneal("toys", scheduler=address)


def test_without_the_extra_one_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(IfpError, match=r"install it with `pip install 'ifp\[cluster\]'`"):
        check_scheduler("tcp://10.0.0.1:8786")
    assert local_number("local:3") == 3


TRAINED = {
    "architecture": "mlp", "hidden": 32, "latents": 2, "batch": 32, "seeds": 3, "steps": 12, "records": 3,
    "device": "cpu", "threads": 1, "checkpoint_every": 6,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(bars_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three networks trained on this machine."""
    out = tmp_path_factory.mktemp("trained") / "run"
    ifp.train(f"npz:{bars_npz}", out=out, **TRAINED)
    return out


@pytest.mark.slow
def test_networks_train_on_workers_to_the_same_bytes(
    two_workers: Cluster, bars_npz: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the workers dies; every record is a stretch of its own."""
    there, done = tmp_path / "there", list[int]()

    def kill(text: str, steps: int, total: int) -> None:
        if text.startswith("Training") and steps and not done:
            done.append(steps)
            os.kill(two_workers.workers[0], signal.SIGKILL)

    ifp.train(f"npz:{bars_npz}", out=there, scheduler=two_workers.address, progress=kill, **TRAINED)
    for name in ("records.npz", "records.csv", "seed-0/step-000006.pt", ".resume/seed-1.pt", "seed-2/step-000012.pt"):
        assert (there / name).read_bytes() == (trained / name).read_bytes(), name


def test_channels_and_diagnoses_of_workers_are_those_of_here(
    two_workers: Cluster, bars_npz: Path, trained: Path, rng: np.random.Generator
) -> None:
    dataset = NpzDataset(bars_npz)
    place = np.arange(60) % 6
    codes = [
        ifp.Codes(
            np.stack([place / 2 + shift, rng.normal(size=60)], 1), np.full((60, 2), [-3.0, 0.0]), place, ["place"]
        )
        for shift in (0.0, 0.1)
    ]
    with connect(two_workers.address) as workers:
        assert workers is not None
        here, there = (
            collect_models([trained], dataset, points=16, along=True, workers=who) for who in (None, workers)
        )
    assert [model.name for model in there.models] == [model.name for model in here.models]
    for one, other in zip(here.models, there.models, strict=True):
        np.testing.assert_array_equal(one.codes.mean_ND, other.codes.mean_ND)
    compared, diagnosed = [], []
    for scheduler in (None, two_workers.address):
        compared.append(ifp.channels(codes, hotspots=False, points=60, scheduler=scheduler).similarity)
        result = ifp.diagnose(codes, joint=False, metrics="none", bootstraps=20, permutations=20, scheduler=scheduler)
        diagnosed.append([model.table() for model in result.models])
    np.testing.assert_array_equal(compared[0].joint_bits_CC, compared[1].joint_bits_CC)
    for one, other in zip(*diagnosed, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
