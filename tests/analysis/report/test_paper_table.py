"""Tables for a paper: LaTeX that compiles, Markdown, csv, and names that break none of them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import ifp
from ifp.analysis import read_run
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.report.paper_table import as_csv, as_latex, as_markdown
from ifp.analysis.report.section import value_text
from ifp.cli import main
from ifp.errors import IfpError

from .conftest import RUNS

SHOWN = ShownTable(
    "Points of a_b & 5 %", pd.DataFrame({"factor": ["x|y_$", "=1+1"], "beta": [12.3456, np.nan], "n": ["<20", "-"]}),
    "in nats", ("factor",),
)  # fmt: skip


def test_latex_has_the_rules_of_booktabs_and_escapes_names() -> None:
    lines = [line.strip() for line in as_latex(SHOWN).splitlines()]
    assert lines[2] == r"\caption{Points of a\_b \& 5 \%. in nats.}"
    assert lines[3:7] == [r"\begin{tabular}{lrr}", r"\toprule", r"factor & beta & n \\", r"\midrule"]
    assert lines[7:10] == [r"x\textbar{}y\_\$ & 12.3 & $<$20 \\", r"=1+1 & -- & -- \\", r"\bottomrule"]


def test_markdown_and_csv_escape_names() -> None:
    assert as_markdown(SHOWN).splitlines()[2:] == [
        "| factor | beta | n |", "| :--- | ---: | ---: |", r"| x\|y\_\$ | 12.3 | \<20 |", "| =1+1 | - | - |",
    ]  # fmt: skip
    rows = list(csv.reader(io.StringIO(as_csv(SHOWN))))
    assert rows == [["factor", "beta", "n"], ["x|y_$", "12.3456", "<20"], ["'=1+1", "", "-"]]


def test_the_page_on_tables_names_the_files_that_hold_numbers_in_full() -> None:
    """docs/report.md names the file, and says that the table is rounded."""
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text()
    assert "A csv holds the cells as the report shows them, rounded" in page
    for run, names in (("anneal", ["summary"]), ("diagnosis", ["factors", "nmi", "latents"])):
        for name in names:
            assert f"`{name}.csv`" in page
            assert (RUNS / run / f"{name}.csv").is_file()


def test_csv_of_a_diagnosis_holds_numbers_in_full() -> None:
    rows = list(csv.DictReader(io.StringIO(ifp.table(RUNS / "diagnosis", format="csv"))))
    nmi = pd.read_csv(RUNS / "diagnosis" / "nmi.csv")
    nmi = nmi[nmi["estimator"] == "posterior"].set_index(["latent", "factor"])
    for row in rows:
        held = []
        for factor in ("place", "level"):
            entry = nmi.loc[(int(row["latent"]), factor)]
            excess = entry["nmi"] - entry["floor_nmi"]
            assert row[factor] in ("", "-") if not entry["above_noise"] else float(row[factor]) == pytest.approx(excess)
            held += [factor] * bool(entry["holds"])
        assert row["holds"] == "; ".join(held)
    assert any(row["holds"] for row in rows)
    blank = ShownTable("t", pd.DataFrame({"a": ["- ", "0.2 "]}))
    assert as_csv(blank).splitlines() == ["a", "-", "0.2"]


def test_reconstructions_of_two_seeds_differ_in_a_paper(tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "train", tmp_path / "run", ignore=shutil.ignore_patterns("checksums.json"))
    records = pd.read_csv(run / "records.csv")
    records = records[[name for name in records if "_nmi" not in name and not name.startswith("nmi")]]
    records["recon_nats"] = 2699.919
    records.to_csv(run / "records.csv", index=False)
    text = ifp.table(run, trust=True, format="markdown")
    assert "| 2,699.9 |" in text
    assert text.startswith("The last record of each network. reconstruction and KL in nats per image.\n")


def test_long_captions_are_whole_and_long_settings_are_cut() -> None:
    note = "This sentence is said as a whole. " * 20 + "The end"
    shown = ShownTable("Title", SHOWN.table, note)
    assert f"{note}." in as_latex(shown)
    assert as_markdown(shown).startswith(f"Title. {note}.")
    assert value_text("a" * 1000) == "a" * 300 + "\N{HORIZONTAL ELLIPSIS}"


def test_it_is_the_table_of_the_run() -> None:
    texts = read_run(RUNS / "anneal").texts()
    rows = list(csv.reader(io.StringIO(ifp.table(RUNS / "anneal", format="csv"))))
    assert rows[0] == list(texts.columns)
    assert [[cell.removeprefix("'") for cell in row] for row in rows[1:]] == texts.astype(str).to_numpy().tolist()
    for folder in ("train", "diagnosis"):
        assert r"\toprule" in ifp.table(RUNS / folder)


def test_of_a_run_that_has_not_finished_it_says_so_as_do_figures_and_suggestions(tmp_path: Path) -> None:
    shutil.copytree(RUNS / "anneal", tmp_path / "run", ignore=shutil.ignore_patterns("freezing_points.csv"))
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**about, "status": "stopped"}))
    sentence = "The run has not finished (status stopped): what is said here is of the part that is there."
    for command in (["table"], ["plot", "--kind", "strip", "--format", "svg"], ["suggest"]):
        found = CliRunner().invoke(main, [command[0], str(tmp_path / "run"), *command[1:]])
        assert found.exit_code == 0, found.output
        assert sentence in " ".join(found.stderr.split())
        if command == ["table"]:
            assert sentence in found.stdout
    assert sentence in (tmp_path / "run" / "figures" / "ifp_strip.txt").read_text()
    assert sentence not in ifp.table(RUNS / "anneal")


@pytest.mark.slow  # LaTeX starts
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex, which the table is tried in, is not installed")
def test_latex_takes_the_table(tmp_path: Path) -> None:
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + as_latex(SHOWN) + r"\end{document}"
    (tmp_path / "a.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--format", "html"], "Unknown table format 'html': allowed are latex, markdown, csv"),
        (["{run}", "--number", "9"], "There is no table 9 of this run; there are: 1 "),
        (["{run}", "--number", "0"], "number must be a whole number of at least 1"),
        (["{nowhere}"], "There is no folder"),
        (["{empty}"], "holds no run.json"),
        (["{run}", "--out", "{empty}"], "--out must name a file, got the folder"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"run": RUNS / "anneal", "nowhere": tmp_path / "nowhere", "empty": tmp_path / "empty"}
    found = CliRunner().invoke(main, ["table", *(argument.format(**places) for argument in arguments)])
    assert found.exit_code == 2, found.output
    assert message in found.output
    assert found.output.count("\n") == 1


def test_it_is_written_into_a_file(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["table", str(RUNS / "anneal"), "--out", str(tmp_path / "a.tex")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "a.tex").read_text() == f"{ifp.table(RUNS / 'anneal')}\n"
    (tmp_path / "script.py").write_text("mine")
    refused = CliRunner().invoke(main, ["table", str(RUNS / "anneal"), "--out", str(tmp_path / "script.py")])
    assert refused.exit_code == 2
    assert "script.py', which is there and no table; choose a name ending in .tex" in refused.output
    assert (tmp_path / "script.py").read_text() == "mine"
    with pytest.raises(IfpError, match="Unknown table format"):
        ifp.table(RUNS / "anneal", format="")


def test_a_csv_of_an_unfinished_run_says_so_in_each_row() -> None:
    shown = ShownTable("Points", pd.DataFrame({"factor": ["a", "b"], "beta": [2.0, 1.0]}), run_status="stopped")
    assert as_csv(shown).splitlines() == ["factor,beta,run_status", "a,2.0,stopped", "b,1.0,stopped"]
