"""Names from strangers' files: nothing of them moves a terminal's cursor, makes a formula, or leaves the folder."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ifp.cli import main
from ifp.cli.output import echo, keep_streams_open
from ifp.cli.printing import print_line, print_table
from ifp.cli.progress import LineReporter, progress

ROOT = Path(__file__).parents[2]
NAMES = ["[/]", "=1+1", "../../up", "$x^2_$"]
"""Names that are taken: markup, a formula of a spreadsheet, a path and a formula of a figure."""


def write_data(path: Path, names: list[str]) -> Path:
    """Four factors of two values, each of which lights its own pixel."""
    factors = np.stack(np.meshgrid(*[range(2)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    images = np.zeros((16, 4, 4), dtype=np.uint8)
    images[:, np.arange(4), np.arange(4)] = 255 * factors
    np.savez(path, images=images, factors=factors, factor_names=np.array(names))
    return path


def ifp(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def controls(text: str) -> list[str]:
    return re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("name", ["\x1b[2J", "\x07", "a\u202eb", "a\nb", "\x9b2J", "a" * 201])
def test_names_of_control_characters_are_refused_with_their_escapes_shown(name: str, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data.npz", [name, "b", "c", "d"])
    for command in (("data", "describe", f"npz:{data}"), ("anneal", "--dry-run", "--dataset", f"npz:{data}")):
        found = ifp(*command)
        assert found.exit_code == 2, found.output
        assert not controls(found.output)
        assert found.output.count("\n") == 1
        assert "factor_names" in found.output


def test_half_letters_and_numbers_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    for letter in (0xD800, 0x110000, 0xFFFFFFFF):
        names = np.array([[letter], [98], [99], [100]], dtype="<u4").view("<U1")[:, 0]
        data = write_data(tmp_path / "data.npz", ["a", "b", "c", "d"])
        with np.load(data) as held:
            np.savez(data, images=held["images"], factors=held["factors"], factor_names=names)
        found = ifp("data", "describe", f"npz:{data}")
        assert found.exit_code == 2, found.output
        assert "holds a text that is none" in found.output


def test_names_that_look_like_something_else_are_names(tmp_path: Path) -> None:
    data, run = write_data(tmp_path / "data.npz", NAMES), tmp_path / "in" / "run"
    assert all(name in ifp("data", "describe", f"npz:{data}").output for name in NAMES)
    annealed = ifp("anneal", "--dataset", f"npz:{data}", "--method", "closed-form", "--contexts", 2, "--out", run)
    assert annealed.exit_code in (0, 1), annealed.output
    drawn = ifp("plot", run, "--format", "png", "--out", tmp_path / "drawn")
    assert drawn.exit_code == 0, drawn.output
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "in", "drawn"}
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["run"]
    for path in [*run.rglob("*.csv"), *(tmp_path / "drawn").rglob("*.csv")]:
        cells = [cell for row in csv.reader(io.StringIO(path.read_text())) for cell in row]
        assert not [cell for cell in cells if re.match("[=+@\t\r]|-[^0-9.]", cell)], path
    with (run / "summary.csv").open(newline="") as file:
        assert "'=1+1" in {cell for row in csv.reader(file) for cell in row}
    assert json.loads((run / "run.json").read_text())["dataset"]["factor_names"] == NAMES


def test_codes_with_such_names_are_diagnosed(tmp_path: Path, rng: np.random.Generator) -> None:
    factors = np.stack(np.meshgrid(*[range(2)] * 4, indexing="ij"), axis=-1).reshape(-1, 4).repeat(8, axis=0)
    mean = factors[:, :2] + 0.1 * rng.normal(size=(128, 2))
    np.savez(tmp_path / "codes.npz", mean=mean, logvar=np.full(mean.shape, -4.0), factors=factors,
             factor_names=np.array(NAMES))  # fmt: skip
    counts = ("--permutations", 20, "--bootstraps", 20, "--format", "png")
    found = ifp("diagnose", "--codes", tmp_path / "codes.npz", *counts, "--out", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert "[/]" in found.output
    assert "=1+1" in found.output


def test_everything_that_is_printed_shows_its_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    name = "a\x1b[2J[/]\u202e\ud800"
    echo(name)
    echo(name, err=True)
    print_line(name)
    print_table(pd.DataFrame({name: [name]}), title=name, note=name)
    stream = io.StringIO()
    LineReporter(2, name, stream).say()
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, stream.getvalue()):
        assert not controls(text)
        assert r"a\x1b[2J[/]\u202e\ud800" in text.replace("\n", "").replace(" ", "")


def test_streams_of_ascii_get_escapes_for_what_they_cannot_take(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict") for name in ("stdout", "stderr")}
    with pytest.raises(UnicodeEncodeError):
        streams["stdout"].write("größe")
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    keep_streams_open()
    echo("größe β")
    echo("größe β", err=True)
    print_line("größe β")
    print_table(pd.DataFrame({"größe": ["β"]}), title="größe β")
    with progress(3, "größe β") as reporter:
        reporter.update(3)
    for stream in streams.values():
        stream.flush()
        assert r"gr\xf6\xdfe \u03b2" in stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]


def test_nothing_prints_by_itself() -> None:
    """All commands print through the helpers that show escapes."""
    for path in (ROOT / "cli").rglob("*.py"):
        calls = re.findall(
            r"click\.s?echo|(?<!>>> )\bprint\(|stdout\.write|console\.print|stream\.write", path.read_text()
        )
        allowed = {"output.py": ["click.echo"], "printing.py": ["console.print"] * 3, "progress.py": ["stream.write"]}
        assert calls == allowed.get(path.name, []), path
    for folder in ("ifp", "analysis"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.findall(r"^ *(?:print\(|sys\.std)", path.read_text(), re.MULTILINE), path


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_or_missing_stderr_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(stream: Full | None, call: Callable[[], None]) -> None:
        monkeypatch.setattr("sys.stderr", stream)
        call()
        if sys.stderr is not None:
            sys.stderr.close()

    def report() -> None:
        with progress(3, "Fitting") as reporter:
            reporter.update(3)

    def say() -> None:
        for text, err in (("lost", True), ("lost too", True), ("found", False)):
            echo(text, err=err)

    lose(Full(), say)
    lose(Full(), report)
    lose(None, report)
    lose(None, lambda: echo("lost", err=True))
    lose(None, keep_streams_open)
    assert capsys.readouterr().out == "found\n"
    with pytest.raises(OSError, match="No space left"):
        echo("results are not lost in silence", file=Full())
