"""The project's shape: what setup.cfg ships, which folder may import what, and which commands there are."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

import ifp
import ifp.analysis
from ifp.cli import main
from ifp.system.versions import REQUIRED

ROOT = Path(__file__).parents[1]
PACKAGE_OF = {"ifp": "ifp", "analysis": "ifp.analysis", "cli": "ifp.cli"}
MAY_IMPORT = {  # folder -> the first-party areas it may name
    "ifp": {"ifp"},
    "analysis": {"ifp", "ifp.analysis"},
    "cli": {"ifp", "ifp.analysis", "ifp.cli"},
}
KEPT_OUT = {  # folder -> packages that none of its files may import
    "ifp": {"matplotlib", "seaborn", "pandas", "click", "rich"},
    "analysis": {"torch", "click", "rich"},
    "cli": {"torch", "matplotlib", "seaborn"},
}
COMMANDS = {  # frozen: a new command is a decision, and so is the loss of one
    "anneal", "plot", "suggest", "report", "table", "train", "watch", "diagnose", "channels", "shift", "directions",
    "beta",
    "beta convert", "data", "data list", "data describe", "data get", "data check", "data export", "cache",
    "cache list", "cache clean",
}  # fmt: skip
LAYERS = [  # the rooms of ifp/, from the lowest: each may import those before it, and the shared nouns at the root
    "system", "datasets", "theory", "exact", "topology", "networks", "objectives", "annealing", "checkpoints",
    "training", "recording", "adversarial", "fingerprints",
]  # fmt: skip
TOPICS = [  # the rooms of analysis/, likewise
    "figures", "information", "metrics", "freezing", "training", "recording", "diffusion", "shift", "gan_freezing",
    "joint", "channels", "directions", "suggestion", "report", "watching",
]  # fmt: skip
FACES = {ROOT / "ifp" / "__main__.py"}
"""`python -m ifp` must be in the package it is named after, and only calls the command line."""
SOURCES = [path for folder in PACKAGE_OF for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout of git, so it is unknown what is tracked")
def test_nothing_lies_at_the_top_by_mistake() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    top = {name for name in listed.splitlines() if "/" not in name}
    assert top == {
        ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md",
        "constraints.txt", "mkdocs.yml", "pyproject.toml", "setup.cfg",
    }  # fmt: skip


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def module_name(path: Path) -> str:
    """ifp/datasets/base.py -> ifp.datasets.base; analysis/__init__.py -> ifp.analysis."""
    folder, *inner = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([PACKAGE_OF[folder], *inner]).removesuffix(".__init__")


@cache
def parsed(source: str) -> ast.Module:
    """The syntax tree of a source text; several tests look at the same files."""
    return ast.parse(source)


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Absolute names of the modules that a file imports, wherever in the file, relative ones resolved."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            # `from ifp import analysis` imports ifp.analysis: each imported name may be a module
            yield from (f"{name}.{alias.name}" for alias in node.names)


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """What a file of the project imports."""
    return tuple(imports(path.read_text(), module_name(path), path.name == "__init__.py"))


def room(module: str) -> str:
    """ifp.theory.closed_form -> theory, ifp.analysis.joint.study -> joint; empty for a module outside all rooms."""
    parts = module.removeprefix("ifp.analysis.").removeprefix("ifp.").split(".")
    return parts[0] if parts[0] in {*LAYERS, *TOPICS} else ""


def area(module: str) -> str:
    """The folder's package for our own modules, else the top-level package."""
    for name in ("ifp.analysis", "ifp.cli"):
        if f"{module}.".startswith(f"{name}."):
            return name
    return module.split(".")[0]


def broken_rules(folder: str, imported: Sequence[str]) -> list[str]:
    areas = {name: area(name) for name in imported}
    return [
        name
        for name, where in areas.items()
        if where in {"analysis", "cli"}  # a second copy of ifp.analysis or ifp.cli
        or where in KEPT_OUT[folder]
        or (where.startswith("ifp") and where not in MAY_IMPORT[folder])
    ]


