"""Which latents to look at together: ranked by what a network of all latents still tells when the others are hidden.

A latent is hidden by putting other images' values in its place and averaging the answers: where latents are nearly
independent that is what the rest say of the factor. Every set can be asked of one network in milliseconds. It serves to
choose sets only; what they hold is then measured with classifiers of their own.

Shapes: M images, D latents, V values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from ifp.analysis.information.classifiers import probabilities
from ifp.analysis.information.mutual_information import histogram_mi_nats

MOST_PAIRED = 16
"""All pairs of at most this many latents are tried; of more, of those that tell most alone or are missed most."""
_IMAGES, _FILLS, _CELLS = 400, 6, 16


def counted_singles(z_ND: np.ndarray, value_N: np.ndarray) -> list[int]:
    """All latents, the one that tells most alone first, by counting in cells of equally many images."""
    ranks_ND = np.argsort(np.argsort(z_ND, axis=0, kind="stable"), axis=0)
    nats_DF = histogram_mi_nats(ranks_ND, value_N[:, None], bins=_CELLS)
    return [int(latent) for latent in np.argsort(-nats_DF[:, 0], kind="stable")]


class HiddenLatents:
    """What a network of all latents tells of a factor's values when only some latents are shown.

    Parameters
    ----------
    model : fitted to [N, D] codes. z_MD, value_M : images it has not seen. share_V : of the values.
    """

    def __init__(
        self, model: Any, z_MD: np.ndarray, value_M: np.ndarray, share_V: np.ndarray, generator: np.random.Generator
    ) -> None:
        self.model, self.z_MD, self.value_M = model, z_MD[:_IMAGES], value_M[:_IMAGES]
        self.share_V = share_V
        self.fill_KMD = z_MD[generator.integers(len(z_MD), size=(_FILLS, len(self.z_MD)))]
        self._told: dict[frozenset[int], float] = {}

    def nats(self, shown: Iterable[int]) -> float:
        """The bound of the set `shown`, nats."""
        key = frozenset(shown)
        if key not in self._told:
            keep_D = np.isin(np.arange(self.z_MD.shape[1]), list(key))
            z_KMD = np.where(keep_D, self.z_MD, self.fill_KMD)[: 1 if keep_D.all() else None]
            p_KMV = probabilities(self.model, z_KMD.reshape(-1, z_KMD.shape[-1]), len(self.share_V))
            p_MV = p_KMV.reshape(len(z_KMD), len(self.z_MD), -1).mean(axis=0)
            own_M = np.arange(len(self.value_M))
            # toned down a little: one image thought impossible must not decide which set is best
            mixed_M = 0.95 * p_MV[own_M, self.value_M] + 0.05 * self.share_V[self.value_M]
            self._told[key] = float(np.log(mixed_M / self.share_V[self.value_M]).mean())
        return self._told[key]

    def singles(self) -> list[int]:
        """All latents, the one that tells most alone first."""
        return sorted(range(self.z_MD.shape[1]), key=lambda latent: -self.nats([latent]))

    def best_pair(self) -> tuple[int, ...]:
        """The pair that tells most together; pairs count whose latents tell nothing alone (XOR)."""
        latents = self._candidates()
        return max(itertools.combinations(latents, 2), key=self.nats)

    def grown(self, start: tuple[int, ...]) -> list[int]:
        """All latents: `start`, then always the one that adds most (of very many, the candidates of pairs only)."""
        order, rest = list(start), [latent for latent in self._candidates() if latent not in start]
        while rest:
            best = max(rest, key=lambda latent: self.nats([*order, latent]))
            order.append(best)
            rest.remove(best)
        return [*order, *(latent for latent in self.singles() if latent not in order)]

    def _candidates(self) -> list[int]:
        """All latents, of more than MOST_PAIRED those that tell most alone and those that are missed most."""
        every = set(range(self.z_MD.shape[1]))
        if len(every) <= MOST_PAIRED:
            return sorted(every)
        missed = sorted(every, key=lambda latent: self.nats(every - {latent}))
        return sorted({*self.singles()[: MOST_PAIRED // 2], *missed[: MOST_PAIRED // 2]})
