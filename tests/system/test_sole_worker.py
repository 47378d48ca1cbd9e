"""Two processes do not work in one folder, and a killed one does not keep the next from it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ifp.system.out_folder import no_folder_if_refused
from ifp.system.sole_worker import FolderInUse, sole_worker

WORKER = """
import sys, time
from pathlib import Path
from typing import Any
from ifp.system.sole_worker import sole_worker
with sole_worker(Path(sys.argv[1])):
    print("at work", flush=True)
    time.sleep(60)
"""


def start_worker(folder: Path) -> subprocess.Popen[str]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "at work\n"
    return worker


def test_the_second_process_is_told_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    worker = start_worker(folder)
    try:
        with pytest.raises(FolderInUse, match=f"Another process is at work in {folder}; wait"), sole_worker(folder):
            pytest.fail("two processes at work")
        (folder / "run.json").write_text("{}")
        with pytest.raises(FolderInUse), no_folder_if_refused(folder), sole_worker(folder):
            pytest.fail("two processes at work")
        assert (folder / "run.json").is_file()
    finally:
        worker.kill()
        worker.communicate()
    with sole_worker(folder):
        assert [file.name for file in folder.iterdir()] == ["run.json"]


def test_a_refused_command_leaves_the_run_of_the_first(tmp_path: Path) -> None:
    """Both came to an empty folder; the first has written its run.json since."""

    def second() -> None:
        with no_folder_if_refused(tmp_path):
            (tmp_path / "run.json").write_text("{}")
            raise FolderInUse

    with pytest.raises(FolderInUse):
        second()
    assert (tmp_path / "run.json").is_file()


def test_the_same_work_may_write_where_it_works_and_another_thread_may_not(tmp_path: Path) -> None:
    refused: list[FolderInUse] = []

    def other() -> None:
        try:
            with sole_worker(tmp_path):
                pass
        except FolderInUse as error:
            refused.append(error)

    with sole_worker(tmp_path):
        with sole_worker(tmp_path):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert str(refused[0]).startswith(f"This process is at work in {tmp_path} already")
    other()
    assert len(refused) == 1


def test_a_forked_process_does_not_take_the_folder_of_its_parent_for_its_own(tmp_path: Path) -> None:
    with sole_worker(tmp_path):
        number = os.fork()
        if not number:
            with contextlib.suppress(FolderInUse), sole_worker(tmp_path):
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0


def test_what_was_forked_meanwhile_does_not_hold_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is forked, by a DataLoader say, shares the lock: as a copy of its descriptor does."""
    opened: list[int] = []
    real = os.open

    def noting(*given: Any, **options: Any) -> int:
        opened.append(real(*given, **options))
        return opened[-1]

    monkeypatch.setattr("ifp.system.sole_worker.os.open", noting)
    with sole_worker(tmp_path):
        copy = os.dup(opened[0])
    try:
        with sole_worker(tmp_path):
            pass
    finally:
        os.close(copy)
