"""What every training does around its work: where its folder lies by default, and how the folder is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ifp.datasets.catalog import short_name
from ifp.errors import IfpError
from ifp.system.progress import Say
from ifp.system.resumable import RUN_FILE
from ifp.training.config import TrainConfig
from ifp.training.event_log import Draw, TrainingLog
from ifp.training.folder import TrainFolder


def default_folder(config: TrainConfig) -> Path:
    """runs/train-NAME-OBJECTIVE-DIGEST, after the data set and the settings."""
    return Path("runs") / f"train-{short_name(config.dataset)}-{config.objective}-{config.digest()[:6]}"


@contextmanager
def logging(folder: TrainFolder, log: str | None, draw: Draw | None = None) -> Iterator[None]:
    """Within the block records of the run are logged as event files, where `log` says so; see `TrainingLog`."""
    if log is None:
        yield
        return
    events = TrainingLog(folder, log, draw)
    events.catch_up()
    folder.logged = events.write
    try:
        yield
    finally:
        folder.logged = None
        events.close()


@contextmanager
def left_in_order(
    folder: TrainFolder, say: Say, *, place: Path | None = None, temporary: bool = False
) -> Iterator[None]:
    """At the end of the block the folder says that the run is finished, or, where it was interrupted, stopped.

    Parameters
    ----------
    place : the folder that the user knows, where the run's is a part of it.
    temporary : whether the folder is deleted with the result, so that nobody can go on from it.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, IfpError) and not temporary and (folder.path / RUN_FILE).is_file():
            folder.close("stopped")
            say(f"Stopped; what is recorded is in {place or folder.path}, and the same command goes on from there.")
        raise
    folder.close("finished")


@contextmanager
def goes_on(folder: Path | None, say: Say) -> Iterator[None]:
    """A stop within the block, in which no network trains, is said to keep the run that is in the folder, if any is."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, IfpError) and folder is not None and (folder / RUN_FILE).is_file():
            say(f"Stopped; what is trained is in {folder}, and the same command goes on from there.")
        raise
