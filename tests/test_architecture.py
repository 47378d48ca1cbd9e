"""docs/architecture.md: every file and room that it names exists, and no room is left out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def rows(folder: str) -> list[tuple[Path, list[str]]]:
    """Room and the files named in its row, of the table whose head is `folder`."""
    table = PAGE.split(f"| `{folder}/` | what is in it")[1].split("\n\n")[0]
    cells = [line.split("|")[1:-1] for line in table.splitlines()[2:]]
    return [(ROOT / folder / name.strip(" `"), re.findall(r"`([\w/]+\.py)`", start)) for name, _, start in cells]


def test_every_file_that_is_named_by_its_path_exists() -> None:
    named = re.findall(r"`((?:ifp|analysis|cli|tests)/[\w/]+\.py)`", PAGE)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_room_has_a_row_and_its_files_are_there() -> None:
    for folder in ("ifp", "analysis"):
        table = rows(folder)
        assert {room.name for room, _ in table} == {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
        assert [file for room, files in table for file in files if not (room / file).exists()] == []
