"""The page as text: whole, alone, escaped, and saying what the run says."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ifp
from ifp.analysis import read_run
from ifp.analysis.figures.captions import CAPTIONS
from ifp.analysis.report.drawn import inline
from ifp.analysis.report.of_models import of_training
from ifp.analysis.report.section import Section
from ifp.errors import IfpError, IfpWarning

from .conftest import HOSTILE, RUNS

WHERE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
BARS = ifp.dataset(
    np.array([[[255.0 * (place <= x <= place + width) for x in range(6)] for _ in range(4)] for width, place in
              WHERE * [3, 2]], dtype=np.uint8), WHERE, ["width", "place"],
)  # fmt: skip
"""Bars of two widths in two places."""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Read(HTMLParser):
    """What stands in a page: open elements, ids, links, and the text outside styles and scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("href", "src", "xlink:href"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def test_the_page_is_whole_and_needs_nothing_else(page: Path) -> None:
    read = Read(page)
    assert read.open == []
    assert [name for name, times in read.ids.items() if times > 1] == []
    assert all(link.startswith(("data:", "#")) for link in read.links)
    assert [link for link in read.links if link.startswith("#") and link[1:] not in read.ids] == []
    style = page.read_text(encoding="utf-8")
    used = set(re.findall(r"url\(#([^)]+)\)", style))
    assert used <= set(read.ids)
    assert "http" not in re.sub(r"data:[^\"]+", "", style.replace("http-equiv", ""))
    assert not {name for name in read.attributes if name.startswith("on")}


def test_it_says_what_the_runs_say(page: Path) -> None:
    text = " ".join(Read(page).text.split())
    run = read_run(page.parent / "anneal")
    for sentence in run.sentences():
        assert " ".join(sentence.replace("`", "").split()) in text
    for cell in run.texts().to_numpy().ravel():
        assert str(cell) in text
    for words in ("What was asked", "What was found", "Does it agree with the theory?", "Settings and versions",
                  "How to cite", "arXiv:2102.03986", "Annealing test", "Training", "Diagnosis"):  # fmt: skip
        assert words in text
    assert f"<dt>threshold nats</dt><dd>{run.threshold_nats:g}</dd>" in page.read_text(encoding="utf-8")
    assert Read(page).tags["figure"] >= 4
    assert "\N{HORIZONTAL ELLIPSIS}" not in text  # no sentence of ours is cut


@pytest.mark.parametrize(
    ("more", "words", "kind"),
    [
        (
            {"whole": ["cool", "heat"]},
            "1 network is trained on all images while beta falls and rises; ",
            "of a whole data",
        ),
        ({"whole": ["cool"]}, "1 network is trained on all images while beta falls; ", "of a whole data set"),
        ({"objective": "multi-rate"}, "by networks that are trained for all betas at once; ", "Multi-rate networks: "),
    ],
)
def test_an_annealing_that_was_stopped_asks_what_it_would_have(
    more: dict[str, object], words: str, kind: str, tmp_path: Path
) -> None:
    run = shutil.copytree(RUNS / "train", tmp_path / "run", ignore=shutil.ignore_patterns("checksums.json"))
    about = json.loads((run / "run.json").read_text()) | {key: more[key] for key in more if key == "whole"}
    about["config"] |= {key: more[key] for key in more if key == "objective"}
    del about["digest"]
    (run / "run.json").write_text(json.dumps(about))
    section = of_training(run)
    assert words in section.asked
    assert "step by step" not in section.asked
    assert kind in section.title
    assert ("as beta falls" in section.tables[0].title) == ("whole" in more)


def test_figures_are_those_of_plot_with_caption_and_csv(page: Path, tmp_path: Path) -> None:
    html = page.read_text(encoding="utf-8")
    paths = ifp.plot(page.parent / "anneal", out=tmp_path, width=6.5, formats="svg")
    drawn = {path.stem: path for path in paths if path.suffix == ".svg"}
    assert set(drawn) == {"ifp_distribution", "kl_trace"}
    for number, (name, path) in enumerate(drawn.items()):
        assert inline(path.read_text(encoding="utf-8"), f"r00{number}-") in html
        found = re.search(rf'download="{name}\.csv" href="data:text/csv;base64,([^"]+)"', html)
        assert found
        assert base64.b64decode(found[1]) == path.with_suffix(".csv").read_bytes()
        assert path.with_suffix(".txt").read_text().strip() in Read(page).text
        assert CAPTIONS[name][0] in html


def test_names_are_text_and_never_part_of_the_page(hostile_page: Path) -> None:
    read = Read(hostile_page)
    assert read.open == []
    assert read.tags["script"] == 1
    assert read.tags["style"] >= 1
    assert not {"b", "img"} & set(read.tags) - {"b"}
    text = " ".join(read.text.split())
    assert all(name in text for name in HOSTILE)
    assert "<b>bold</b> & more" in text
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|\b49\b", text)


def test_ids_of_drawings_differ_and_transforms_keep_their_digits() -> None:
    svg = (
        '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg width="9pt" height="9pt" viewBox="0 0 9 9" version="1.1">'
        '<metadata>x</metadata><!-- name --><g id="b"/><path id="a" d="M 1.23456 2.5" transform="scale(0.015625)"/>'
        '<use xlink:href="#a"/><g id="c" clip-path="url(#c)"/></svg>'
    )
    assert inline(svg, "p-") == (
        '<svg viewBox="0 0 9 9" aria-hidden="true" focusable="false"><g/><path id="p-a" d="M 1.23 2.5" '
        'transform="scale(0.015625)"/><use href="#p-a"/><g id="p-c" clip-path="url(#p-c)"/></svg>'
    )


@pytest.mark.parametrize(
    ("runs", "out", "sentence"),
    [
        ([], None, "No run is named"),
        (["nowhere"], None, "There is no folder .*nowhere; give the folder of a run"),
        (["nowhere"], "page.html", "There is no folder .*nowhere; give the folder of a run"),
        (["empty"], "page.html", r"empty holds no run\.json"),
        ([RUNS / "anneal"], "empty", "`out` must name a file, got the folder"),
        ([RUNS / "anneal"], "table.csv", r"table\.csv', which is there and no page of HTML"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_page_is_left(
    runs: list[str | Path], out: str | None, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "table.csv")
    with pytest.raises(IfpError, match=sentence):
        ifp.report([tmp_path / run for run in runs], out=None if out is None else tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "table.csv"]


def test_all_runs_are_looked_for_before_the_first_is_drawn(tmp_path: Path) -> None:
    steps: list[str] = []
    with pytest.raises(IfpError, match=r"no folder .*nowhere"):
        ifp.report(
            RUNS / "anneal", tmp_path / "nowhere", out=tmp_path / "a.html", progress=lambda text, *_: steps.append(text)
        )
    assert not steps


def test_a_run_given_twice_stands_there_once_with_a_word(tmp_path: Path) -> None:
    run = ifp.anneal(BARS, method="closed-form", out=tmp_path / "run", formats=())
    with pytest.warns(IfpWarning, match=r"run is given twice and stands on the page once"):
        page = ifp.report(tmp_path / "run", tmp_path / "." / "run", run, out=tmp_path / "a.html")
    assert Read(page).text.count("What was asked") == 1


def test_several_runs_are_told_apart_and_replace_no_run_s_own_page(tmp_path: Path) -> None:
    for name in ("short", "long"):
        ifp.anneal(BARS, method="closed-form", out=tmp_path / name, formats=())
    (tmp_path / "short" / "report.html").write_text("its own")
    page = ifp.report(tmp_path / "short", tmp_path / "long", names={1: "20,000 <steps>"})
    assert page == tmp_path / "report-of-several.html"
    assert (tmp_path / "short" / "report.html").read_text() == "its own"
    text = " ".join(Read(page).text.split())
    for name in ("short", "20,000 <steps>"):
        assert text.count(f"Information freezing points of arrays ({name})") == 2  # contents and heading
    for runs, names, words in (
        (["short"], ["x"], "A page on one run takes no names"),
        (["short", "long"], ["a", "b", "c"], "2 runs given, and 'c' names another"),
        (["short", "long"], ["a", "a"], "would both be called 'a'"),
    ):
        with pytest.raises(IfpError, match=words):
            ifp.report([tmp_path / run for run in runs], names=names)


def test_order_and_labels_are_those_of_figures_and_tables(tmp_path: Path) -> None:
    run = ifp.anneal(BARS, method="closed-form")
    page = ifp.report(run, out=tmp_path / "a.html", order=["place"], labels={"place": "where <it> is"})
    assert "where <it> is" in Read(page).text
    html = page.read_text(encoding="utf-8")
    cells = re.findall(r"<t[dh][^>]*>(width|where &lt;it&gt; is)</t[dh]>", html)
    assert cells[:2] == ["where &lt;it&gt; is", "width"]
    for wrong, words in (({"order": ["nope"]}, "Unknown factor 'nope'"), ({"labels": {"nope": "x"}}, "Unknown factor"),
                         ({"title": ""}, "title must be a text, got ''")):  # fmt: skip
        with pytest.raises(IfpError, match=words):
            ifp.report(run, out=tmp_path / "b.html", **wrong)
    assert not (tmp_path / "b.html").exists()


def test_a_run_that_has_not_finished_is_said_to_be_so() -> None:
    section = Section("Training", "Title", "asked", ["found"], [], "")
    for status in ("running", "stopped"):
        first, *others = section.of_run({"status": status}, Path("run")).found
        assert first.startswith(f"The run has not finished (status {status})")
        assert others == ["found"]
    for about in ({"status": "finished"}, {"status": ["running"]}, {}):
        assert list(section.of_run(about, Path("run")).found) == ["found"]
