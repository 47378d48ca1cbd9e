"""A run's folder is taken up by the same run and refused to any other, in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ifp.errors import IfpError
from ifp.system.files import write_json
from ifp.system.resumable import ResumableFolder, about_settings
from ifp.system.settings import settings_digest


class Config:
    """The settings of a run that has only a number of steps."""

    likelihood, sigma = "gaussian", 0.5

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def to_json(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def digest(self) -> str:
        return settings_digest(self.to_json())


class Walk(ResumableFolder):
    """A run of another kind than those of the package."""

    kind, format = "a walk", "ifp-walk"

    def __init__(self, path: Path, steps: int = 3, checksum: str = "ab") -> None:
        self.taken_over = False
        about = about_settings(Config(steps), {"name": "toys", "checksum": checksum}) | {"status": "running"}
        super().__init__(path, about)

    def _take_over(self, stored: dict[str, Any]) -> None:
        super()._take_over(stored)
        self.taken_over = True


def test_the_same_run_goes_on_with_its_folder(tmp_path: Path) -> None:
    first = Walk(tmp_path / "run")
    assert not (tmp_path / "run").exists()  # nothing is written before `open`
    first.open()
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    write_json(tmp_path / "run" / "run.json", {**stored, "created": "long ago"})
    second = Walk(tmp_path / "run")
    assert second.taken_over
    assert not first.taken_over
    second.close("finished")
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (stored["created"], stored["status"], stored["sigma"]) == ("long ago", "finished", 0.5)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert not Walk(tmp_path).taken_over


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(IfpError, match=r"`out` must name a folder"):
        Walk(tmp_path / "run")


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(IfpError, match=r"is not empty and holds no run\.json; choose a new folder as `out`"):
        Walk(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "ifp-train"}, "holds something else than a walk"),
        ({"config": None}, "holds something else than a walk"),
        ({"ifp_version": "0.0.1"}, r"holds a run of ifp 0\.0\.1, this is ifp"),
        (
            {"digest": settings_digest({"steps": 9}), "config": {"steps": 9}},
            r"holds another run \(steps 9 there, 3 now\)",
        ),
        ({"dataset": {"name": "toys", "checksum": "cd"}}, "holds a run on other images of that name"),
    ],
)
def test_another_run_is_refused_with_the_difference(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    Walk(tmp_path).open()
    path = tmp_path / "run.json"
    write_json(path, json.loads(path.read_text()) | change)
    before = path.read_bytes()
    with pytest.raises(IfpError, match=rf"{words}.*; choose a new folder as `out`") as caught:
        Walk(tmp_path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_what_a_killed_process_left_half_written_goes_when_the_run_ends(tmp_path: Path) -> None:
    """Also where that was the last file, so that nothing is left to compute and the folder is not opened again."""
    Walk(tmp_path / "run").open()
    left = tmp_path / "run" / f".records.{2**22 + 1}-1.partial.csv"  # above the largest number of a process
    left.write_text("half")
    Walk(tmp_path / "run").close("finished")
    assert not left.exists()
