"""What a diagnosis is measured with, checked before any model is read."""

from __future__ import annotations

from dataclasses import dataclass

from ifp.codes import FEWEST_IMAGES
from ifp.errors import bad_value

FEWEST_REPEATS = 20
"""The fewest permutations for a noise floor, and the fewest resamples for an interval."""


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """What decides the numbers beside the codes; see `ifp.diagnose`.

    Attributes
    ----------
    metrics : names of `ifp.analysis.metrics.METRICS` and `DECODER_METRICS`. device : where decoders run.
    data : what the codes are of, in words; numbers of different data are never compared.
    """

    seed: int = 0
    permutations: int = 100
    bootstraps: int = 200
    metrics: tuple[str, ...] = ()
    joint: bool = True
    device: str = "cpu"
    data: str = ""


def check_counts(*, images: int, permutations: int, bootstraps: int) -> None:
    """Raise IfpError for too few images, permutations or resamples."""
    for name, value, least in (
        ("images", images, FEWEST_IMAGES),
        ("permutations", permutations, FEWEST_REPEATS),
        ("bootstraps", bootstraps, FEWEST_REPEATS),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise bad_value(name, value, f"a whole number of at least {least}")
