"""The documentation as a site: every page has a place, every public name is there, and nothing is fetched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ifp
import ifp.analysis

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "tools"))
from outside_pages import command_line_page, outside_pages, page_text, with_links_in_site  # noqa: E402
from outside_requests import asked_elsewhere  # noqa: E402

from tests.browser import AXE, browser_page, find_browser  # noqa: E402

BROWSER = find_browser()
WIDTHS = (390, 1400)
BROKEN_IMAGES = """Promise.all([...document.images].map((image) => {
  image.loading = "eager";
  return image.decode().then(() => "", () => image.src.slice(0, 200));
})).then((all) => all.filter(Boolean))"""
KINDS_OF_PAGE = (
    "index.html", "questions/which_beta.html", "gallery.html", "python.html", "command_line.html",
    "tutorials/01_annealing_test.html",
)  # fmt: skip
needs_mkdocs = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="the extra ifp[docs] is not installed",
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; the build fails on any link or anchor that leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@needs_mkdocs
@pytest.mark.slow
def test_the_built_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    assert len(list(site.rglob("*.html"))) > 35
    assert asked_elsewhere(site) == {}


@needs_mkdocs
@pytest.mark.slow
def test_every_page_is_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'<a href="([\w/.-]+\.html)" class="md-nav__link', home)) | {"index.html", "404.html"}
    assert {str(path.relative_to(site)) for path in site.rglob("*.html")} - linked == set()


@needs_mkdocs
@pytest.mark.slow
def test_the_reference_has_every_public_name_with_its_parameters(site: Path) -> None:
    page = (site / "python.html").read_text(encoding="utf-8")
    assert [name for name in ifp.__all__ if f'id="ifp.{name}"' not in page] == []
    told = page.partition('id="ifp.plot"')[2].partition("<h2")[0]
    for parameter in ("kinds", "width", "order", "labels"):
        assert f"<code>{parameter}</code>" in told
    assert "neurips" in told


@needs_mkdocs
@needs_browser
@pytest.mark.slow
def test_every_page_opens_in_a_browser(site: Path, tmp_path: Path) -> None:
    """On a telephone and on a desk: nothing fails, nothing comes from elsewhere, nothing is wider than the screen."""
    log, wrong = tmp_path / "net.json", {}
    pages = sorted(site.rglob("*.html"))
    pages.remove(site / "404.html")  # a server sends it for any address, so its links begin at the server's root
    with browser_page(str(BROWSER), f"--log-net-log={log}") as tab:
        for page in pages:
            for width in WIDTHS:
                tab.resize(width)
                tab.open(page)
                broken_images = tab.run(BROKEN_IMAGES)
                elsewhere = [url for url in tab.requests if not url.startswith((site.as_uri(), "data:", "blob:"))]
                wide = tab.run("document.documentElement.scrollWidth")
                found = [*tab.said, *tab.failed, *elsewhere, *broken_images, *([wide] if wide > width else [])]
                wrong[f"{page.relative_to(site)} at {width}"] = found
    assert len(pages) > 35
    assert {name: found for name, found in wrong.items() if found} == {}
    asked = set(re.findall(r'"url":"https?://([^/"]+)', log.read_text(encoding="utf-8", errors="replace")))
    # the browser asks for dictionaries and updates of its own, at hosts that the site does not name
    texts = [path.read_text(encoding="utf-8") for path in site.rglob("*") if path.suffix in (".html", ".js", ".css")]
    assert {host for host in asked if any(host in text for text in texts)} == set()


@needs_mkdocs
@needs_browser
@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (npm install --no-save axe-core, or IFP_AXE)")
@pytest.mark.slow
def test_axe_finds_nothing_in_any_kind_of_page(site: Path) -> None:
    with browser_page(str(BROWSER)) as tab:
        for page in KINDS_OF_PAGE:
            for dark in (False, True):
                tab.dark(dark)
                tab.open(site / page)
                tab.run("localStorage.clear()")  # the site remembers the colours of the page before
                tab.open(site / page)
                scheme = tab.run("document.body.dataset.mdColorScheme")
                assert (page, scheme, tab.axe()) == (page, "slate" if dark else "default", [])


def test_an_address_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://a.org">x</a><link rel="stylesheet" href="//b.org/s.css"><img src="c.png">'
        '<script src="https://d.org/x.js"></script><style>@import "https://e.org/f.css";</style>'
    )
    (tmp_path / "b.css").write_text("body { background: url('https://g.org/h.png') } p { background: url(i.png) }")
    assert asked_elsewhere(tmp_path) == {
        "a.html": ["//b.org/s.css", "https://d.org/x.js", "https://e.org/f.css"], "b.css": ["https://g.org/h.png"],
    }  # fmt: skip


def test_links_into_the_project_become_links_within_the_site() -> None:
    text = "[a](../docs/scale.md#x) [b](run.py) [c](https://c.org) [d](#e)\n```\n[f](run.py)\n```\n"
    moved = with_links_in_site(
        text, "studies/one.md", ROOT / "experiments" / "README.md", {DOCS / "scale.md": "scale.md"}
    )
    assert moved == "[a](../scale.md#x) b [c](https://c.org) [d](#e)\n```\n[f](run.py)\n```\n"


def test_a_notebook_is_a_page_with_its_outputs() -> None:
    (path,) = [path for name, path in outside_pages().items() if "01_annealing" in name]
    text = page_text(path)
    assert text.startswith("# The annealing test")
    assert "```python\nimport matplotlib.pyplot as plt" in text
    assert text.count("data:image/png;base64,") == sum(
        "image/png" in output.get("data", {}) for cell in json.loads(path.read_text())["cells"]
        for output in cell.get("outputs", ())
    )  # fmt: skip


def test_the_help_of_every_command_is_on_its_page() -> None:
    page = command_line_page()
    assert "## ifp anneal\n\n```text\nUsage: ifp anneal [OPTIONS]" in page
    assert "## ifp data list\n" in page
    assert "## ifp data\n" not in page  # a group has no options of its own
