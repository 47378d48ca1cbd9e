"""The KLs at which curves are solved, and how deep they are followed."""

from __future__ import annotations

FLOOR = {1: 0.3, 2: 0.05}
"""Curves end where beta falls below this share of the lower edge, by the number of latents."""
KL_TARGETS_NATS = (
    0.005, 0.02, 0.05, 0.07, 0.14, 0.18, 0.23, 0.3, 0.4, 0.5, 0.62, 0.75, 0.9, 1.05, 1.2, 1.4, 1.6, 1.8, 2.0,
)  # fmt: skip
"""The KLs at which every curve is solved, before those around the threshold and the deeper ones are added."""
DEEP_GROWTH = {1: 1.12, 2: 1.08}
"""Ratio of the targets beyond those listed, by the number of latents: with two the second freezes at any depth of the
first."""
DENSE_NATS = 0.4
"""With two latents the list `KL_TARGETS_NATS` is followed up to here only."""
LEAST_KL_NATS, DEEPEST_KL_NATS = 1.8, 12.0
"""Curves are traced to the first of these KLs (or 4 times the threshold) and to 0.8 of the lower edge; never past the
second (beyond the first)."""


def kl_targets(
    threshold_nats: float, tolerance: float, deepest_nats: float, growth: float = DEEP_GROWTH[1]
) -> list[float]:
    """The KLs, rising, at which a curve is sampled: two of them close around the threshold."""
    # for one linear Gaussian latent ln beta falls by twice the KL; the solutions miss their targets by up to 1 %
    half = min(max(tolerance / (4 * threshold_nats), 0.02), 0.07)
    around = [threshold_nats * (1 - half), threshold_nats * (1 + half)]
    rest = [kl for kl in KL_TARGETS_NATS if kl <= deepest_nats and (kl <= DENSE_NATS or growth == DEEP_GROWTH[1])]
    while rest[-1] * growth <= deepest_nats:
        rest.append(rest[-1] * growth)
    return sorted([*around, *(kl for kl in rest if abs(kl / threshold_nats - 1) > 2 * half)])
