"""Labels in the sentences and tables of a report, and warnings of figures that are drawn twice."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.report.drawn import page_figures
from ifp.analysis.report.naming import SectionNaming
from ifp.analysis.report.section import Section
from ifp.errors import IfpWarning


def test_every_text_of_a_section_has_the_label() -> None:
    table = ShownTable("NMI of posX", pd.DataFrame({"latent": [0], "holds": ["posX, posX2"]}), "posX: place")
    section = Section("Diagnosis", "What", "What of posX?", ["posX is held; posX2 and pre-posX not."], [table], "posX.")
    named = SectionNaming(labels={"posX": "x (px)"}).section(section)
    assert named.asked == "What of x (px)?"
    assert named.found == ["x (px) is held; posX2 and pre-posX not."]
    assert named.theory == "x (px)."
    shown = named.tables[0]
    assert (shown.title, shown.note) == ("NMI of x (px)", "x (px): place")
    assert shown.table["holds"].tolist() == ["x (px), posX2"]


def test_labels_that_swap_names_swap_them() -> None:
    assert SectionNaming(labels={"a": "b", "b": "a"}).text("a before b") == "b before a"


def test_a_name_that_sentences_use_themselves_is_left_and_said() -> None:
    section = Section("Diagnosis", "What", "asked", ["3 nats per image."], [], "none")
    named = SectionNaming(labels={"image": "Bild"}).section(section)
    assert named.found[0] == "3 nats per image."
    assert "image (Bild in figures and tables)" in named.found[1]


def test_what_both_drawings_warn_of_is_warned_of_once() -> None:
    def draw(out: Path, width: float, formats: Any) -> list[Path]:
        out.mkdir()
        for suffix, text in ((".svg", "<svg></svg>"), (".csv", "a"), (".txt", "caption")):
            (out / f"figure{suffix}").write_text(text)
        warnings.warn("The run has not finished.", IfpWarning, stacklevel=2)
        return [out / "figure.svg"]

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert [figure.name for figure in page_figures(draw, "p")] == ["figure"]
    assert [str(each.message) for each in said] == ["The run has not finished."]
