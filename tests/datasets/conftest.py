"""Fixtures of the data tests."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

Bounded = Callable[[int], AbstractContextManager[None]]


@pytest.fixture
def memory_below() -> Bounded:
    """`with memory_below(n):` fails if the block, raising or not, holds n bytes or more of new memory at a time."""

    @contextmanager
    def bounded(limit: int) -> Iterator[None]:
        # what earlier tests left alive would put off the collections that end cycles made in the block; frozen, it is
        # not looked at, so that the collection after it takes no time and leaves nothing to be counted
        gc.freeze()
        gc.collect()
        tracemalloc.start()
        try:
            yield
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            gc.unfreeze()
        assert peak < limit

    return bounded
