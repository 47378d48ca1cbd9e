"""The form of the notebooks: public names only, short, and stored with outputs that hold nothing of one machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .stored import FOLDER, code_cells, read, refresh_script

MOST_CHARACTERS = {
    "01_annealing_test": 2155,
    "02_information_diffusion": 7023,
    "03_deft": 8670,
    "04_channels": 5353,
}
"""Half of what all cells of a notebook had before they used the library's calls alone."""
LIBRARIES = {"matplotlib", "matplotlib.pyplot", "numpy", "pandas", "torch", "torch.nn"}
"""What a notebook may import beside `ifp`."""
MOST_BYTES = 1_000_000
VOLATILE = re.compile(r" at 0x[0-9a-f]+|/(?:home|Users|root|tmp|work|usr)/|[A-Z]:\\|Warning\b|Traceback")
"""Addresses of objects, paths of a machine, and warnings, none of which a reader should see."""


def dotted(node: ast.expr) -> list[str] | None:
    """The names of `a.b.c`, None for anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else [*before, node.attr]
    return None


def inner_names(names: list[str]) -> list[str]:
    """The first name in `ifp.a.b...` that its package does not offer, if there is one.

    A package offers `__all__`, and the rooms that its `__dir__` adds. Attributes of other objects are not looked at.
    """
    at: Any = import_module("ifp")
    for place, name in enumerate(names[1:], start=1):
        if not isinstance(at, ModuleType):
            return []
        rooms = at.__dir__() if "__dir__" in vars(at) else ()
        if name not in {*getattr(at, "__all__", ()), *rooms}:
            return [".".join(names[: place + 1])]
        at = getattr(at, name)
    return []


def forbidden(tree: ast.Module) -> Iterator[str]:
    """Everything that is imported or reached and is not public."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "ifp":
                    yield from [name.name] if name.asname else inner_names(name.name.split("."))
                elif name.name not in LIBRARIES:
                    yield name.name
        elif isinstance(node, ast.ImportFrom):
            package = str(node.module)
            if package.split(".")[0] == "ifp":
                for name in node.names:
                    yield from inner_names([*package.split("."), name.name])
            elif package not in LIBRARIES:
                yield package
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("_"):
                yield node.attr
            names = dotted(node)
            if names is not None and names[0] == "ifp":
                yield from inner_names(names)


def test_every_notebook_is_run_and_held_to_its_length() -> None:
    notebooks = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    assert notebooks == sorted(MOST_CHARACTERS)
    assert sorted(path.stem for path in Path(__file__).parent.glob("test_[0-9]*.py")) == [
        f"test_{n}" for n in notebooks
    ]


@pytest.mark.parametrize("name", MOST_CHARACTERS)
def test_notebook_uses_public_names_only(name: str) -> None:
    found = [reached for cell in code_cells(read(name)) for reached in forbidden(ast.parse(cell.source))]
    assert found == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from ifp.networks.losses import gaussian_kl_nats", ["ifp.networks"]),
        ("import ifp.training.run as run", ["ifp.training.run"]),
        ("import ifp\nifp.training.run.train", ["ifp.training"]),
        ("from ifp.analysis.freezing import plot_run", ["ifp.analysis.freezing"]),
        ("import subprocess", ["subprocess"]),
        ("result._points", ["_points"]),
        ("from ifp.analysis.plots import paper_style\nimport ifp\nifp.analysis.metrics.mig(z, v).value", []),
    ],
)
def test_inner_names_are_found(code: str, found: list[str]) -> None:
    assert list(dict.fromkeys(forbidden(ast.parse(code)))) == found


@pytest.mark.parametrize("name", MOST_CHARACTERS)
def test_notebook_is_short(name: str) -> None:
    assert sum(len(cell.source) for cell in read(name).cells) <= MOST_CHARACTERS[name]


@pytest.mark.parametrize("name", MOST_CHARACTERS)
def test_outputs_are_stored_and_clean(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < MOST_BYTES
    notebook = read(name)
    assert notebook.metadata == refresh_script().METADATA
    for number, cell in enumerate(code_cells(notebook), start=1):
        assert cell.execution_count == number
        assert cell.metadata == {}
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            texts = [output.get("text", ""), *(v for kind, v in output.get("data", {}).items() if kind[:4] == "text")]
            assert not VOLATILE.search("\n".join(texts))
    assert sum("image/png" in output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs) >= 3
