"""Pages of the site from outside docs/: the changelog, the studies, the notebooks, the help of every command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
STUDIES = "Studies"
TUTORIALS = "Tutorials"
COMMAND_LINE = "command_line.md"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def outside_pages() -> dict[str, Path]:
    """Each page by its path in the site, with the file it is made of."""
    pages = {"changelog.md": ROOT / "CHANGELOG.md", "contributing.md": ROOT / "CONTRIBUTING.md",
             "benchmarks.md": ROOT / "benchmarks" / "RESULTS.md"}  # fmt: skip
    pages |= {f"studies/{path.parent.name}.md": path for path in sorted(ROOT.glob("experiments/*/README.md"))}
    pages |= {f"tutorials/{path.stem}.md": path for path in sorted(ROOT.glob("notebooks/*.ipynb"))}
    return pages


def page_text(path: Path) -> str:
    """The Markdown of a page's file."""
    text = path.read_text(encoding="utf-8")
    return _notebook_text(text) if path.suffix == ".ipynb" else text


@cache
def pictures() -> dict[str, Path]:
    """The pictures outside docs/ that pages of the site show, by their path in the site."""
    shown = {}
    for page in [*outside_pages().values(), *DOCS.rglob("*.md")]:
        for mark, _, target in _LINK.findall(page_text(page) if page.suffix == ".md" else ""):
            picture = (page.parent / target).resolve()
            if mark and picture.is_file() and not picture.is_relative_to(DOCS):
                shown["images/" + "-".join(picture.relative_to(ROOT).parts)] = picture
    return shown


def with_links_in_site(text: str, page: str, path: Path, places: dict[Path, str]) -> str:
    """The Markdown with its links as they are in the site; the text alone of a link to a file that the site lacks.

    Parameters
    ----------
    page : the page's path in the site. path : the file that it was made of, to which its links are relative.
    places : the path in the site of every file that is in it.
    """

    def moved(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        file, hash_, anchor = target.partition("#")
        if not file or re.match(r"[a-z]+:", target):
            return link[0]
        place = places.get((path.parent / file).resolve())
        if place is None:
            return words
        up = "../" * page.count("/")
        return f"{mark}[{words}]({up}{place}{hash_}{anchor})"

    blocks = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(block if block.startswith("```") else _LINK.sub(moved, block) for block in blocks)


def command_line_page() -> str:
    """What `--help` says of every command, under a heading each."""
    from ifp.cli import main

    parts = ["# Command line", "What `ifp COMMAND --help` prints, for every command."]
    for name, command, context in _commands("ifp", main, None):
        if not isinstance(command, click.Group):
            parts += [f"## {name}", f"```text\n{command.get_help(context).rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _commands(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, info_name=name.split()[-1], parent=parent, max_content_width=100)
    context.terminal_width = 100
    yield name, command, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _commands(f"{name} {inner}", found, context)


def _notebook_text(text: str) -> str:
    """The Markdown of a notebook: its texts, its code, and what that printed and drew."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                png = "".join(data["image/png"]).replace("\n", "")
                parts.append(f'<img alt="What the code above draws" src="data:image/png;base64,{png}">')
            elif "text/html" in data:
                # the empty corner of a table is a heading of nothing
                table = "".join(data["text/html"]).replace("<th></th>", "<td></td>")
                parts.append(f'<div class="output">{table}</div>')
            elif printed := "".join(output.get("text", data.get("text/plain", ()))):
                parts.append(f"```text\n{printed.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
