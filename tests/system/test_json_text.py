"""JSON from strangers: any text gives plain values or a ValueError, and nothing else in the project parses JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ifp.errors import IfpError
from ifp.system.files import cannot_read, read_json
from ifp.system.json_text import MAX_DEPTH, load_json, parse_json

ROOT = Path(__file__).parents[2]
READERS = {
    r"json\.loads?\(": {"ifp/system/json_text.py", "ifp/datasets/download.py", "ifp/training/folder.py",
                        "ifp/system/settings.py"},
    r"np\.load\(|numpy\.load\(": {"ifp/datasets/smallnorb.py"},
    r"\bread_csv\(io|pd\.read_|loadtxt|genfromtxt": {"analysis/tables.py"},
    r"torch\.load\(": {"ifp/training/state.py", "ifp/checkpoints/files/contents.py"},
    r"pickle\.loads?\(|yaml\.|marshal|shelve|(?<![.\w])(eval|exec)\(": {
        "ifp/system/cluster_task.py", "ifp/system/processes.py", "ifp/system/process_child.py",
    },
}  # fmt: skip
"""What reads a file or a text, and the files that may call it: they check first, or read what this very run wrote."""


@pytest.mark.parametrize("call", READERS)
def test_everything_is_read_through_one_reader(call: str) -> None:
    calls = {
        path.relative_to(ROOT).as_posix()
        for folder in ("ifp", "analysis", "cli")
        for path in (ROOT / folder).rglob("*.py")
        if any(
            re.search(call, line.partition("#")[0].replace("`", "'"))
            for line in re.sub(r'""".*?"""|".*?"', "", path.read_text(), flags=re.DOTALL).splitlines()
        )
    }
    assert calls == READERS[call]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper than 64 levels"),
        (b"[" * 100_000, "nested deeper than 64 levels"),
        (r'{"a": "\ud800"}', "a surrogate"),
        (r'{"\udfff": 1}', "a surrogate"),
        ("[" + "," * 2**23 + "]", "more than 8,388,608 values"),
        ("1" * 5000, "digits"),
        ("{", "Expecting"),
        (b"\xff", "decode"),
    ],
)
def test_a_text_that_is_not_taken_is_a_value_error(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_pairs_of_surrogates_and_the_deepest_level_are_taken() -> None:
    assert parse_json(r'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert str(parse_json(deepest)) == deepest


def test_a_file_is_no_larger_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]   ")
    assert load_json(tmp_path / "a.json", 6) == [1]
    with pytest.raises(ValueError, match="larger than"):
        load_json(tmp_path / "a.json", 5)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so that taking the right away does nothing
    with pytest.raises(IfpError, match=r"run.json may not be read \(Permission denied\); ask its owner"):
        read_json(path, "delete it")
    assert (
        str(cannot_read(path, ValueError("cut short"), "delete it")) == f"{path} cannot be read (cut short); delete it."
    )
