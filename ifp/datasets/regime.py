"""A regime: the distribution of factor values from which images of a data set are drawn, to train or to evaluate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.correlated import CorrelatedSampler, Pair
from ifp.errors import IfpError


def correlated_sampler(dataset: FactorDataset, pairs: Sequence[Pair], inverse: bool = False) -> CorrelatedSampler:
    """The sampler of correlated pairs on a data set's factors, by their own values where these are known.

    Raises
    ------
    IfpError : a data set without factors; pairs as in `CorrelatedSampler`.
    """
    if not dataset.labelled:
        raise IfpError(
            f"{dataset.name} has no factors, so none can be correlated; add an array 'factors' to the file, or leave "
            "`correlate` out."
        )
    values: Sequence[np.ndarray] | None = getattr(dataset, "factor_values", None)
    return CorrelatedSampler(dataset.space, pairs, inverse, values)


def shared_nats(positions_NF: np.ndarray, a: int, b: int) -> float:
    """Mutual information of the factors in columns `a` and `b`, nats, by counting; its mean excess is taken off.

    The excess of N images is (values a - 1)(values b - 1) / 2N (Miller 1955); what then is below 0 is 0.

    >>> round(shared_nats(np.array([[0, 0], [1, 1]] * 5000), 0, 1), 4)
    0.6931
    """
    counts = [np.unique(positions_NF[:, columns], axis=0, return_counts=True)[1] for columns in ([a], [b], [a, b])]
    entropy_a, entropy_b, joint = (-float((p := c / c.sum()) @ np.log(p)) for c in counts)
    excess = (len(counts[0]) - 1) * (len(counts[1]) - 1) / (2 * len(positions_NF))
    return max(entropy_a + entropy_b - joint - excess, 0.0)
