"""Shared fixtures, and the rules every test runs under: no network, no cache of the user's, no windows."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy as np

# Before NumPy, torch and matplotlib are first imported (by the tests): they read these once.
os.environ["MPLBACKEND"] = "Agg"
# One thread beside other test processes, and threads that wait do not spin: they would take the core from what they
# wait for, and on a busy machine the suite takes many times as long.
if "PYTEST_XDIST_WORKER" in os.environ:  # set by the process that started this one
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"
LONG = (
    "notebooks/test_03", "notebooks/test_02", "notebooks/test_04", "exact/test_oracle", "cli/whole/test_multi_rate",
    "exact/", "annealing/", "cli/whole/", "notebooks/", "cli/", "analysis/", "checkpoints/",
)  # fmt: skip
"""How the paths of test files begin that take long: they start in this order, before all others.

One file of cli/whole comes long before the others: they read a run that the first of them makes, and would wait for it.
"""
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost", "", None)


class NetworkBlocked(RuntimeError):
    """Not an OSError, so that no code under test takes it for an ordinary failed download."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several processes long files start first, so that none of them works alone at the end."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((number for number, start in enumerate(LONG) if path.startswith(start)), len(LONG))

    if hasattr(config, "workerinput"):  # a process of pytest-xdist
        items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again and again.

    Nor as often as by default: on figures it is 4 % of the processor time, at these thresholds under half of that.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let sockets reach this machine only."""

    def host_of(address: Any) -> Any:
        return address[0] if isinstance(address, tuple) else None  # AF_UNIX addresses are paths

    def check(host: Any) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOCAL_HOSTS:
            raise NetworkBlocked(f"A test tried to reach {name!r}; tests must run without a network.")

    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def local_connect(self: socket.socket, address: Any) -> None:
        check(host_of(address))
        return connect(self, address)

    def local_connect_ex(self: socket.socket, address: Any) -> int:
        check(host_of(address))
        return connect_ex(self, address)

    def local_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_connect)
        patch.setattr(socket.socket, "connect_ex", local_connect_ex)
        patch.setattr(socket, "getaddrinfo", local_getaddrinfo)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the test session's own, in IFP_CACHE."""
    folder = tmp_path_factory.mktemp("ifp-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IFP_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """No figure outlives its test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own: it depends on the test's name alone, not on what ran before."""
    from ifp.seeds import numpy_generator

    return numpy_generator(0, "tests", request.node.name)


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The folder of reference files beside the checkout; the test skips where it is missing."""
    if not FIXTURES.is_dir():
        pytest.skip("the folder ../shared/fixtures (reference files of the development machines) is missing")
    return FIXTURES


@pytest.fixture(scope="session")
def bars_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of one's own: a bar of 3 widths at 6 places, on 8 x 12 pixels."""
    import numpy as np

    images = np.zeros((3, 6, 8, 12), dtype=np.uint8)
    for width in range(3):
        for place in range(6):
            images[width, place, 2:6, place : place + 2 + 2 * width] = 255
    factors = np.stack(np.meshgrid(range(3), range(6), indexing="ij"), axis=-1).reshape(-1, 2)
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(path, images=images.reshape(-1, 8, 12), factors=factors, factor_names=np.array(["width", "place"]))
    return path


@pytest.fixture
def load_experiment(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Path, Sequence[str]], dict[str, ModuleType]]]:
    """Imports modules of an experiment's folder, which import each other as scripts do, and forgets them afterwards."""
    import torch

    threads, loaded = torch.get_num_threads(), list[str]()

    def load(folder: Path, modules: Sequence[str]) -> dict[str, ModuleType]:
        monkeypatch.syspath_prepend(str(folder))
        loaded.extend(modules)
        return {name: import_module(name) for name in modules}

    yield load
    torch.set_num_threads(threads)
    for name in loaded:
        sys.modules.pop(name, None)
