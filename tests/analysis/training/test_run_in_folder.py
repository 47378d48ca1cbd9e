"""What is said of a stop between the trainings of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifp.analysis.training.run_in_folder import goes_on
from ifp.errors import IfpError
from ifp.system.resumable import RUN_FILE


def test_a_stop_between_trainings_says_how_to_go_on_where_there_is_a_run(tmp_path: Path) -> None:
    said: list[str] = []

    def stop(folder: Path | None, error: BaseException) -> None:
        with pytest.raises(type(error)), goes_on(folder, said.append):
            raise error

    stop(None, KeyboardInterrupt())
    stop(tmp_path, KeyboardInterrupt())
    assert said == []
    (tmp_path / RUN_FILE).write_text("{}")
    stop(tmp_path, IfpError("no"))
    assert said == []
    stop(tmp_path, KeyboardInterrupt())
    assert said == [f"Stopped; what is trained is in {tmp_path}, and the same command goes on from there."]
