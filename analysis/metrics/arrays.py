"""What the metrics ask of their arrays, and the few things that all of them do with factors.

Shapes: N images, D latents, F factors, V values of a factor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ifp.array_like import as_array
from ifp.codes import Codes
from ifp.errors import IfpError, bad_value

MIN_SAMPLES = 1000
MAX_CODE = 1e8  # far beyond any posterior mean; from about 1e100 on solvers hang and squares overflow
MAX_POSITION = 65_535  # more values than that would be no factor, and their tables would fill the memory


def checked_codes(codes_ND: Any, *, min_samples: int = MIN_SAMPLES) -> np.ndarray:
    """The codes [N, D] as float64: an array, a tensor or the means of `Codes`.

    Raises
    ------
    IfpError : something else, numbers that are not finite, or too few images.
    """
    codes_ND = as_array(codes_ND.mean_ND if isinstance(codes_ND, Codes) else codes_ND, "codes")
    if codes_ND.ndim != 2 or not codes_ND.size or codes_ND.dtype.kind not in "fiub":
        raise IfpError(f"Codes must be an array of numbers [images, latents], got {codes_ND.dtype} {codes_ND.shape}.")
    codes_ND = codes_ND.astype(np.float64)
    if not np.isfinite(codes_ND).all():
        where = np.flatnonzero(~np.isfinite(codes_ND).all(axis=0)).tolist()
        raise IfpError(f"Codes must be finite, but latents {where} hold NaN or infinite values; leave them out.")
    if np.abs(codes_ND).max() > MAX_CODE:
        raise IfpError(
            f"Codes must lie within +-{MAX_CODE:g}, got {np.abs(codes_ND).max():g}; the encoder has diverged or was "
            "misread, or else scale the codes down."
        )
    if len(codes_ND) < min_samples:
        raise bad_value(
            "the number of images",
            len(codes_ND),
            f"at least {min_samples}",
            "with few images the metrics are mostly bias; give more, or lower min_samples knowing that",
        )
    return codes_ND


def checked(
    codes_ND: Any, factors_NF: Any = None, *, min_samples: int = MIN_SAMPLES, min_factors: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The codes [N, D] as float64 and the factors [N, F] as int64; `Codes` bring their own factors.

    Raises
    ------
    IfpError: codes as in `checked_codes`; factors that are not whole numbers, of another number of images, fewer than
    `min_factors` of them, or one of them constant in these images (it has no information that a code could hold).
    """
    if factors_NF is None:
        if not isinstance(codes_ND, Codes):
            raise IfpError("This metric compares codes with factors; give the factors too, integers [images, factors].")
        factors_NF = codes_ND.factors_NF
    codes_ND = checked_codes(codes_ND, min_samples=min_samples)
    factors_NF = as_array(factors_NF, "factors")
    if factors_NF.ndim != 2 or len(factors_NF) != len(codes_ND):
        raise IfpError(
            f"Factors must be [images, factors] with the {len(codes_ND)} images of the codes, got {factors_NF.shape}; "
            "look for swapped axes."
        )
    if factors_NF.dtype.kind not in "iub":
        whole = factors_NF.dtype.kind == "f" and np.isfinite(factors_NF).all() and (factors_NF % 1 == 0).all()
        if not whole:
            raise IfpError(
                f"Factors must be integer positions 0 ... size - 1, got {factors_NF.dtype} values that are not whole; "
                "number the values of each factor."
            )
    factors_NF = factors_NF.astype(np.int64)
    outside = factors_NF[(factors_NF < 0) | (factors_NF > MAX_POSITION)]
    if len(outside):
        raise IfpError(
            f"Factors must be integer positions 0 ... size - 1, at most {MAX_POSITION}, got {outside[0]}; number the "
            "values of each factor from 0."
        )
    if factors_NF.shape[1] < min_factors:
        raise bad_value("the number of factors", factors_NF.shape[1], f"at least {min_factors} for this metric")
    constant = np.flatnonzero((factors_NF == factors_NF[:1]).all(axis=0)).tolist()
    if constant:
        raise IfpError(f"Factors {constant} (columns, from 0) have one value in all images; leave these columns out.")
    return codes_ND, factors_NF


def class_indices(factor_N: np.ndarray) -> tuple[np.ndarray, int]:
    """Positions renumbered 0 ... V - 1 over the values that occur, and V."""
    values_V, index_N = np.unique(factor_N, return_inverse=True)
    return index_N, len(values_V)


def varying(codes_ND: np.ndarray) -> np.ndarray:
    """Whether each latent [D] takes more than one value, by more than 1e-100, whose square would vanish."""
    return np.ptp(codes_ND, axis=0) > 1e-100


def top_two_gap(score_DF: np.ndarray) -> np.ndarray:
    """Largest minus second largest entry of each column [F]; the second of a single latent is 0."""
    if len(score_DF) < 2:
        return score_DF[0]
    sorted_DF = np.sort(score_DF, axis=0)
    return sorted_DF[-1] - sorted_DF[-2]


def train_test(
    factors_NF: np.ndarray, *, test_fraction: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to train and to test on: all rows, shuffled once and cut.

    Raises
    ------
    IfpError: a fraction outside (0, 1), or a factor of which the training rows hold one value only.
    """
    if not 0 < test_fraction < 1:
        raise bad_value("test_fraction", test_fraction, "between 0 and 1")
    order_N = generator.permutation(len(factors_NF))
    num_test = min(max(round(test_fraction * len(factors_NF)), 1), len(factors_NF) - 1)
    train, test = order_N[num_test:], order_N[:num_test]
    single = np.flatnonzero((factors_NF[train] == factors_NF[train][:1]).all(axis=0)).tolist()
    if single:
        raise IfpError(
            f"Factors {single} (columns, from 0) have one value in the {len(train)} training images; "
            "leave these columns out, or give more images."
        )
    return train, test
