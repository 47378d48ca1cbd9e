"""Curves of information and KL against beta whose edges, steps and peaks are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.joint import mi_peaks
from ifp.seeds import numpy_generator

BETAS = np.geomspace(200, 1, 101)[1:]
LINEAR = (80.0, 20.0, 5.0)
STEEP = (90.0, 30.0, 8.0)


def linear_mi(beta: np.ndarray, edges: tuple[float, ...] = LINEAR) -> np.ndarray:
    """Independent linear-Gaussian factors: ln(beta_k / beta) / 2 each, below its edge."""
    return np.sum([np.maximum(0, np.log(edge / beta)) / 2 for edge in edges], axis=0)


def steep_mi(beta: np.ndarray, edges: tuple[float, ...] = STEEP, width: float = 0.06) -> np.ndarray:
    """Each factor gives 1.5 nats around its edge, within `width` in ln(beta)."""
    return np.sum([1.5 / (1 + np.exp((np.log(beta) - np.log(edge)) / width)) for edge in edges], axis=0)


def peaks_of(mi_nats: np.ndarray, beta: np.ndarray = BETAS, **more: float):  # type: ignore[no-untyped-def]
    return mi_peaks(beta, mi_nats, generator=numpy_generator(0, "joint"), **more)


def curves(edges: tuple[float, ...], beta: np.ndarray = BETAS) -> np.ndarray:
    return np.maximum(0, np.log(np.array(edges) / beta[:, None])) / 2


EDGES = pd.DataFrame(
    {
        "factor": ["a", "b"], "beta_alone": [9.0, 1.0], "beta_given_rest": [11.0, 8.0],
        "given_rest_low": [9.0, 5.0], "given_rest_high": [15.0, 12.0], "contexts": 8,
    }
)  # fmt: skip
