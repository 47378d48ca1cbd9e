"""The synthetic traces, as fixtures: test folders are no packages, so the module is loaded by its path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load_synthetic() -> ModuleType:
    """The module `synthetic.py` beside this file."""
    spec = importlib.util.spec_from_file_location("ifp_synthetic_traces", Path(__file__).with_name("synthetic.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """Traces with known freezing points; see `synthetic.py`."""
    return load_synthetic()
