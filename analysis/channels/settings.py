"""ChannelSettings: what decides the numbers of a comparison of channels, beside the models and the data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ifp.analysis.channels.hotspots import DISTANCES
from ifp.checkpoints.source import ReadingOptions
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.fingerprints.models import WAYS
from ifp.seeds import check_seed
from ifp.system.settings import check_threshold, is_number

POINTS = 1000
"""Images that are compared where nobody says, if the data have so many."""


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """Checked settings of `ifp.channels`, which has the meaning of each.

    Raises
    ------
    IfpError : an unknown name or a value out of range.
    """

    points: int = POINTS
    by: str = "latent"
    group_size: int | None = None
    distance: str = "vi"
    min_samples: int | None = None
    hotspots: bool = True
    along_training: bool = False
    betas: tuple[float, ...] = ()
    threshold: float = 0.1
    monte_carlo: bool = False
    seed: int = 0
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not isinstance(self.points, int | np.integer):
            raise bad_value("points", self.points, "a whole number")
        if self.by not in WAYS:
            raise unknown_name("kind of channel", self.by, WAYS)
        if self.distance not in DISTANCES:
            raise unknown_name("distance", self.distance, DISTANCES)
        if (self.by == "group") != (self.group_size is not None):
            raise IfpError(
                f"A group size goes with channels by group, and only with them, got by {self.by} and "
                f"{self.group_size!r}."
            )
        if self.min_samples is not None and (not is_number(self.min_samples) or self.min_samples < 2):
            raise bad_value("min_samples", self.min_samples, "a whole number of at least 2")
        check_threshold("threshold", self.threshold)
