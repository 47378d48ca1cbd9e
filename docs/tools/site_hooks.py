"""What mkdocs does with the project: pages from outside docs/, the navigation, and the source of the reference.

The API reference is read from the source, without importing it; analysis/ and cli/ lie beside ifp/ and are imported as
ifp.analysis and ifp.cli.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from outside_pages import (
    COMMAND_LINE,
    DOCS,
    ROOT,
    STUDIES,
    TUTORIALS,
    command_line_page,
    outside_pages,
    page_text,
    pictures,
    with_links_in_site,
)

USER_GUIDE = "User guide"
SOURCE = tempfile.TemporaryDirectory(prefix="ifp-docs-")
"""A folder in which the packages lie as they are imported, kept for the length of the build."""


@event_priority(100)  # before mkdocstrings reads where the source lies
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation, and say where the API's source lies."""
    listed = set(_paths(config.nav))
    unlisted = [path.name for path in sorted(DOCS.glob("*.md")) if path.name not in listed]
    _section(config.nav, USER_GUIDE).extend(unlisted)
    pages = outside_pages()
    for title, folder in ((TUTORIALS, "tutorials/"), (STUDIES, "studies/")):
        _section(config.nav, title).extend(page for page in pages if page.startswith(folder) and page not in listed)
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [str(_source_as_imported(Path(SOURCE.name)))]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, and their pictures."""
    for place, path in outside_pages().items():
        files.append(File.generated(config, place, content=page_text(path)))
    for place, path in pictures().items():
        files.append(File.generated(config, place, abs_src_path=str(path)))
    files.append(File.generated(config, COMMAND_LINE, content=command_line_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links into the project to links within the site."""
    pages = outside_pages()
    places = {path.resolve(): place for place, path in {**pictures(), **pages}.items()}
    places |= {Path(file.abs_src_path).resolve(): file.src_uri for file in files if file.abs_src_path and
               Path(file.abs_src_path).is_relative_to(DOCS)}  # fmt: skip
    here = page.file.src_uri
    return with_links_in_site(markdown, here, pages.get(here, DOCS / here), places)


def _section(nav: list[Any], title: str) -> list[Any]:
    """The entries of a section of the navigation."""
    found: list[Any] = next(entry[title] for entry in nav if title in entry)
    return found


def _paths(entry: Any) -> list[str]:
    """All pages of a navigation, or of a part of it."""
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry or ()
    return [path for part in inner for path in _paths(part)]


def _source_as_imported(folder: Path) -> Path:
    """Copy the packages, so that ifp.analysis is found as ifp/analysis; returns the folder."""
    for path, place in ((ROOT / "ifp", "ifp"), (ROOT / "analysis", "ifp/analysis"), (ROOT / "cli", "ifp/cli")):
        shutil.copytree(path, folder / place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return folder
