"""The benchmark that one lease of a GPU runs: without an installation, on a machine that lacks much, and cut short."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "benchmarks" / "gpu.py"
# finds no installed ifp, and none of what a bare machine may lack
BARE = """
import sys, runpy
LACKING = {"pooch", "rich", "click", "sklearn", "seaborn", "joblib", "threadpoolctl", "matplotlib", "pandas", "PIL",
           "pytest", "psutil"}
class Bare:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in LACKING else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Bare(finder) for finder in sys.meta_path if "editable" not in repr(finder).lower()]
program, *steps, options = sys.argv[1:]
for step in steps:
    sys.argv = [program, "--step", step, *options.split()]
    runpy.run_path(program, run_name="__main__")
"""


@pytest.mark.slow
def test_steps_on_a_bare_machine(tmp_path: Path) -> None:
    """The parts share their imports; all of them go through with `--device cpu --smoke`, in a minute."""
    results = tmp_path / "results.md"
    command = [sys.executable, "-W", "ignore", "-c", BARE, PROGRAM, "tests", "mlp"]
    done = subprocess.run(
        [*command, f"--device cpu --smoke --results {results}"], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    text = results.read_text()
    assert text.strip() == done.stdout.strip()
    assert "skipped, there is no CUDA device" in text
    assert "| 4 members, float32" in text


def test_a_step_that_fails_or_hangs_loses_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    gpu = import_module("gpu")
    program = tmp_path / "steps.py"
    program.write_text(
        "import subprocess, sys, time\n"
        "name, results = sys.argv[2], sys.argv[6]\n"
        "print(f'line of {name}', file=open(results, 'a'), flush=True)\n"
        "if name == 'mlp':\n"
        "    import faulthandler, signal\n"
        "    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    time.sleep(60)\n"
        "if name == 'exact':\n"
        "    raise ValueError('lost')\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(program))
    options = argparse.Namespace(device="cpu", smoke=True, results=tmp_path / "results.md")
    started = time.perf_counter()
    for name, seconds in (("mlp", 1.0), ("exact", 30.0), ("peaks", 30.0)):
        gpu.run_step(name, seconds, options)
    assert time.perf_counter() - started < 30
    text = options.results.read_text()
    assert text.splitlines()[:2] == ["line of mlp", "- mlp: **stopped** at its limit of 1 s; the lines above it stand."]
    assert "most recent call first" in text.splitlines()[2]
    assert f'File "{program}", line 8 in <module>' in text.splitlines()[3]  # where it slept
    assert "line of exact\n- exact: **failed**" in text
    assert "ValueError: lost" in text
    assert "line of peaks\n- peaks: done" in text
    sys.modules.pop("gpu")
    sys.modules.pop("checkout")


def test_a_measurement_that_fails_is_told_and_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    said: list[str] = []
    attempts = import_module("attempts").Attempts(said.append)
    assert attempts.value("first", lambda: 1 / 0, 7.0) == 7.0
    assert attempts.value("second", lambda: 5.0, 7.0) == 5.0
    assert said == ["| first: **failed**, ZeroDivisionError: division by zero |"]
    with pytest.raises(SystemExit, match="failed: first"):
        attempts.settle()
    sys.modules.pop("attempts")