@pytest.mark.parametrize("folder", PACKAGE_OF)
def test_imports_point_one_way(folder: str) -> None:
    files = [path for path in SOURCES if path not in FACES and path.relative_to(ROOT).parts[0] == folder]
    broken = {module_name(path): broken_rules(folder, imports_of(path)) for path in files}
    assert files
    assert {module: names for module, names in broken.items() if names} == {}


def test_every_room_has_its_place_in_the_order() -> None:
    def rooms(folder: str) -> set[str]:
        return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}

    assert rooms("ifp") == set(LAYERS)
    assert rooms("analysis") == set(TOPICS)


@pytest.mark.parametrize(("area_of_all", "order"), [("ifp.", LAYERS), ("ifp.analysis.", TOPICS)])
def test_a_room_imports_lower_rooms_only(area_of_all: str, order: list[str]) -> None:
    above, rooms = {}, set[str]()
    for path in SOURCES:
        module = module_name(path)
        if not room(module) or module.startswith("ifp.analysis.") != (order is TOPICS):
            continue
        rooms.add(room(module))
        higher = order[order.index(room(module)) + 1 :]
        above[module] = [name for name in imports_of(path) if name.startswith(area_of_all) and room(name) in higher]
    assert rooms == set(order)
    assert {module: names for module, names in above.items() if names} == {}


@pytest.mark.parametrize(
    ("folder", "module", "line"),
    [
        ("ifp", "ifp.trace", "from ifp.analysis.freezing.points import freezing_points"),
        ("ifp", "ifp.trace", "from ifp import cli"),
        ("ifp", "ifp.trace", "from .analysis import freezing"),
        ("ifp", "ifp.datasets.base", "from ..cli import main"),
        ("ifp", "ifp.trace", "def f():\n    import matplotlib.pyplot as plt"),
        ("analysis", "ifp.analysis.freezing.points", "import ifp.cli.anneal"),
        ("analysis", "ifp.analysis.freezing.points", "import analysis.tables"),
        ("analysis", "ifp.analysis.freezing.points", "from torch import nn"),
        ("cli", "ifp.cli.anneal", "from cli import options"),
    ],
)
def test_the_import_rule_catches(folder: str, module: str, line: str) -> None:
    assert broken_rules(folder, list(imports(line, module, is_package=False)))


def test_only_the_plotting_files_of_analysis_draw() -> None:
    drawing = {
        path.name
        for path in (ROOT / "analysis").rglob("*.py")
        if {"matplotlib", "seaborn"} & {area(name) for name in imports_of(path)}
        and "if TYPE_CHECKING:\n    from matplotlib" not in path.read_text()
    }
    assert all(name.startswith(("plot", "figure")) for name in drawing), drawing


def test_public_names_of_the_analysis_are_not_hidden_by_modules() -> None:
    """A module of the same name would take the place of a function as soon as it is imported."""
    modules = {path.stem for path in (ROOT / "analysis").glob("*.py")}
    assert not modules & set(ifp.analysis.__all__)


