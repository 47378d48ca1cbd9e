"""Captions beside figures, svg of equal bytes, and pgf with and without LaTeX."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ifp.analysis.diffusion.plot_diagnosis import FIGURES
from ifp.analysis.figures.captions import CAPTIONS, caption
from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.plot_page import new_figure, paper_style, save_figure
from ifp.analysis.figures.style import LATEX_PROGRAMS, checked_formats
from ifp.analysis.freezing.plot_run import FILE_OF
from ifp.errors import IfpError

DATA = pd.DataFrame({"x": [0.0, 1.0]})
HAS_LATEX = any(shutil.which(name) for name in LATEX_PROGRAMS)


def drawn(*, image: bool = False) -> Figure:
    with paper_style():
        figure = new_figure(2.0, 1.5)
        ax = figure.add_subplot()
        if image:
            ax.imshow(np.eye(3))
        else:
            ax.plot([0, 1], [0, 1])
        ax.set_xlabel(r"$\beta$ of pos_X")
    return figure


def test_every_figure_has_a_caption_of_whole_sentences() -> None:
    assert {*FIGURES, *FILE_OF.values()} <= set(CAPTIONS)
    for name in CAPTIONS:
        text = caption(name, of="toys, 64 x 64", threshold_nats=0.1, says=["One more."])
        assert "toys, 64 x 64" in text
        assert "One more." in text
        assert text.endswith("0.1 nat.")
        assert "\n" not in text
        assert not re.search(r"\.\.|\$|\\", text)


def test_the_caption_lies_beside_the_figure_and_nothing_that_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / f".one.{2**22 + 1}-1.partial.png").write_bytes(b"half")
    paths = save_figure(drawn(), tmp_path / "one", DATA, formats=["svg"], caption="What is drawn.")
    assert [path.name for path in paths] == ["one.svg", "one.csv", "one.txt"]
    assert set(tmp_path.iterdir()) == set(paths)
    assert paths[-1].read_text() == "What is drawn.\n"
    again = save_figure(drawn(), tmp_path / "again" / "one", DATA, formats=["svg"])
    assert [path.name for path in again] == ["one.svg", "one.csv"]
    assert again[0].read_bytes() == paths[0].read_bytes()
    assert b"matplotlib.org" not in paths[0].read_bytes()


def test_names_in_a_caption_are_plain_text() -> None:
    about = {"dataset": {"name": "a\x1b[2J\n$b_", "image_shape": [3, 8, 9]}, "likelihood": "bernoulli"}
    assert conditions_in_words(about) == r"a\x1b[2J $b_, 3 x 8 x 9, Bernoulli likelihood"


def test_pgf_without_latex_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IfpError, match="pgf needs LaTeX to measure texts, and none of xelatex, pdflatex"):
        checked_formats("pdf,pgf")
    with pytest.raises(IfpError, match="install TeX Live, or choose svg or pdf"):
        save_figure(drawn(), tmp_path / "one", DATA, formats=["pgf"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # LaTeX starts
@pytest.mark.skipif(not HAS_LATEX, reason="LaTeX, which measures the texts of pgf figures, is not installed")
def test_pgf_is_written_with_its_images(tmp_path: Path) -> None:
    paths = save_figure(drawn(image=True), tmp_path / "one", DATA, formats=["pgf"])
    assert [path.name for path in paths] == ["one.pgf", "one.csv"]
    assert {path.name for path in tmp_path.iterdir()} == {"one.pgf", "one-img0.png", "one.csv"}
    assert "one-img0.png" in paths[0].read_text()


@pytest.mark.skipif(not HAS_LATEX, reason="LaTeX, which measures the texts of pgf figures, is not installed")
def test_a_text_that_latex_does_not_take_is_one_sentence(tmp_path: Path) -> None:
    figure = drawn()
    figure.axes[0].set_title("100 & {")
    with pytest.raises(IfpError, match="LaTeX does not take a text of the figure one"):
        save_figure(figure, tmp_path / "one", DATA, formats=["pgf"])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    for formats in (["pdf", "png"], ["svg"], []):
        with pytest.raises(IfpError, match="cannot be written"):
            save_figure(drawn(), tmp_path / "file" / "one", DATA, formats=formats)
