"""What every metric returns: the value, the settings that made it, and the parts it was put together from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Score:
    """A metric's value. The subclasses add the parts; their arrays are read-only.

    Attributes
    ----------
    value : the number that the literature reports under the metric's name.
    settings : everything that decides it beside the arrays: estimator, bins, number of images, seed, ...
    reason : why the value is NaN, or 0 by convention; empty where the definition applies as it stands.

    >>> float(Score(value=0.5, settings={"n": 1000}))
    0.5
    >>> Score(value=0.5, settings={"n": 1000})
    <Score 0.5>
    """

    value: float
    settings: Mapping[str, object]
    reason: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, np.ndarray):
                part.setflags(write=False)

    def __repr__(self) -> str:
        beside = [f"{name}={number:.4g}" for name, number in self.numbers().items() if name != "value"]
        return f"<{' '.join([type(self).__name__, f'{self.value:.4g}', *beside])}>"

    def __float__(self) -> float:
        return self.value

    def numbers(self) -> dict[str, float]:
        """Every single number of the score by its name, `value` first: a row for a table."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in parts.items() if isinstance(part, float)}
