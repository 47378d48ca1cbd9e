"""Names in letters that the figures' fonts lack: a font that has them is taken, else one sentence says so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from ifp.analysis.figures import plot_fonts
from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.cli import main
from ifp.errors import IfpWarning

SHAPE = "\u5f62"
"""The Chinese word for shape: one letter that neither STIX nor DejaVu has."""
NOBODY = "\U000cfffd"
"""A letter for private use, which fonts have not."""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is known of fonts is forgotten before and after, and fonts of a test go with it."""
    before = list(font_manager.fontManager.ttflist)
    for cached in (plot_fonts._letters, plot_fonts._families_with, plot_fonts._regular_fonts):
        cached.cache_clear()
    yield
    font_manager.fontManager.ttflist = before
    for cached in (plot_fonts._letters, plot_fonts._families_with, plot_fonts._regular_fonts):
        cached.cache_clear()


def install(path: Path, letters: str) -> None:
    """A TrueType font with a square for each of these letters."""
    pen = TTGlyphPen(None)
    for step, at in enumerate([(100, 0), (100, 700), (700, 700), (700, 0)]):
        (pen.lineTo if step else pen.moveTo)(at)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names[1:], strict=True)})
    font.setupGlyf(dict.fromkeys(names, square))
    font.setupHorizontalMetrics(dict.fromkeys(names, (800, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Squares of Tests", "styleName": "Regular", "psName": "SquaresOfTests"})
    font.setupOS2()
    font.setupPost()
    font.save(path)
    font_manager.fontManager.addfont(path)


def save(folder: Path, text: str) -> tuple[Path, list[str]]:
    """The pdf of a figure with this text, and what was warned of."""
    with paper_style():
        figure = new_figure(2, 1)
        figure.text(0.1, 0.5, text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (pdf, *_) = save_figure(figure, folder / "figure", pd.DataFrame({"a": [1]}))
    return pdf, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("text", ["posX", "\u03b1\u03b2 \u00fc", "\u0436 \u2603"])
def test_what_the_fonts_of_matplotlib_have_is_drawn_without_a_word(tmp_path: Path, text: str) -> None:
    assert save(tmp_path, text)[1] == []


def test_a_font_of_the_machine_is_taken(tmp_path: Path) -> None:
    install(tmp_path / "squares.ttf", SHAPE)
    pdf, said = save(tmp_path, f"shape {SHAPE}")
    assert said == []
    content = pdf.read_bytes()
    assert b"SquaresOfTests" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("text", [SHAPE, "\N{FOX FACE}", f"{SHAPE} \N{FOX FACE} x"])
def test_without_such_a_font_one_sentence_says_so(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot_fonts, "_families_with", lambda letters: ())
    _, (said,) = save(tmp_path, text)
    letters = " ".join(sorted(set(text) - set(" x")))
    assert said.startswith(f"Figures show boxes for {letters}, which no font on this machine has; install one")


def test_the_command_says_it_once_on_stderr(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    factors = np.stack(np.meshgrid(range(4), range(2), indexing="ij"), axis=-1).reshape(-1, 2)
    images = np.zeros((8, 8, 8), np.uint8)
    for number, (row, width) in enumerate(factors):
        images[number, row, : 4 + width] = 255
    np.savez(tmp_path / "d.npz", images=images, factors=factors, factor_names=np.array([NOBODY, "bar"]))
    out = ["--out", str(tmp_path / "run")]
    options = ["--dataset", f"npz:{tmp_path / 'd.npz'}", "--method", "closed-form", "--contexts", "1", "--quiet"]
    assert CliRunner().invoke(main, ["anneal", *options, *out]).exit_code == 0
    found = CliRunner().invoke(main, ["plot", str(tmp_path / "run"), "--kind", "strip", "--kind", "hist"])
    assert found.exit_code == 0, found.output
    assert caplog.records == []
    assert found.stderr.count("Figures show boxes") == 1
    assert found.stderr.strip().count("\n") == 0
    assert "\\U000cfffd" in found.stderr
    named = CliRunner().invoke(main, ["plot", str(tmp_path / "run"), "--label", f"{NOBODY}=shape"])
    assert named.exit_code == 0
    assert named.stderr == ""


def test_it_is_a_warning_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot_fonts, "_families_with", lambda letters: ())
    with paper_style():
        figure = new_figure(2, 1)
        figure.text(0, 0, SHAPE)
    with pytest.warns(IfpWarning, match="Figures show boxes"):
        save_figure(figure, tmp_path / "figure", pd.DataFrame({"a": [1]}), formats=["png"])
