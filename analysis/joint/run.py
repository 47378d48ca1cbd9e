"""Train and measure: a whole data set cooled, heated, measured, and its tables written.

OUT is the folder of the cooling run, OUT/heat that of the heating run, which begins with the cooled networks. Both can
be taken up again at any moment. Measuring takes long too: the same codes are not measured twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.joint.measured import measure_study
from ifp.analysis.joint.prepared import COOL, HEAT, JointStudy, finished_seeds
from ifp.analysis.training.run_in_folder import goes_on, left_in_order
from ifp.errors import IfpError
from ifp.formats import FINISHED
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.sole_worker import sole_worker
from ifp.system.workers import Workers
from ifp.training.codes_folder import CodesFolder
from ifp.training.outcome import Outcome
from ifp.training.run import train


def run_study(
    study: JointStudy, progress: Progress = silent, say: Say = unsaid, workers: Workers | None = None
) -> dict[str, Outcome]:
    """Cool, heat, measure and write; how each direction's training ended.

    `workers` of a cluster train; None for this process.

    Raises
    ------
    IfpError : no network finished, not enough memory, files that cannot be written, codes that are missing, or another
        process at work in the folder.
    """
    with sole_worker(study.path):
        return _run_study(study, progress, say, workers)


def _run_study(study: JointStudy, progress: Progress, say: Say, workers: Workers | None) -> dict[str, Outcome]:
    outcomes = {COOL: _train(study, COOL, progress, say, workers)}
    seeds = finished_seeds(study.folders[COOL])
    if not seeds:
        raise IfpError("No network finished, so there is nothing to measure; try a smaller `learning_rate`.")
    if HEAT in study.folders:
        outcomes[HEAT] = _train(study, HEAT, progress, say, workers)
    with goes_on(study.path, say):
        measure_study(study, seeds, progress)
    return outcomes


def _train(study: JointStudy, direction: str, progress: Progress, say: Say, workers: Workers | None) -> Outcome:
    setup, folder = study.setups[direction], study.folders[direction]
    law = setup.config.options
    rises = "Heating" if direction == HEAT else "Cooling"
    say(
        f"{rises} the whole of {setup.config.dataset}, {setup.config.likelihood} likelihood, beta {law['law']}"
        + (f" from {law['beta_start']:g} to {law['beta_end']:g}" if "beta_start" in law else "")
        + f", into {folder.path}"
    )
    cooled = study.folders[COOL]

    def begin(seed: int) -> Any:
        state = cooled.state(seed)
        assert state is not None  # it is finished
        return replace(state, step=0)

    with left_in_order(folder, say, place=study.path):
        if direction == HEAT:
            _leave_out(folder, [seed for seed in range(setup.config.seeds) if cooled.status(seed) != FINISHED])
        return train(
            setup, folder, nmi=histogram_nmi if direction == COOL else None,
            initial=begin if direction == HEAT else None, workers=workers, progress=progress, say=say,
        )  # fmt: skip


def _leave_out(folder: CodesFolder, seeds: Sequence[int]) -> None:
    """Networks that diverged while cooling cannot be heated."""
    if seeds:
        folder.open()
    for seed in seeds:
        folder.set_diverged(seed)
