"""Opens the data set of a command: progress where reading takes time, and one line on what was done to a user's own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ifp.cli.progress import StageProgress
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import load_dataset


def open_dataset(
    name: str,
    *,
    data_dir: Path | None = None,
    background: Path | str | None = None,
    quiet: bool = False,
    stages: StageProgress | None = None,
) -> FactorDataset:
    """`load_dataset`, with progress on stderr while images are read; what was done to arrays is said there too.

    `stages` is the command's progress where it has one already; otherwise one is made, silent if `quiet`.

    Raises
    ------
    IfpError : see `load_dataset`.
    """
    with ExitStack() as stack:
        if stages is None:
            stages = stack.enter_context(StageProgress(quiet=quiet))
        said = stages
        dataset = load_dataset(
            name,
            data_dir=data_dir,
            background=Path(background) if background else None,
            progress=said.update,
        )
        if dataset.done:
            said.say(f"{name}: {'; '.join(dataset.done)}.")
    return dataset
