"""Sentences beside the verdict: the parts of the KL, correlated images, and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ifp.analysis.metrics.of_decoders import numbers_beside


def decomposition_sentence(parts: Mapping[str, Any]) -> str:
    """KL in its three parts, and how far the first can be trusted; `parts` as in diagnosis.json."""
    near = parts["near_cap"]
    text = (
        f"KL {parts['kl_nats']:.2f} nats = index-code MI {'at least ' * near}{parts['index_code_mi_nats']:.2f} + total "
        f"correlation {'at most ' * near}{parts['total_correlation_nats'] + 0.0:.2f} + dimension-wise KL "
        f"{parts['dimwise_kl_nats'] + 0.0:.2f} (Monte Carlo)"
    )
    if near:
        text += f"; the MI is near the most that N posteriors can show, ln N = {parts['cap_nats']:.2f}"
    return text


def regime_sentence(regime: Mapping[str, Any]) -> str:
    """What correlated factors share, and what that does to the numbers; `regime` as in diagnosis.json."""
    pairs = [
        f"{a} and {b} (sigma {sigma:g}, {nats:.2f} nats shared)"
        for (a, b, sigma), nats in zip(regime["pairs"], regime["shared_nats"], strict=True)
    ]
    return (
        f"These images were drawn with correlated factors: {', '.join(pairs)}. A latent that holds one of a pair "
        "reads on the other; minimality and sufficiency do not suffer from that (Almudévar et al. 2024), other metrics "
        "may."
    )


def score_text(metric: str, numbers: Mapping[str, Any]) -> str:
    """Value, what is reported beside it, and the time it took; `numbers` as in diagnosis.json.

    >>> score_text("mig", {"value": 0.25, "seconds": 1.2})
    'mig 0.250 (1.2 s)'
    """
    beside = [f"{part.replace('_', ' ')} {_number(numbers[part])}" for part in numbers_beside(metric)]
    seconds = f"{numbers['seconds']:.1f} s"
    return f"{metric} {_number(numbers['value'])} ({', '.join([*beside, seconds])})"


def _number(value: float | None) -> str:
    """JSON has no NaN; what is not defined is None there."""
    return "nan" if value is None else f"{value:.3f}"
