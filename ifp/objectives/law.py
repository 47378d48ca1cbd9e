"""Beta as a number, or as one of the annealing laws between two values over the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ifp.errors import IfpError, bad_value
from ifp.objectives.base import Objective
from ifp.objectives.options import require_not_negative, require_positive
from ifp.schedule import LAWS, get_law

LAST_LAYERS = ("encoder.mean.", "encoder.logvar.", "encoder.head.", "decoder.out.", "decoder.4.")
"""Prefixes of the parameter names of the last layers, in the MLP and the convolutional network."""


@dataclass(frozen=True)
class LawObjective(Objective):
    """An objective whose beta may move.

    Parameters
    ----------
    beta : the weight where no law is given.
    law : "" for a constant beta, or one of `ifp.schedule.LAWS`, the annealing test's laws.
    beta_start, beta_end : the law's two ends; "author" has its own and needs none.
    law_steps : steps from one end to the other, after which beta stays; 0 for the whole training.
    hidden_rate : Adam's rate of all layers but the last of encoder and decoder, as a share of theirs. While no
        latent holds information, only noise reaches them, and at the full rate it kills their rectified units within
        some thousand steps: what should freeze later then finds no features to grow from.
    reseed_nats : KL that idle latents (those with a tenth of it or less) are given at each record by fresh random
        weights; 0 for none. The signal of a collapsed latent decays exponentially while beta is above its edge, and as
        much growth is needed below it before anything is seen (delayed loss of stability): reseeding keeps the signal
        up.
    """

    beta: float = 1.0
    law: str = ""
    beta_start: float | None = None
    beta_end: float | None = None
    law_steps: int = 0
    hidden_rate: float = 1.0
    reseed_nats: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative(self, "beta", "law_steps", "reseed_nats")
        require_positive(self, "hidden_rate")
        ends = (self.beta_start, self.beta_end)
        if not self.law:
            if ends != (None, None):
                raise IfpError(f"{self.name}: beta_start and beta_end need a law: {', '.join(LAWS)}.")
            return
        get_law(self.law)
        if self.law == "author":
            return
        if None in ends:
            raise IfpError(f"{self.name}: the law {self.law!r} needs both beta_start and beta_end.")
        require_not_negative(self, "beta_start", "beta_end")
        if self.law == "geometric" and 0 in ends:
            raise bad_value(
                f"{self.name}: beta_start and beta_end", ends, "above 0 under the geometric law", "use linear"
            )

    def beta_at(self, step: int, total_steps: int) -> float:
        """Beta of the update after `step` updates."""
        if not self.law:
            return self.beta
        progress = min(step / (self.law_steps or max(total_steps, 1)), 1.0)
        return float(get_law(self.law)(progress, self.beta_start, self.beta_end))

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """See `Objective.rates` and `hidden_rate`."""
        if self.hidden_rate == 1:
            return {}
        return {"encoder.": self.hidden_rate, "decoder.": self.hidden_rate, **dict.fromkeys(LAST_LAYERS, 1.0)}

    def reseeded_nats(self, step: int, total_steps: int) -> float:
        """See `Objective.reseeded_nats`."""
        return self.reseed_nats
