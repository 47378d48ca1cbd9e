"""The constructed diagnoses, as a fixture: test folders are no packages, so the module is loaded by its path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def constructed() -> ModuleType:
    """Diagnoses whose truth is known; see `constructed.py`."""
    spec = importlib.util.spec_from_file_location(
        "ifp_constructed_diagnoses", Path(__file__).with_name("constructed.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
