"""What a run's folder lost since it was written is written anew from what the run keeps to go on with."""

from __future__ import annotations

from pathlib import Path

from ifp.formats import DIVERGED
from ifp.system.printable import printable
from ifp.system.progress import Say, unsaid
from ifp.training.folder import TrainFolder
from ifp.training.state import damage


def restore(folder: TrainFolder, say: Say = unsaid) -> None:
    """Write anew the records, run.json files and last checkpoints of networks that are done, where lost or damaged.

    An earlier checkpoint cannot be made again: the sentence says so of a damaged one, and it stays.

    Raises
    ------
    IfpError : the files cannot be written, or what the run keeps to go on with is damaged too.
    """
    done = [
        seed
        for seed in range(folder.config.seeds)
        if folder.step(seed) and (folder.status(seed) == DIVERGED or folder.step(seed) == folder.config.steps)
    ]
    again = [folder.write_checkpoint(seed) for seed in done if _lost(folder.last_checkpoint(seed))]
    if done:
        again += folder.write_records()
    for path in again:
        say(f"{path} was missing or not as it was written, and is written anew.")
    for seed in done:
        for path in sorted(folder.last_checkpoint(seed).parent.glob("step-*.pt")):
            clause = damage(path)
            if clause is not None:
                say(f"{path} {printable(clause)}, and only a new training would write it again; delete it.")


def _lost(path: Path) -> bool:
    return not path.is_file() or damage(path) is not None
