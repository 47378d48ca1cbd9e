"""What is edited after a run is not believed: the digest of its settings, and the checksums of its files."""

from __future__ import annotations

import contextvars
import json
from pathlib import Path

import pytest

from ifp.annealing.config import AnnealConfig
from ifp.errors import IfpError
from ifp.system.checksums import FILE_NAME, check_digest, check_unchanged, seal, trusting, unseal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three sealed files, and one of another kind."""
    for name in ("run.json", "trace.npz", "table.csv", "notes.txt"):
        (tmp_path / name).write_text(name)
    seal(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["run.json", "trace.npz", "table.csv"])
def test_a_changed_file_is_told_from_the_one_that_was_written(folder: Path, name: str) -> None:
    check_unchanged(folder / name)
    (folder / name).write_text(name.upper())
    with pytest.raises(IfpError, match=f"{name} is not as it was written"):
        check_unchanged(folder / name)
    with trusting(True), trusting(False):  # an inner call does not take the trust away
        check_unchanged(folder / name)
    with pytest.raises(IfpError):
        check_unchanged(folder / name)


def test_without_checksums_files_are_read_as_before(folder: Path) -> None:
    (folder / "notes.txt").write_text("changed")
    check_unchanged(folder / "notes.txt")
    (folder / "table.csv").write_text("changed")
    unseal(folder)
    unseal(folder)
    check_unchanged(folder / "table.csv")


@pytest.mark.parametrize("text", ["", "[]", '{"sha256": 3}', "[" * 100_000, "\x00", " " * 2**21])
def test_damaged_checksums_are_one_sentence(folder: Path, text: str) -> None:
    (folder / FILE_NAME).write_text(text)
    with pytest.raises(IfpError, match=r"checksums.json cannot be read"):
        check_unchanged(folder / "run.json")


@pytest.mark.parametrize("settings", [{}, {"precision": "bfloat16"}, {"exact_floor": 0.5}, {"seed": 7}])
def test_settings_are_compared_with_their_digest(settings: dict[str, object], tmp_path: Path) -> None:
    config = AnnealConfig.from_json({"dataset": "toys", **settings})
    run = json.loads(json.dumps({"config": config.to_json(), "digest": config.digest()}))
    check_digest(run, tmp_path)
    run["config"]["threshold_nats"] = 0.9
    with pytest.raises(IfpError, match="were changed after the run"):
        check_digest(run, tmp_path)
    with trusting(True):
        check_digest(run, tmp_path)


def test_a_run_of_before_a_setting_keeps_its_digest(tmp_path: Path) -> None:
    config = AnnealConfig.from_json({"dataset": "toys"})
    earlier = {name: value for name, value in config.to_json().items() if name not in ("exact_floor", "precision")}
    check_digest({"config": earlier, "digest": config.digest()}, tmp_path)
    with pytest.raises(IfpError):
        check_digest({"config": {**earlier, "precision": "tf32"}, "digest": config.digest()}, tmp_path)


def test_a_block_that_is_collected_in_another_context_is_quiet() -> None:
    block = trusting(True)
    contextvars.copy_context().run(block.__enter__)
    block.gen.close()  # type: ignore[attr-defined]  # as the collection of garbage does
