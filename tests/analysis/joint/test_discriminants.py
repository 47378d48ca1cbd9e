"""Discriminants by hand are those of scikit-learn, and so is the F-test, collinear and useless coordinates included."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import f_classif

from ifp.analysis.joint.discriminants import differs, discriminant_log_p


@pytest.mark.parametrize(("values", "coordinates"), [(2, 1), (2, 4), (9, 3), (40, 2)])
@pytest.mark.parametrize("collinear", [False, True])
def test_probabilities_and_chances_are_those_of_another_program(
    rng: np.random.Generator, values: int, coordinates: int, collinear: bool
) -> None:
    value_N = np.r_[np.arange(values), rng.integers(values, size=400)]
    z_ND = rng.normal(size=(len(value_N), coordinates)) * np.geomspace(1, 30, coordinates) + 5
    z_ND[:, 0] += np.cos(value_N)
    if collinear:
        z_ND = np.c_[z_ND, 2 * z_ND[:, 0] - 1]
    fitted, scored = z_ND[:300], z_ND[300:]
    value_n = np.unique(value_N[:300], return_inverse=True)[1]
    known = LinearDiscriminantAnalysis().fit(fitted, value_n).predict_log_proba(scored)
    np.testing.assert_allclose(discriminant_log_p(fitted, value_n, scored), known, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(differs(fitted, value_n), f_classif(fitted, value_n)[1], rtol=1e-8)


def test_a_coordinate_that_never_changes_differs_nowhere() -> None:
    value_N = np.arange(60) % 3
    z_ND = np.c_[np.ones(60), value_N + 0.1 * np.cos(np.arange(60))]
    assert (differs(z_ND, value_N) < 0.001).tolist() == [False, True]
