"""Groups of latents that learn one after the other: those that no stage trains, and those that stayed empty.

Group s learns in stage s (`Objective.groups`). Where all latents are one group there is nothing to find.

Shapes: D latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.objectives.base import Objective
from ifp.training.records import TrainRecord

LEAST_NATS = 0.1
"""KL from which a latent counts as in use, as in the annealing test."""


def idle_latents(objective: Objective, latents: int, total_steps: int) -> list[int]:
    """The latents whose group no stage trains: they give the prior to the end."""
    groups = objective.groups(latents)
    if groups == 1:
        return []
    trained = objective.stage(total_steps - 1, total_steps) + 1
    return list(range(trained * (latents // groups), latents))


def empty_stages(records: Sequence[TrainRecord], groups: int, total_steps: int) -> list[int]:
    """The stages that ended without a latent of their own group in use, of one network's records.

    A stage has ended where a later one, or the last step, has been recorded; its last record decides. Of a stage
    without a record nothing is said.
    """
    if groups == 1 or not records:
        return []
    last_of = {record.stage: record for record in records}
    if records[-1].step < total_steps:
        del last_of[records[-1].stage]
    return [stage for stage, record in last_of.items() if not (_own_nats_D(record, groups) >= LEAST_NATS).any()]


def _own_nats_D(record: TrainRecord, groups: int) -> np.ndarray:
    size = len(record.kl_nats) // groups
    return record.kl_nats[record.stage * size : (record.stage + 1) * size]


def emptied_latents(before: TrainRecord, now: TrainRecord) -> list[int]:
    """The latents that held at least 0.1 nat at the record before and hold less now."""
    return np.flatnonzero((before.kl_nats >= LEAST_NATS) & (now.kl_nats < LEAST_NATS)).tolist()


def emptied_warning(seed: int, latents: Sequence[int], before: TrainRecord, now: TrainRecord) -> str:
    """What to say of latents that emptied under an objective to which an empty latent costs nothing."""
    return (
        f"Seed {seed}: {_latents(latents)} emptied between steps {before.step:,} and {now.step:,}; "
        f"{now.active_latents} of {len(now.kl_nats)} hold {LEAST_NATS:g} nat or more. A latent that the decoder "
        "ignores costs nothing under this objective: a smaller gamma, a later delay or a lower beta keeps more of them."
    )


def idle_warning(idle: Sequence[int], latents: int) -> str:
    """What to say of idle latents, before the training.

    >>> print(idle_warning([8, 9], 10))
    Latents 8, 9 will never learn: the groups of all stages hold 8 of 10; use 8 latents, larger groups or more stages.
    """
    used = latents - len(idle)
    return (
        f"{_latents(idle).capitalize()} will never learn: the groups of all stages hold {used} of {latents}; use "
        f"{used} latents, larger groups or more stages."
    )


def empty_warning(stage: int, seeds: Sequence[int], records: Sequence[TrainRecord], groups: int) -> str:
    """What to say of a stage that left its group empty; `records` are those of the first of the `seeds`."""
    last = [record for record in records if record.stage == stage][-1]
    size = len(last.kl_nats) // groups
    whose = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    return (
        f"Stage {stage} of {whose} left its group empty: at step {last.step:,}, beta {last.beta:g}, less than "
        f"{LEAST_NATS:g} nat in {_latents(range(stage * size, (stage + 1) * size))}. Its pressure is too high or the "
        "stage too short; `ifp anneal --whole` measures the pressures of joint training."
    )


def _latents(numbers: Sequence[int]) -> str:
    return f"latent{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
