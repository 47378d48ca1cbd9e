"""The published settings of DEFT by data set.

References
----------
grid_search/baseline.py and examples/deft.py of the author's code (erow/disentanglement_lib at c318d89, 0dd2bff and
03521f1); all with 10 latents. The paper's own table was not at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ifp.errors import IfpError


@dataclass(frozen=True)
class Published:
    """Published settings for one data set: pressures, latents per group, steps per stage and steps of the training.

    Where `stage_steps` is None, a stage ends when beta has fallen to its pressure.
    """

    betas: tuple[float, ...]
    group_size: int = 2
    stage_steps: int | None = 15_000
    total_steps: int = 70_000


_SPRITES = Published((70, 30, 12, 1))
PRESSURES: dict[str, Published] = {
    "dsprites": _SPRITES,
    "sprites": _SPRITES,
    "sprites-color": Published((160, 105, 30, 1)),
    "sprites-scream": Published((100, 1), group_size=5, stage_steps=20_000),
    "sprites-noshape": Published((70, 30, 15, 1), stage_steps=None, total_steps=200_000),
    "smallnorb": Published((30, 5, 3, 1)),
}
"""Published settings by the name of the data set, which also determines the size and the channels of its images."""
_REMEDY = "give your own pressures as `betas=...`, or those of an `ifp anneal` run as `pressures_from`"
LIKELIHOOD = "bernoulli"
"""The likelihood of all published pressures; with another likelihood factors freeze at other pressures."""


def published_options(dataset: str, total_steps: int | None = None, *, likelihood: str = LIKELIHOOD) -> dict[str, Any]:
    """What was published for `dataset` and `likelihood`, as options of `ifp.objectives.deft.Deft`.

    Parameters
    ----------
    total_steps : of the training to come; stages take the same share of it as published. None means as many as
        published.

    Raises
    ------
    IfpError : nothing was published for this data set, or not for this likelihood.

    >>> published_options("sprites", total_steps=7_000)
    {'betas': (70, 30, 12, 1), 'group_size': 2, 'stage_steps': 1500}
    """
    if dataset not in PRESSURES:
        raise IfpError(
            f"There are no published DEFT pressures for {dataset!r}, only for {', '.join(PRESSURES)}; {_REMEDY}."
        )
    if likelihood != LIKELIHOOD:
        raise IfpError(
            f"There are no published DEFT pressures for {dataset!r} with the {likelihood} likelihood, only with the "
            f"{LIKELIHOOD} one; {_REMEDY}."
        )
    published = PRESSURES[dataset]
    options: dict[str, Any] = {"betas": published.betas, "group_size": published.group_size}
    if published.stage_steps is None:
        return {**options, "stages_by": "beta"}
    total = published.total_steps if total_steps is None else total_steps
    return {**options, "stage_steps": max(published.stage_steps * total // published.total_steps, 1)}
