"""Nothing in the documentation that is not run or checked: doctests, command lines, help texts."""

from __future__ import annotations

import configparser
import doctest
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

from ifp.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "benchmarks").glob("*.md"))]


@cache
def modules() -> list[str]:
    """Every module by the name it is imported under, from the folders that setup.cfg maps to packages.

    pytest's --doctest-modules would import analysis/ a second time, as `analysis`; pkgutil does not see it at all.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    found = []
    for line in config["options"]["package_dir"].strip().splitlines():
        package, folder = (part.strip() for part in line.split("="))
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            found.append(".".join([package, *inner]).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("package", sorted({name.rpartition(".")[0] for name in modules()}))
def test_docstring_examples_run(package: str) -> None:
    """Every module of a package can be imported, and the examples in its docstrings give what they say."""
    failed = {}
    for name in modules():
        if name.rpartition(".")[0] == package:
            module = import_module(name)
            if ">>>" in Path(str(module.__file__)).read_text():  # the search for examples is most of the time
                failed[name] = doctest.testmod(module).failed
    assert {name: count for name, count in failed.items() if count} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ```python blocks of a page, one after the other, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())]
    local = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


def command_lines(text: str) -> list[str]:
    """The `ifp ...` lines of fenced blocks (continued lines joined) and of inline code."""
    lines = []
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        joined = re.sub(r"\s*\\\n\s*", " ", block)
        lines += [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", prose)
    return [line for line in lines if re.match(r"ifp [a-z-]", line)]


def context_of(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent, **command.context_settings)


def parse(line: str) -> None:
    """Take a command line apart as click would, without running it; raises click.UsageError."""
    words = shlex.split(line, comments=True)
    words = words[: next((n for n, word in enumerate(words) if word in {"|", "&&", ">", ">>", ";"}), len(words))]
    context, rest = context_of(main, "ifp"), words[1:]
    while True:
        command = context.command
        values, rest, _ = command.make_parser(context).parse_args(rest)
        for param in command.params:
            given = values.get(param.name)
            if isinstance(param.type, click.Choice) and isinstance(given, str):
                param.type.convert(given, param, context)
        if not isinstance(command, click.Group) or not rest:
            break
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        context = context_of(found, str(name), context)
    if rest:
        raise click.UsageError(f"left over: {rest}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_command_lines_parse(page: Path) -> None:
    wrong = {}
    for line in command_lines(page.read_text()):
        try:
            parse(line)
        except click.UsageError as error:
            wrong[line] = error.format_message()
    assert wrong == {}


@pytest.mark.parametrize("line", ["ifp nonsense", "ifp anneal --no-such-option 3", "ifp data list too many words"])
def test_wrong_command_lines_do_not_parse(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_command_lines_are_found() -> None:
    text = "Use `ifp data list`:\n```bash\n$ ifp anneal \\\n    --out a  # why\nmake demo\n```\nand `ifp.seeds`.\n"
    assert command_lines(text) == ["ifp anneal --out a  # why", "ifp data list"]


def commands() -> Iterator[tuple[str, click.Context]]:
    """Every command by its full name, with its context."""
    waiting = [("ifp", context_of(main, "ifp"))]
    while waiting:
        name, context = waiting.pop()
        yield name, context
        if isinstance(context.command, click.Group):
            for inner in context.command.list_commands(context):
                found = context.command.get_command(context, inner)
                assert found is not None
                waiting.append((f"{name} {inner}", context_of(found, inner, context)))


def test_every_command_and_option_explains_itself() -> None:
    silent = []
    for name, context in commands():
        if not context.command.help:
            silent.append(name)
        for option in context.command.params:
            if not isinstance(option, click.Option) or option.hidden:
                continue
            record = option.get_help_record(context)
            if not option.help or record is None:
                silent.append(f"{name} {option.opts[0]}: no help")
            elif option.is_flag or option.required or option.multiple or "--config" in option.opts:
                continue  # left out, these do nothing
            elif "default" not in record[1]:
                silent.append(f"{name} {option.opts[0]}: no default shown")
    assert silent == []


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name, at in commands() if not isinstance(at.command, click.Group) and name not in text] == []


def test_tests_that_the_documents_name_exist() -> None:
    defined = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    lost = []
    for page in PAGES:
        file = ""
        for path, name in re.findall(r"`((?:[\w/]*test_\w+\.py)?)(?:::(test_\w+))?`", page.read_text()):
            file = path or file
            if (path or name) and (file not in defined or (name and f"def {name}(" not in defined[file])):
                lost.append(f"{page.name}: {file}::{name}")
    assert lost == []
