"""A random forest that is grown once and read at every depth.

How a node is split depends on the images in it, not on how deep the tree may grow: the tree of depth d is the deeper
one with all below depth d cut off. scikit-learn keeps the value and the impurity of inner nodes, which then are leaves.

Shapes: N images, D latents, T nodes of a tree, K classes (1 of a regression), P depths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class GrownForest:
    """`RandomForestClassifier` or `RandomForestRegressor`, else with scikit-learn's defaults, at several depths."""

    def __init__(self, classify: bool, max_depth: int, trees: int, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind: Any = RandomForestClassifier if classify else RandomForestRegressor
        self._classify = classify
        self._forest = kind(n_estimators=trees, max_depth=max_depth, random_state=seed)

    def fit(self, codes_ND: np.ndarray, target_N: np.ndarray) -> None:
        """Grow to the largest depth."""
        self._forest.fit(codes_ND, target_N)

    def scores(self, codes_ND: np.ndarray, target_N: np.ndarray, depths: Sequence[int]) -> np.ndarray:
        """Accuracy, or R^2, at each depth [P] on images that have not been seen."""
        from sklearn.metrics import accuracy_score, r2_score

        predicted_PNK = self._predictions(codes_ND, depths)
        if self._classify:
            classes = self._forest.classes_
            return np.array([accuracy_score(target_N, classes[p_NK.argmax(axis=1)]) for p_NK in predicted_PNK])
        return np.array([r2_score(target_N, p_NK[:, 0]) for p_NK in predicted_PNK])

    def importances(self, depths: Sequence[int]) -> np.ndarray:
        """How much the trees use each latent at each depth [P, D]: the share of the impurity that its splits remove."""
        latents = self._forest.n_features_in_
        total_PD = np.zeros((len(depths), latents))
        for tree in (estimator.tree_ for estimator in self._forest.estimators_):
            inner = np.flatnonzero(tree.children_left >= 0)
            left, right = tree.children_left[inner], tree.children_right[inner]
            weighted_T = tree.weighted_n_node_samples * tree.impurity
            removed = weighted_T[inner] - weighted_T[left] - weighted_T[right]
            level = _levels(tree)[inner]
            for row, depth in enumerate(depths):
                above = level < depth
                part_D = np.bincount(tree.feature[inner][above], removed[above], minlength=latents)
                total_PD[row] += part_D / (part_D.sum() or 1.0)
        sum_P1 = total_PD.sum(axis=1, keepdims=True)
        return total_PD / np.where(sum_P1 > 0, sum_P1, 1)

    def _predictions(self, codes_ND: np.ndarray, depths: Sequence[int]) -> np.ndarray:
        """Mean over trees of what the node at each depth says [P, N, K]: the target, or the share of each class."""
        codes_ND = codes_ND.astype(np.float32)  # as scikit-learn compares them
        rows_N = np.arange(len(codes_ND))
        parts = None
        for tree in (estimator.tree_ for estimator in self._forest.estimators_):
            value_TK = tree.value[:, 0]
            if self._classify:
                value_TK = value_TK / value_TK.sum(axis=1, keepdims=True)
            if parts is None:
                parts = np.zeros((len(depths), len(codes_ND), value_TK.shape[1]))
            feature_T = np.maximum(tree.feature, 0)  # leaves have none
            node_N, level = np.zeros(len(codes_ND), dtype=np.intp), 0
            for row, depth in enumerate(depths):
                while level < depth:
                    goes_left = codes_ND[rows_N, feature_T[node_N]] <= tree.threshold[node_N]
                    below_N = np.where(goes_left, tree.children_left[node_N], tree.children_right[node_N])
                    if (below_N < 0).all():
                        level = depths[-1]
                        break
                    node_N = np.where(below_N < 0, node_N, below_N)
                    level += 1
                parts[row] += value_TK[node_N]
        assert parts is not None
        return parts / len(self._forest.estimators_)


def _levels(tree: Any) -> np.ndarray:
    """The depth of each node [T], the root's 0; a node's number is above its parent's."""
    level_T = np.zeros(tree.node_count, dtype=np.intp)
    for node in np.flatnonzero(tree.children_left >= 0):
        level_T[[tree.children_left[node], tree.children_right[node]]] = level_T[node] + 1
    return level_T
