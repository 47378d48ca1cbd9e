"""Which metrics a word stands for: quick, fast, all, none, or names."""

from __future__ import annotations

from collections.abc import Iterable

from ifp.analysis.metrics.of_decoders import DECODER_METRICS
from ifp.analysis.metrics.registry import METRICS
from ifp.errors import IfpError, bad_value, unknown_name

QUICK = ("mig", "jemmig", "modularity", "factor-vae", "irs", "minimality", "total-correlation")
"""Metrics that take under a second together on 10,000 images."""


def chosen_metrics(metrics: str | Iterable[str]) -> tuple[str, ...]:
    """The names of the metrics that are meant.

    Parameters
    ----------
    metrics : "quick" (under a second), "fast" (all that take seconds), "all" (minutes), "none", names with commas
        between them, or a list of names.

    Raises
    ------
    IfpError : a name that is none of these and no key of `METRICS` or `DECODER_METRICS`, or a missing package.

    >>> chosen_metrics("mig, dci"), chosen_metrics("none")
    (('mig', 'dci'), ())
    """
    if metrics == "none":
        return ()
    if metrics == "quick":
        return QUICK
    if metrics in ("fast", "all"):
        of_decoders = DECODER_METRICS if metrics == "all" else {}
        return (*(name for name, metric in METRICS.items() if metrics == "all" or not metric.slow), *of_decoders)
    named = metrics.split(",") if isinstance(metrics, str) else metrics
    parts = list(named) if isinstance(named, Iterable) else [named]
    if not all(isinstance(name, str) for name in parts):
        raise bad_value("metrics", metrics, "quick, fast, all, none, or names such as mig,dci")
    names = tuple(name.strip() for name in parts if name.strip())
    for name in names:
        if name not in METRICS and name not in DECODER_METRICS:
            raise unknown_name("metric", name, ["quick", "fast", "all", "none", *METRICS, *DECODER_METRICS])
        if name in DECODER_METRICS and (missing := DECODER_METRICS[name].missing()):
            raise IfpError(missing)
    return names
