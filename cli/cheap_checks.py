"""What can be told of a command's inputs in a second, before torch is loaded or an image is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ifp.checkpoints.folders.locate import locate
from ifp.datasets.catalog import DATASETS, check_available
from ifp.errors import IfpError


def no_dataset(paths: Sequence[Path] = ()) -> IfpError:
    """The error of a command without --dataset, which says so where one of `paths` is the name of a data set."""
    mistaken = next((str(path) for path in paths if str(path) in DATASETS and not path.exists()), None)
    if mistaken is not None:
        return IfpError(f"{mistaken!r} is a data set and no file here; give '--dataset {mistaken}' beside the models.")
    return IfpError("No data set is named; add --dataset NAME (`ifp data list` shows the names).")


def check_inputs(
    paths: Sequence[Path], dataset: str | None, *, data_dir: Path | None = None, background: Path | None = None
) -> None:
    """Every path leads to a checkpoint or a run, and the data's files are there.

    Raises
    ------
    IfpError : what `ifp.checkpoints.folders.locate.locate` or `ifp.datasets.catalog.check_available` says.
    """
    for path in paths:
        locate(path)
    if dataset is not None:
        check_available(dataset, data_dir=data_dir, background=background)
