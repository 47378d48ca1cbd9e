"""The number of threads of NumPy's and SciPy's products."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

WITH_PRODUCTS = frozenset({"numpy", "scipy.linalg", "sklearn", "torch"})
"""Packages that bring libraries of products into the process."""


def one_blas_thread() -> AbstractContextManager[object]:
    """Within the block products have one thread: small ones gain little from more, and other work wants the cores."""
    loaded = frozenset(name for name in WITH_PRODUCTS if name in sys.modules)
    limits: AbstractContextManager[object] = _libraries(loaded).limit(limits=1, user_api="blas")
    return limits


@cache
def _libraries(loaded: frozenset[str]) -> Any:
    """The libraries of this process; to look for them takes 15 ms, more than the work of many a block."""
    return ThreadpoolController()
