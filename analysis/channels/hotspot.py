"""What a hotspot is, the hotspots of an ensemble with the profile that shows them, and their table.

Information is in bits, NMI has no unit.

Shapes: L channels of a Similarity that are no factors, F factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ifp.fingerprints.models import Similarity


class Spread(NamedTuple):
    """Over the models that have a hotspot: the mean, the smallest and the largest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Hotspot:
    """One recurring fragment of information.

    Attributes
    ----------
    number : from 1, along the ordering. name : the same as a small Roman numeral.
    channels : places in the Similarity, in the order of OPTICS. span : first and after-last place in that order.
    models : the places of the models that have it, ascending.
    information_bits, upper_bits : lower and upper bound of I(X; U); of a model with several channels in it their mean.
    factor : with the highest mean NMI, "" where that is below `FACTOR_NMI` or there are no factors.
    factor_nmi : that mean NMI over the hotspot's channels; NaN without factors.
    nmi_with_factors_F : the same with every factor, in the order of `Hotspots.factors`.
    representative : place in the Similarity of the medoid, the channel nearest to all others.
    tightness : mean NMI over all pairs of its channels.
    """

    number: int
    name: str
    channels: tuple[int, ...]
    span: tuple[int, int]
    models: tuple[int, ...]
    information_bits: Spread
    upper_bits: Spread
    factor: str
    factor_nmi: float
    nmi_with_factors_F: np.ndarray
    representative: int
    tightness: float


@dataclass(frozen=True, eq=False)
class Hotspots:
    """The hotspots of an ensemble and the profile that shows them.

    Attributes
    ----------
    latents : places [L] in `similarity` of the channels that are no factors.
    factors : names of its factors.
    ordering_L : order of OPTICS, places in `latents`; `latents[ordering_L]` are places in `similarity`.
    reachability_L : in that order, the first infinite; bits for "vi", -ln NMI for "nmi".
    labels_L : of each of `latents`, the place of its hotspot in `hotspots`; -1 for none.
    num_models : how many models there are, with and without hotspots.
    """

    similarity: Similarity
    latents: np.ndarray
    factors: tuple[str, ...]
    ordering_L: np.ndarray
    reachability_L: np.ndarray
    labels_L: np.ndarray
    distance: str
    min_samples: int
    num_models: int
    hotspots: tuple[Hotspot, ...]

    def table(self) -> pd.DataFrame:
        """One row per hotspot: what it is, who has it, how much, and its NMI with every factor."""
        columns = ["hotspot", "runs", "of_runs", "channels", "information_bits", "information_low_bits"]
        columns += ["information_high_bits", "upper_bits", "factor", "factor_nmi", "tightness", "representative"]
        rows = [
            {
                "hotspot": h.name,
                "runs": len(h.models),
                "of_runs": self.num_models,
                "channels": len(h.channels),
                "information_bits": h.information_bits.mean,
                "information_low_bits": h.information_bits.low,
                "information_high_bits": h.information_bits.high,
                "upper_bits": h.upper_bits.mean,
                "factor": h.factor,
                "factor_nmi": h.factor_nmi,
                "tightness": h.tightness,
                "representative": self.similarity.channels[h.representative].name,
                **{f"nmi_{name}": float(nmi) for name, nmi in zip(self.factors, h.nmi_with_factors_F, strict=True)},
            }
            for h in self.hotspots
        ]
        return pd.DataFrame(rows, columns=columns + [f"nmi_{name}" for name in self.factors])
