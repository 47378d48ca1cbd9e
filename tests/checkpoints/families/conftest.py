"""Files and examples of the families, made once for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from ifp.checkpoints.source import Source

from .code_bases import network_files
from .code_bases.array_files import EXAMPLES
from .code_bases.array_networks import Example
from .reading_files import source_at


@pytest.fixture(scope="session")
def source_of_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Source]:
    """The source of a kind of file in `network_files.FILES`, which is written and read once."""

    @cache
    def read(kind: str) -> Source:
        folder = tmp_path_factory.mktemp("kind")
        return source_at(network_files.write(folder, kind, network_files.make(kind)))

    return read


@pytest.fixture(scope="session")
def examples() -> dict[str, Example]:
    """All examples by name."""
    return {name: make() for name, make in EXAMPLES.items()}
