"""What the structure figure shows, as numbers: channels in the order of their clustering.

Shapes: P channels that are no factors, in that order; F factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ifp.analysis.channels.hotspot import Hotspot, Hotspots


@dataclass(frozen=True, eq=False)
class Structure:
    """A clustering in its order.

    Attributes
    ----------
    hotspots : what it was made from. channel_P : the channel at each place, an index into the similarity.
    closeness_PP : in [0, 1]: NMI, or exp(-VI) of VI in nats, whichever the channels were clustered by.
    factor_nmi_PF : of each channel with each factor, in [0, 1]; NaN of a factor that has one value only.
    """

    hotspots: Hotspots
    channel_P: np.ndarray
    closeness_PP: np.ndarray
    factor_nmi_PF: np.ndarray

    def __len__(self) -> int:
        return len(self.channel_P)

    @property
    def closeness_name(self) -> str:
        """Of `closeness_PP`."""
        return "NMI" if self.hotspots.distance == "nmi" else "exp(\N{MINUS SIGN}VI)"

    @property
    def reachability_name(self) -> str:
        """Of `hotspots.reachability_L`, with its unit."""
        return "\N{MINUS SIGN}ln NMI" if self.hotspots.distance == "nmi" else "VI (bits)"


def structure_of(hotspots: Hotspots) -> Structure:
    """The channels in the order of the clustering."""
    similarity = hotspots.similarity
    channel_P = hotspots.latents[hotspots.ordering_L]
    if hotspots.distance == "nmi":
        closeness_PP = similarity.nmi_CC[np.ix_(channel_P, channel_P)]
    else:
        closeness_PP = np.exp(-np.log(2) * similarity.vi_bits_CC[np.ix_(channel_P, channel_P)])
    factor_nmi_PF = similarity.nmi_CC[np.ix_(channel_P, similarity.factors())]
    return Structure(hotspots, channel_P, np.clip(np.nan_to_num(closeness_PP), 0, 1), np.clip(factor_nmi_PF, 0, 1))


def middle(hotspot: Hotspot) -> float:
    """The place in the middle of a hotspot."""
    return (hotspot.span[0] + hotspot.span[1] - 1) / 2


def structure_table(hotspots: Hotspots) -> pd.DataFrame:
    """One row per channel in the order of the clustering.

    Columns place, channel, member, hotspot (its name, "" if none), representative, reachability (bits, or -ln NMI),
    information_bits, and nmi_FACTOR for each factor.
    """
    structure, similarity = structure_of(hotspots), hotspots.similarity
    name_of = {channel: hotspot.name for hotspot in hotspots.hotspots for channel in hotspot.channels}
    representatives = [hotspot.representative for hotspot in hotspots.hotspots]
    channels = [similarity.channels[place] for place in structure.channel_P]
    table = pd.DataFrame(
        {
            "place": range(len(channels)),
            "channel": [channel.name for channel in channels],
            "member": [channel.model for channel in channels],
            "hotspot": [name_of.get(int(channel), "") for channel in structure.channel_P],
            "representative": np.isin(structure.channel_P, representatives),
            "reachability": hotspots.reachability_L,
            "information_bits": similarity.information_bits_C[structure.channel_P],
        }
    )
    for number, factor in enumerate(hotspots.factors):
        table[f"nmi_{factor}"] = structure.factor_nmi_PF[:, number]
    return table
