"""The stored notebooks, and the check that running one shows what is stored: one test file for each of them.

Each takes many seconds: files of their own are shared out between the processes of the suite.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"


def refresh_script() -> ModuleType:
    """notebooks/refresh.py, which is no module of a package."""
    spec = spec_from_file_location("ifp_refresh_notebooks", FOLDER / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of_output(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each code cell shows: streams by name, and the richest form of everything else."""
    kinds = []
    for cell in code_cells(notebook):
        shown = [output.get("name") or "+".join(sorted(output.get("data", {}))) for output in cell.outputs]
        kinds.append(shown)
    return kinds


def shorten(notebook: nbformat.NotebookNode, shorter: dict[str, str]) -> None:
    """Put the texts of `shorter` in place of its keys, each of which must stand in the code exactly once."""
    for long, short in shorter.items():
        cells = [cell for cell in code_cells(notebook) if long in cell.source]
        assert [cell.source.count(long) for cell in cells] == [1], long
        cells[0].source = cells[0].source.replace(long, short)


def assert_runs_as_stored(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, shorter: dict[str, str] | None = None
) -> None:
    """Run a notebook in a folder: each cell gives the same kinds of output as it is stored with.

    `shorter` makes its trainings short: what it shows is then poorer, and of the same kinds. `make notebooks` runs and
    stores it in full.
    """
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "")  # both are set again by execute, and restored here
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = read(name)
    stored = kinds_of_output(notebook)
    shorten(notebook, shorter or {})
    refresh_script().execute(notebook, folder)
    assert kinds_of_output(notebook) == stored
