"""Multi-rate VAE (Bae et al. 2023): one network for all betas of a range, each image of a batch at a beta of its own.

Shapes: M members, B images of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ifp.errors import IfpError
from ifp.networks.fully_connected import LinearNetwork, MlpNetwork, Network
from ifp.networks.gated import BetaRange, GatedNetwork
from ifp.networks.losses import gaussian_kl_nats
from ifp.objectives.base import Batch, Objective, State
from ifp.objectives.options import require_positive

STAIR = 100
"""Steps over which the learning rate stays the same while it falls."""

RESEED_NATS = 0.2
"""KL at the lowest beta with which an idle latent starts anew, its gate open again at all betas."""
RESEED_SHARE = 0.4
"""Share of the training in which idle latents start anew."""


@dataclass(frozen=True)
class MultiRate(Objective):
    """beta KL(q(z|x) || p(z)) with ln(beta) uniform over the range, independent for every image.

    Parameters
    ----------
    beta_start, beta_end : the highest and the lowest beta.
    betas : at how many betas the trained network is read.
    settle : the share of the training, at its end, over which the learning rate falls to 0: the curve that is read is
        that of the last step.

    Raises
    ------
    IfpError : a range that does not fall, or a share outside [0, 1].

    References
    ----------
    Bae et al., Multi-Rate VAE, ICLR 2023, equation 7 and algorithm 1.
    """

    name: ClassVar[str] = "multi-rate"
    beta_start: float = 10.0
    beta_end: float = 0.01
    betas: int = 100
    settle: float = 0.5

    def __post_init__(self) -> None:
        require_positive(self, "beta_start", "beta_end", "betas")
        if not self.beta_start > self.beta_end:
            raise IfpError(
                f"{self.name}: beta_start must lie above beta_end, got {self.beta_start:g} and {self.beta_end:g}."
            )
        if not 0 <= self.settle <= 1:
            raise IfpError(f"{self.name}: settle must be from 0 to 1, got {self.settle:g}.")

    @property
    def range(self) -> BetaRange:
        """The betas that are trained."""
        return BetaRange(self.beta_end, self.beta_start)

    def network(self, plain: Network) -> Network:
        """The plain network with gates; raises IfpError for one that has none."""
        if not isinstance(plain, MlpNetwork | LinearNetwork):
            raise IfpError("A multi-rate network has fully connected layers; use `architecture='mlp'`.")
        return GatedNetwork(plain, self.range)

    def penalty(self, batch: Batch, state: State) -> Tensor:
        """See `Objective.penalty`; each image at its own beta, `Batch.pressure_MB`."""
        kl_MB = gaussian_kl_nats(batch.mean_MBD, batch.logvar_MBD).sum(-1)
        return (batch.pressure_MB * kl_MB).mean(1)

    def pressure_M(self, step: int, total_steps: int, state: State) -> float:
        """The lowest beta, at which records and checkpoints are taken."""
        return self.beta_end

    def reseeded_nats(self, step: int, total_steps: int) -> float:
        """See `Objective.reseeded_nats`; only while there is time left to close the gates of what finds nothing."""
        return RESEED_NATS if step <= RESEED_SHARE * total_steps else 0.0

    def rates(self, step: int, total_steps: int) -> Mapping[str, float]:
        """See `Objective.rates` and `settle`."""
        progress = step // STAIR * STAIR / max(total_steps, 1)
        if progress <= 1 - self.settle:
            return {}
        return dict.fromkeys(("encoder.", "decoder.", "latent."), (1 - progress) / self.settle)
