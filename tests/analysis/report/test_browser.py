"""The page in a real browser: nothing is loaded, tables sort, it prints, and it can be read by everybody."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import AXE, Page, browser_page, find_browser

pytestmark = pytest.mark.slow

A4_PT = (594.96, 841.92)


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is installed, in which the page would be opened (apt-get install chromium)")
    with browser_page(program) as opened:
        yield opened


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_it_opens_from_a_file_without_errors_and_loads_nothing(
    tab: Page, which: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(which)
    tab.open(path)
    assert tab.run("document.readyState") == "complete"
    assert [url for url in tab.requests if not url.startswith("data:")] == [path.absolute().as_uri()]
    assert tab.said == []


def test_tables_sort_by_numbers_and_by_names(tab: Page, page: Path) -> None:
    tab.open(page)
    column = "[...document.querySelector('table').tBodies[0].rows].map((row) => row.cells[{}].dataset.key)"
    click = "document.querySelectorAll('table th button')[{}].click()"
    headings = tab.run("[...document.querySelector('table').tHead.rows[0].cells].map((cell) => cell.innerText)")
    lower = headings.index("lower edge")
    for place, as_key in ((lower, float), (0, str)):
        tab.run(click.format(place))
        rising = tab.run(column.format(place))
        assert rising == sorted(rising, key=as_key)
        tab.run(click.format(place))
        assert tab.run(column.format(place)) == rising[::-1]
        assert tab.run(f"document.querySelectorAll('table th')[{place}].getAttribute('aria-sort')") == "descending"


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_screen_and_can_be_read(tab: Page, page: Path, width: int, dark: bool) -> None:
    tab.resize(width)
    tab.dark(dark)
    tab.open(page)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    seen = tab.run(
        "[...document.querySelectorAll('.sheet > div')].filter((part) => part.offsetWidth > 0)"
        ".map((part) => part.className)"
    )
    assert set(seen) == {"narrow" if width == 390 else "wide"}
    # a line of a figure's text: 7 points at the width that it was drawn for
    scale = tab.run(
        "(() => { const svg = [...document.querySelectorAll('.sheet svg')].find((one) => one.clientWidth > 0); "
        "return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width })()"
    )
    assert 7 * scale >= 9
    background = tab.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) is dark


def test_it_prints_on_a4_with_whole_figures(tab: Page, page: Path, tmp_path: Path) -> None:
    tab.resize(1400)
    tab.dark(False)
    tab.open(page)
    tab.pdf(tmp_path / "page.pdf")
    printed = (tmp_path / "page.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", printed)
    boxes = boxes or re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", _objects(printed))
    assert len(boxes) >= 3
    assert all(abs(float(size) - known) < 1.5 for box in boxes for size, known in zip(box, A4_PT, strict=True))
    # no figure is broken, and none is higher or wider than what a page holds: 178 x 261 mm
    tab.ask("Emulation.setEmulatedMedia", media="print")
    tab.resize(round(178 / 25.4 * 96))
    figures = tab.run(
        "[...document.querySelectorAll('figure')].map((figure) => [getComputedStyle(figure).breakInside, "
        "figure.offsetHeight, figure.querySelector('.wide svg').getBoundingClientRect().right])"
    )
    tab.ask("Emulation.setEmulatedMedia", media="")
    assert figures
    for breaks, height, right in figures:
        assert breaks == "avoid"
        assert height < 261 / 25.4 * 96
        assert right <= 178 / 25.4 * 96 + 1


def _objects(pdf: bytes) -> bytes:
    """What is in the compressed streams of a pdf."""
    found = b""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found += zlib.decompress(stream)
        except zlib.error:
            continue
    return found


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (npm install --no-save axe-core, or IFP_AXE)")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_axe_finds_nothing(tab: Page, which: str, dark: bool, request: pytest.FixtureRequest) -> None:
    tab.resize(1400)
    tab.dark(dark)
    tab.open(request.getfixturevalue(which))
    assert tab.axe() == []
