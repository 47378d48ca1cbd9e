"""The steps of `benchmarks/gpu.py` by name: functions of the device, whether sizes are tiny, and what takes each line.

The speeds are in `gpu_speed.py` and `gpu_peaks.py`, whether the answers are right in `gpu_correctness.py`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path

import torch
from checkout import ROOT
from gpu_correctness import correctness
from gpu_peaks import peaks, profile
from gpu_speed import conv, exact, mlp, training

Emit = Callable[[str], None]
TESTS = ROOT / "tests" / "devices" / "test_gpu.py"


def tests(device: str, smoke: bool, emit: Emit) -> None:
    """(a) The tests that need a GPU, by pytest where it is there."""
    if device == "cpu" or not torch.cuda.is_available():
        emit("(a) tests marked gpu: skipped, there is no CUDA device.")
        return
    # one or more tests failed: 1; anything above is no verdict on the tests
    if importlib.util.find_spec("pytest") and (status := _by_pytest(emit)) < 2:
        emit(f"(a) tests marked gpu: {'**failed**' if status else 'passed'}, see the lines above.")
        return
    for name, test in tests_without_pytest(TESTS).items():
        try:
            test()
            emit(f"(a) {name}: passed")
        except Exception as error:  # every test is to have its say
            emit(f"(a) {name}: **failed**, {type(error).__name__}: {str(error)[:500]}")
            traceback.print_exc()


def _by_pytest(emit: Emit) -> int:
    """Run them by pytest, each line passed on as it comes; returns its exit status."""
    command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "-m", "gpu", "-W", "default", str(TESTS)]
    # of the plugins that a machine has none is needed, and some take seconds to load
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=ROOT,
        env=environment,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        for line in run.stdout:
            if line.strip():
                emit(f"      {line.rstrip()}")
    return run.returncode


def tests_without_pytest(path: Path) -> dict[str, Callable[[], None]]:
    """The test functions of a file that uses nothing of pytest but marks."""
    if "pytest" not in sys.modules:
        stand_in = types.ModuleType("pytest")
        stand_in.mark = types.SimpleNamespace(gpu=None, skipif=lambda *a, **k: None)  # type: ignore[attr-defined]
        sys.modules["pytest"] = stand_in
    spec = importlib.util.spec_from_file_location("gpu_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if name.startswith("test_")}


STEPS: dict[str, Callable[[str, bool, Emit], None]] = {
    "tests": tests,
    "correctness": correctness,
    "conv": conv,
    "training": training,
    "mlp": mlp,
    "exact": exact,
    "peaks": peaks,
    "profile": profile,
}
