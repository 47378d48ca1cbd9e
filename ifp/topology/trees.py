"""Minimum spanning trees: the connected parts of a cloud, by the edges that join them.

Shapes: N points.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree


def tree_edges(distance_NN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two ends [N - 1 each] of the edges of a minimum spanning tree; of equal lengths the first in order counts.

    SciPy takes a distance of 0 for no edge, and the tree depends on the order of lengths alone: so it is given ranks.

    >>> tree_edges(np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 4.0], [5.0, 4.0, 0.0]]))
    (array([0, 1]), array([1, 2]))
    """
    upper = np.triu_indices(len(distance_NN), 1)
    order = np.argsort(distance_NN[upper], kind="stable")
    rank_NN = np.zeros_like(distance_NN)
    rank_NN[upper[0][order], upper[1][order]] = np.arange(1, len(order) + 1)
    first, second = minimum_spanning_tree(rank_NN).nonzero()
    return first.astype(int), second.astype(int)
