"""Fitting scikit-learn's estimators: quietly, but never hiding that one did not converge."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np


def fit(model: Any, x: np.ndarray, y: np.ndarray) -> bool:
    """Fit in place; whether the solver converged within its iterations."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, y)
    others = [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return len(others) == len(caught)
