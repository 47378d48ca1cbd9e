"""Topology: how far the shift of each active latent is from a symmetry of what the decoder draws (Balabin et al. 2024).

In a disentangled model the shift of one latent moves one factor, and the images before and after have the same shape at
every scale. The paper trains on that (`ifp.objectives.topdis`); as a measure, of any model with a decoder and without
labels, it is ours.

Shapes: N images, D latents, R repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.metrics.score import Score
from ifp.codes import ACTIVE_NATS, Codes
from ifp.errors import IfpError
from ifp.system.progress import Progress, silent

RANDOM_DIRECTIONS = 8
"""Random directions among the active latents that are measured beside them."""
COLUMNS = ("latent", "kl_nats", "minmax", "standard_error")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Topology(Score):
    """`value` is the mean MinMax over active latents, of all of them: 0 for perfect symmetries, no upper limit.

    Attributes
    ----------
    minmax_D : MinMax of each latent's shift, NaN for latents that are not active. standard_error_D : over the batches.
    random_value : the mean over random directions among the active latents; `ratio` : the value in units of it. Below 1
        the latents are nearer to symmetries than directions that mix them.
    active : how many latents hold at least 0.1 nat.
    """

    minmax_D: np.ndarray
    standard_error_D: np.ndarray
    kl_nats_D: np.ndarray
    random_value: float
    ratio: float
    active: float

    def table(self) -> pd.DataFrame:
        """One row per active latent, the smallest difference first."""
        latents = np.flatnonzero(np.isfinite(self.minmax_D))
        latents = latents[np.argsort(self.minmax_D[latents], kind="stable")]
        columns = (latents, self.kl_nats_D[latents], self.minmax_D[latents], self.standard_error_D[latents])
        return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def topology(
    codes: Codes,
    decode: Callable[[Any], Any],
    *,
    topology: str = "full",
    batch: int = 64,
    repeats: int = 8,
    draw: Callable[[int, int], np.ndarray] | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Topology:
    """MinMax of the images before and after the shift of each active latent by an eighth of its distribution.

    Parameters
    ----------
    codes : posteriors of at least 16 images; factors are not used. decode : z [B, D], a float64 tensor on `device`, ->
        images [B, ...] in [0, 1].
    topology : "full" (ripser) or "lite". batch, repeats : codes compared at a time, and how often.
    draw : (batch, repeats) -> what the decoder sees, [R, B, L], the codes first; None takes draws from the posteriors.

    Raises
    ------
    IfpError : fewer than 16 images, or ripser is missing.

    References
    ----------
    Balabin et al., Disentanglement learning via topology, ICML 2024; see `ifp.topology.minmax`. A latent that the
    decoder ignores would score 0: latents of less than 0.1 nat are left out.
    """
    from ifp.topology.latents import direction_differences, posterior_draws, random_directions

    if len(codes) < 16:
        raise IfpError(f"The topology needs at least 16 images, got {len(codes)}.")
    if topology == "full":
        from ifp.topology.barcodes import require_ripser

        require_ripser()
    kl_nats_D = codes.kl_nats_D()
    active = np.flatnonzero(kl_nats_D >= ACTIVE_NATS)
    minmax_D, error_D = np.full(codes.num_latents, np.nan), np.full(codes.num_latents, np.nan)
    value = random_value = ratio = float("nan")
    if len(active):
        if draw is None:
            z_RBD = posterior_draws(codes.mean_ND, codes.logvar_ND, batch, repeats, seed)
        else:
            z_RBD = draw(batch, repeats)
        random_VD = np.zeros((RANDOM_DIRECTIONS, z_RBD.shape[2]))
        random_VD[:, active] = random_directions(RANDOM_DIRECTIONS, len(active), seed)
        directions_VD = np.vstack([np.eye(z_RBD.shape[2])[active], random_VD])
        found_VR = direction_differences(
            decode, z_RBD, directions_VD, topology=topology, device=device, progress=progress
        )
        minmax_D[active] = found_VR[: len(active)].mean(axis=1)
        error_D[active] = found_VR[: len(active)].std(axis=1, ddof=1) / np.sqrt(repeats)
        value, random_value = float(minmax_D[active].mean()), float(found_VR[len(active) :].mean())
        ratio = value / random_value if random_value > 0 else float("nan")
    return Topology(
        value=value,
        settings={
            "topology": topology, "batch": min(batch, len(codes)), "repeats": repeats, "bars": "all", "shift": 0.125,
            "seed": seed, "kl_threshold_nats": ACTIVE_NATS, "n": len(codes),
        },
        reason="" if len(active) else "no latent is active",
        minmax_D=minmax_D,
        standard_error_D=error_D,
        kl_nats_D=kl_nats_D,
        random_value=random_value,
        ratio=ratio,
        active=float(len(active)),
    )  # fmt: skip
