"""The closed form on sprites: the paper's order of the factors, medians where they belong."""

from __future__ import annotations

import numpy as np

import ifp

# 5 to 95 % of 40 random contexts, from an implementation apart from this project
RANGES = {"posX": (62, 374), "posY": (87, 370), "scale": (97, 169), "shape": (29, 115), "orientation": (23, 78)}


def test_closed_form_medians_have_the_papers_order() -> None:
    dataset = ifp.load_dataset("sprites")
    median = {}
    for factor in RANGES:
        traversals = dataset.sample_traversals(factor, 80, seed=0)
        bounds = ifp.freezing_bounds([dataset.traversal_images(t) for t in traversals], upper=False)
        median[factor] = float(np.median(bounds.beta_closed_form_M))
    assert min(median["posX"], median["posY"]) > median["scale"] > median["shape"] > median["orientation"]
    for factor, (low, high) in RANGES.items():
        assert low <= median[factor] <= high
