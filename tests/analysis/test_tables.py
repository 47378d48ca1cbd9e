"""Tables from strangers and for spreadsheets: nothing is a formula, and any file gives a table or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ifp.analysis.tables import read_csv, write_csv
from ifp.errors import IfpError

NAMES = ["=cmd()", "+x", "-x", "@sum", "'=a", "'tis", "posX", "a,b", 'a"b', "NA", "nan", "1e5", "True"]


def test_texts_that_begin_a_formula_are_quoted_and_read_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": NAMES, "=head": np.linspace(-1, 1, len(NAMES))})
    write_csv(table, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "name,'=head"
    assert [line[:3] for line in lines[1:6]] == ["'=c", "'+x", "'-x", "'@s", "''="]
    assert lines[1].endswith(",-1.0")
    pd.testing.assert_frame_equal(read_csv(tmp_path / "a.csv", "", texts=["name"]), table)


def test_numbers_with_their_sign_and_lone_dashes_are_written_as_they_are(tmp_path: Path) -> None:
    names = ["-", "-1", "-0.25", "+1e-3", "-.5", "--", "-inf", "-1+1", "-1e", "'-", "-\u0661", "-5"]
    write_csv(pd.DataFrame({"name": names}), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [line == name for line, name in zip(lines, names, strict=True)] == [
        True, True, True, True, True, False, False, False, False, False, False, True,
    ]  # fmt: skip
    assert read_csv(tmp_path / "a.csv", "", texts=["name"])["name"].tolist() == names


def test_texts_show_their_escapes(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"name": ["\x1b[2J", "\t=1", "\r=1", "a\nb", "\u202e", "\ud800"]}), tmp_path / "a.csv")
    written = (tmp_path / "a.csv").read_bytes()
    assert written.decode().splitlines() == ["name", r"\x1b[2J", r"\t=1", r"\r=1", r"a\nb", r"\u202e", r"\ud800"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "No columns"),
        (b"beta\nx\n", "must hold numbers alone"),
        (b"beta\ninf\n", "must not be infinite"),
        (b"beta\n-1e999\n", "must not be infinite"),
        (b"beta\nTrue\n", "must hold numbers alone"),
        (b"step\n1\n", "lacks the column 'beta'"),
        (b"beta\n", "has no rows"),
        (b"beta\n1e301\n", "at most 1e\\+300"),
        (b"beta\n1,2\n", "cannot be read"),
        (b"beta\n1\n1,2,3\n", "cannot be read"),
        (b"beta,name\n1,\x1b[2J\n", "does not print"),
        (b"beta\n\xff\xfe\n", "cannot be read"),
        (b'beta\n"1\n', "cannot be read"),
        (b"," * 2**14, "more than 16,384 columns"),
        (b"a" + b"\n," * (2**21 + 1), "more than 4,194,304 cells"),
    ],
)
def test_a_damaged_table_is_one_sentence(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(IfpError, match=reason) as raised:
        read_csv(tmp_path / "a.csv", "measure again", {"beta": "number"})
    assert "a.csv" in str(raised.value)
    assert "measure again" in str(raised.value)


def test_empty_cells_are_nan(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("beta,name\n1.5,a\n,\n")
    table = read_csv(tmp_path / "a.csv", "", {"beta": "number", "name": "text"})
    assert table["beta"].isna().tolist() == table["name"].isna().tolist() == [False, True]


def test_a_full_disk_is_one_sentence_and_leaves_the_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    from ifp.analysis.figures.plot_page import save_figure

    table, path = pd.DataFrame({"x": [1]}), tmp_path / "a.csv"
    write_csv(table, path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(IfpError, match=r"a.csv cannot be written \(No space left on device\); make room"):
        write_csv(pd.DataFrame({"x": [2]}), path)
    figure = Figure(figsize=(1, 1))
    with pytest.raises(IfpError, match=r"figure.csv cannot be written \(No space left on device\); make room"):
        save_figure(figure, tmp_path / "figure", table, formats=["png"])

    def broken(*_: object, **__: object) -> None:
        raise OSError("encoder error -2 when writing image file")  # as PIL has it, without a number

    monkeypatch.setattr(Figure, "savefig", broken)
    with pytest.raises(IfpError, match=r"figure.pdf cannot be written \(the disk may be full\)"):
        save_figure(figure, tmp_path / "figure", table, formats=["pdf"])
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "x\n1\n"