def test_no_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(parsed(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module_name(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_every_package_is_shipped() -> None:
    there = {module_name(path) for path in SOURCES if path.name == "__init__.py"}
    assert there == set(config()["options"]["packages"].split())


def test_every_folder_with_modules_is_a_package() -> None:
    assert all((path.parent / "__init__.py").exists() for path in SOURCES)


def third_party(paths: list[Path]) -> set[str]:
    """What these files import from neither the project nor the standard library, by the names that pip knows."""
    pip_name = {"PIL": "pillow", "mpl_toolkits": "matplotlib", "sklearn": "scikit-learn",
                "fontTools": "fonttools", "griffe": "mkdocstrings-python"}  # fmt: skip
    siblings = {path.stem for path in paths} | {"tests"}
    used = {
        area(name)
        for path in paths
        for name in imports(path.read_text(), ".".join(path.relative_to(ROOT).with_suffix("").parts), False)
    }
    ours = {name for name in used if name.startswith("ifp")} | siblings
    return {pip_name.get(name, name) for name in used - ours - sys.stdlib_module_names}


def requirements(text: str) -> set[str]:
    return {line.split(">=")[0].lower() for line in re.sub(r"%\(\w+\)s", "", text).split()}


def test_every_import_is_declared_and_every_requirement_imported() -> None:
    needed = requirements(config()["options"]["install_requires"])
    extra = requirements(" ".join(config()["options.extras_require"].values()))
    extras = config()["options.extras_require"]
    names = ("topology", "cluster", "hdf5", "tensorboard", "lightning")
    optional = requirements("".join(extras[name] for name in names))
    assert third_party(SOURCES) == needed | optional
    beside = [path for folder in ("tests", "benchmarks", "docs") for path in sorted((ROOT / folder).rglob("*.py"))]
    # used only where somebody has installed them: a peer that benchmarks/training.py measures beside us, and the fuzzer
    assert third_party(beside) <= needed | extra | {"disent", "lightning", "atheris"}


def test_every_requirement_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    extras = config()["options.extras_require"].values()
    assert requirements(" ".join([config()["options"]["install_requires"], *extras])) <= pinned
    assert not [line for line in lines if "+" in line.split("#")[0]], "a local build tag ties the pin to one machine"


@pytest.mark.parametrize("statement", ["import ifp", "import ifp.analysis", "import ifp.cli"])
def test_importing_loads_no_torch_and_no_matplotlib(statement: str) -> None:
    code = f"{statement}, sys; print(sorted({{'torch', 'matplotlib.pyplot'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_an_installed_copy_is_whole(tmp_path: Path) -> None:
    """A module or data file that setup.cfg forgets works in development and is missing for users."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    for folder in PACKAGE_OF:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    written = {
        installed.joinpath(*PACKAGE_OF[path.parts[0]].split("."), *path.parts[1:])
        for path in (path.relative_to(source) for path in source.rglob("*") if path.is_file())
        if path.parts[0] in PACKAGE_OF
    }
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-compile"]
    subprocess.run([sys.executable, *pip, "--target", str(installed), str(source)], check=True, capture_output=True)
    assert {path for path in (installed / "ifp").rglob("*") if path.is_file()} == written
    code = "import ifp, ifp.analysis, ifp.cli; print(ifp.cli.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=installed)
    assert done.stdout.strip() == str(installed / "ifp" / "cli" / "__init__.py")


def test_the_version_report_names_every_requirement() -> None:
    assert set(REQUIRED) == requirements(config()["options"]["install_requires"])


def test_the_rooms_of_the_analysis_need_no_import_of_their_own() -> None:
    rooms = ["metrics", "diffusion", "channels", "plots"]
    names = ", ".join(f"ifp.analysis.{room}.__name__" for room in rooms)
    code = f"import ifp, sys; print({names}, set({rooms}) <= set(dir(ifp.analysis)), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [*(f"ifp.analysis.{room}" for room in rooms), "True", "False"]


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "ifp", "anneel"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "did you mean 'anneal'" in done.stderr


@pytest.mark.parametrize(
    "package", ["ifp", "ifp.analysis", "ifp.analysis.diffusion", "ifp.analysis.metrics", "ifp.analysis.joint"]
)
def test_every_public_name_is_there(package: str) -> None:
    module = import_module(package)
    assert module.__all__
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    assert set(module.__all__) <= set(dir(module))


def test_the_commands_are_these() -> None:
    def names(group: click.Group, prefix: str = "") -> Iterator[str]:
        context = click.Context(group)
        for name in group.list_commands(context):
            yield prefix + name
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from names(command, f"{prefix}{name} ")

    assert set(names(main)) == COMMANDS
