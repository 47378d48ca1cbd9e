"""Metrics of a model's decoder, by name: they need no factors, and more than codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifp.analysis.metrics.registry import METRICS
from ifp.analysis.metrics.score import Score
from ifp.analysis.metrics.topology import topology
from ifp.codes import Codes
from ifp.errors import IfpError
from ifp.system.progress import Progress

Decode = Callable[[Any], Any]
Draw = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class DecoderMetric:
    """One metric of codes and a decoder.

    Attributes
    ----------
    describes : one line. run : (codes, decode, draw, seed, device, progress) -> score, where draw(batch, repeats) gives
        batches of what the decoder sees.
    beside : the other numbers of the score that are reported with its value.
    missing : says what has to be installed for it, a sentence; empty where nothing is missing.
    """

    describes: str
    run: Callable[[Codes, Decode, Draw, int, str, Progress], Score]
    beside: tuple[str, ...] = ()
    missing: Callable[[], str] = str


def _without_ripser() -> str:
    from ifp.topology.barcodes import require_ripser

    try:
        require_ripser()
    except IfpError as error:
        return str(error)
    return ""


DECODER_METRICS: dict[str, DecoderMetric] = {
    "topology": DecoderMetric(
        "how far the shift of each active latent is from a symmetry of the images (after Balabin et al. 2024)",
        lambda codes, decode, draw, seed, device, progress: topology(
            codes, decode, draw=draw, seed=seed, device=device, progress=progress
        ),
        beside=("random_value", "ratio", "active"),
        missing=_without_ripser,
    ),
    "topology-lite": DecoderMetric(
        "the same by minimum spanning trees, a lower bound; nothing to install",
        lambda codes, decode, draw, seed, device, progress: topology(
            codes, decode, draw=draw, topology="lite", seed=seed, device=device, progress=progress
        ),
        beside=("random_value", "ratio", "active"),
    ),
}


def numbers_beside(name: str) -> tuple[str, ...]:
    """What is reported beside the value of a metric, of codes or of a decoder."""
    return DECODER_METRICS[name].beside if name in DECODER_METRICS else METRICS[name].beside
