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
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(tmp_path: Path, *options: str, step: bool = False) -> tuple[str, str]:
    results = tmp_path / "results.md"
    command = [PROGRAM, "--device", "cpu", "--smoke", "--results", results, *options]
    start = [sys.executable, "-W", "ignore", *(["-c", BARE] if step else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*start, *command], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return results.read_text(), done.stdout


@pytest.mark.parametrize("step", ["tests", "mlp"])
def test_a_step_on_a_bare_machine(tmp_path: Path, step: str) -> None:
    """The parts share their imports; all of them go through with `--device cpu --smoke`, in a minute."""
    text, said = run(tmp_path, "--step", step, step=True)
    assert text.strip() == said.strip()
    assert {"tests": "skipped, there is no CUDA device", "mlp": "| 4 members, float32"}[step] in text


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
    assert "line of exact\n- exact: **failed**" in text
    assert "ValueError: lost" in text
    assert "line of peaks\n- peaks: done" in text
    sys.modules.pop("gpu")
    sys.modules.pop("checkout")
