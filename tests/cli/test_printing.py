"""Tables and sentences on stdout: within the terminal's width, and plain where there is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from io import StringIO

import pandas as pd
import pytest
from rich.cells import cell_len

from ifp.cli.printing import PIPE_WIDTH, print_line, print_table

TABLE = pd.DataFrame({"factor": ["posX", "形"], "beta": [12.3456, float("nan")], "models": [1200, 3]})
CODES = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """Makes stdout a terminal of that many columns."""

    def start(columns: int) -> Terminal:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return start


def test_a_table_has_title_headings_rows_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(TABLE, title="Points", note="beta in nats", left=["factor"], formats={"beta": ".2f"})
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == "Points"
    assert lines[1].split() == ["factor", "beta", "models"]
    assert lines[3].split() == ["posX", "12.35", "1,200"]
    assert lines[4].split() == ["形", "-", "3"]
    assert lines[5] == "  beta in nats"
    assert lines[3].index("posX") == lines[1].index("factor")  # to the left
    assert lines[3].rindex("0") == lines[1].rindex("s")  # to the right


def test_a_pipe_gets_no_codes_even_where_colour_is_forced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(TABLE, title="Points")
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_gets_bold_headings(on_terminal: Callable[[int], Terminal]) -> None:
    stream = on_terminal(80)
    print_table(TABLE)
    assert "\x1b[1m" in stream.getvalue()


def test_markup_in_a_name_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(pd.DataFrame({"factor": ["[bold]x[/bold] :smile:"]}))
    assert "[bold]x[/bold] :smile:" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 80])
def test_a_wide_table_is_broken_into_blocks_that_repeat_the_first_column(
    on_terminal: Callable[[int], Terminal], columns: int
) -> None:
    stream = on_terminal(columns)
    wide = pd.DataFrame({"factor": ["posX"], **{f"measure {i}": [float(i)] for i in range(12)}})
    print_table(wide, title="Wide")
    text = CODES.sub("", stream.getvalue())
    assert max(map(cell_len, text.splitlines())) <= columns
    blocks = text.count("factor")
    assert blocks > 1
    assert text.count("posX") == blocks
    assert all(f"measure {i}" in text for i in range(12))
    assert text.count("Wide") == 1


def test_a_pipe_takes_more_columns(capsys: pytest.CaptureFixture[str]) -> None:
    wide = pd.DataFrame({f"measure {i}": [1.0] for i in range(11)})
    print_table(wide)
    out = capsys.readouterr().out
    assert 80 < max(map(len, out.splitlines())) <= PIPE_WIDTH
    assert out.count("measure 0") == 1


def test_headings_may_stand_twice(capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame([["a", 1, 2]], columns=["", "n", "n"])
    print_table(table)
    assert capsys.readouterr().out.splitlines()[-2].split() == ["a", "1", "2"]


def test_sentences_are_broken_between_words_on_a_terminal(on_terminal: Callable[[int], Terminal]) -> None:
    stream = on_terminal(30)
    path = "/a/path-that-is-longer/than-the-terminal/run.json"
    print_line(f"Everything that was found lies in {path} for you.")
    lines = stream.getvalue().splitlines()
    assert path in lines
    assert all(len(line) <= 30 for line in lines if line != path)


def test_sentences_are_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "word " * 60
    print_line(sentence, indent=2)
    assert capsys.readouterr().out == "  " + sentence.rstrip() + "\n"
