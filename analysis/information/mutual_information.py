"""Discrete mutual information by counting: the field's histogram estimator, every latent with every factor at once.

The tables of all pairs stand side by side in one matrix: a row for each value of each factor, a column for each cell of
each latent, so that the information of all pairs comes from the same few sums.

Shapes: N images, D latents, F factors, R rows (values of all factors), C columns (cells of all latents).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.errors import IfpError, bad_value

DEFAULT_BINS = 20
"""Equal-width bins per latent, as in disentanglement_lib's unsupervised_study_v1."""


def histogram_mi_nats(
    codes_ND: np.ndarray, factors_NF: np.ndarray, *, bins: int = DEFAULT_BINS, sizes: Sequence[int] | None = None
) -> np.ndarray:
    """Mutual information of each binned latent with each factor [D, F], nats, by counting (plug-in, not corrected).

    Independent pairs read about (used bins - 1)(used values - 1) / 2N nats, not 0 (Miller 1955): compare with a floor.

    Parameters
    ----------
    codes_ND : posterior means (or any codes), finite. factors_NF : integer positions, 0 <= position.
    bins : equal-width bins between the smallest and largest code of each latent; a constant latent falls in one bin.
    sizes : number of values of each factor; the largest position + 1 when None. Values that never occur change nothing.

    Raises
    ------
    IfpError : shapes that do not fit, codes that are not finite, factors that are not positions.

    References
    ----------
    Locatello et al., Challenging Common Assumptions (2019), for the 20 bins; Cover and Thomas, equation 2.28.

    >>> histogram_mi_nats(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([[0], [0], [1], [1]])).round(6)
    array([[0.693147]])
    """
    codes_ND = np.asarray(codes_ND)
    rows_FN, row_starts_F = stacked_rows(factors_NF, sizes)
    cells_DN = histogram_cells(codes_ND, bins)
    if rows_FN.shape[1] != cells_DN.shape[1]:
        raise IfpError(f"{cells_DN.shape[1]} codes but {rows_FN.shape[1]} rows of factors; give one row per image.")
    if not len(rows_FN):
        return np.zeros((len(cells_DN), 0))
    num_rows = int(row_starts_F[-1])
    # in place and without copies in wider types: fresh pages would cost as much as the counting
    rows_FN *= bins
    index_FN = np.empty_like(rows_FN)
    table_RDB = np.empty((num_rows, len(cells_DN), bins))
    for latent, cells_N in enumerate(cells_DN):
        np.add(rows_FN, cells_N, out=index_FN)
        table_RDB[:, latent] = np.bincount(index_FN.ravel(), minlength=num_rows * bins).reshape(num_rows, bins)
    column_starts_D = np.arange(len(cells_DN)) * bins
    return table_mi_nats(table_RDB.reshape(num_rows, -1), row_starts_F[:-1], column_starts_D)


def factor_entropy_nats(factors_NF: np.ndarray, sizes: Sequence[int] | None = None) -> np.ndarray:
    """Entropy of each factor over the images [F], nats, by counting.

    This is the divisor of our NMI: a latent that determines its factor has an NMI of exactly 1. DEFT's notebooks divide
    by ln(number of values); the two agree to about (values - 1) / 2N nats where factors are drawn uniformly, and part
    where some values are more frequent than others.

    >>> bool(np.isclose(factor_entropy_nats(np.array([[0], [1], [2]]))[0], np.log(3)))
    True
    """
    rows_FN, row_starts_F = stacked_rows(factors_NF, sizes)
    counts_R = np.bincount(rows_FN.ravel(), minlength=int(row_starts_F[-1])).astype(np.float64)
    return counts_entropy_nats(counts_R, row_starts_F[:-1])


def histogram_nmi(codes_ND: np.ndarray, factors_NF: np.ndarray, sizes: Sequence[int] | None = None) -> np.ndarray:
    """`histogram_mi_nats` over the factor's entropy [D, F]; 0 for a factor that is constant.

    >>> float(histogram_nmi(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([[0], [0], [1], [1]]))[0, 0])
    1.0
    """
    entropy_nats_F = factor_entropy_nats(factors_NF, sizes)
    mi_nats_DF = histogram_mi_nats(codes_ND, factors_NF, sizes=sizes)
    return mi_nats_DF / np.where(entropy_nats_F > 0, entropy_nats_F, np.inf)


def counts_entropy_nats(counts_R: np.ndarray, row_starts_F: np.ndarray) -> np.ndarray:
    """Entropy of each factor [..., F], nats, from how often each value occurs [..., R]."""
    if not len(row_starts_F):
        return np.zeros((*counts_R.shape[:-1], 0))
    total_F = np.add.reduceat(counts_R, row_starts_F, axis=-1)
    return np.asarray(
        np.maximum(np.log(total_F) - np.add.reduceat(xlogx(counts_R), row_starts_F, axis=-1) / total_F, 0)
    )


def table_mi_nats(table_RC: np.ndarray, row_starts_F: np.ndarray, column_starts_D: np.ndarray) -> np.ndarray:
    """Mutual information [..., D, F], nats, of tables [..., R, C] of (possibly fractional) counts.

    The rows of a factor begin at `row_starts_F`, the columns of a latent at `column_starts_D`.
    """
    values_RD = np.add.reduceat(table_RC, column_starts_D, axis=-1)
    cells_FC = np.add.reduceat(table_RC, row_starts_F, axis=-2)
    total_FD = np.add.reduceat(values_RD, row_starts_F, axis=-2)
    joint_FD = np.add.reduceat(np.add.reduceat(xlogx(table_RC), column_starts_D, axis=-1), row_starts_F, axis=-2)
    values_FD = np.add.reduceat(xlogx(values_RD), row_starts_F, axis=-2)
    cells_FD = np.add.reduceat(xlogx(cells_FC), column_starts_D, axis=-1)
    mi_nats_FD = (joint_FD - values_FD - cells_FD + xlogx(total_FD)) / total_FD
    # rounding alone can take it below 0
    return np.swapaxes(np.maximum(mi_nats_FD, 0.0), -1, -2)


def histogram_cells(codes_ND: np.ndarray, bins: int = DEFAULT_BINS) -> np.ndarray:
    """The bin 0 ... bins - 1 of every code, [D, N].

    One less than `np.digitize(code, np.histogram(code, bins)[1][:-1])`: a bin is found by counting the edges at or
    below the code, and the edges are NumPy's, to the last bit. Where NumPy refuses (a range of a few units of the last
    place) the codes still get their bins.
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or not 1 <= bins <= 65535:
        raise bad_value("bins", bins, "a whole number of 1 to 65535")
    if codes_ND.ndim != 2 or not codes_ND.size:
        raise IfpError(f"Codes must be [images, latents] and not empty, got {codes_ND.shape}.")
    if not np.isfinite(codes_ND).all():
        raise IfpError("The codes hold NaN or infinite values, so no histogram can be made; check the encoder.")
    codes_DN = np.ascontiguousarray(codes_ND.T)
    if codes_DN.dtype not in (np.float32, np.float64):
        codes_DN = codes_DN.astype(np.float64)
    low_D, high_D = codes_DN.min(axis=1), codes_DN.max(axis=1)
    half_D = (low_D == high_D) * codes_DN.dtype.type(0.5)  # NumPy puts a constant in the middle of a unit range
    edges_ED = np.linspace(low_D - half_D, high_D + half_D, bins + 1)
    cells_DN = np.zeros(codes_DN.shape, dtype=np.uint8 if bins <= 256 else np.uint16)
    passed_DN = np.empty(codes_DN.shape, dtype=bool)
    for edge_D in edges_ED[1:-1]:
        np.greater_equal(codes_DN, edge_D[:, None], out=passed_DN)
        cells_DN += passed_DN.view(np.uint8)  # adding bools would convert them first
    return cells_DN


def stacked_rows(factors_NF: np.ndarray, sizes: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The row of the stacked table that each factor of each image counts in [F, N], and where rows begin [F + 1].

    Raises IfpError for factors that are not integer positions within their sizes.
    """
    factors_NF = np.asarray(factors_NF)
    if factors_NF.ndim != 2 or not len(factors_NF):
        raise IfpError(f"Factors must be [images, factors] and not empty, got {factors_NF.shape}.")
    if not np.issubdtype(factors_NF.dtype, np.integer):
        raise IfpError(
            f"Factors must be integer positions, got {factors_NF.dtype}; number the values of each factor 0, 1, 2 ..."
        )
    factors_FN = np.ascontiguousarray(factors_NF.T, dtype=np.intp)
    largest_F = factors_FN.max(axis=1)
    sizes_F = largest_F + 1 if sizes is None else np.asarray(sizes, dtype=np.intp)
    if sizes_F.shape != largest_F.shape:
        raise IfpError(f"sizes must name one number of values per factor: {len(largest_F)}, got {len(sizes_F)}.")
    if (factors_FN.min(axis=1) < 0).any() or (largest_F >= sizes_F).any():
        raise IfpError("A factor's position lies outside 0 ... size - 1; give integer positions.")
    row_starts = np.concatenate([[0], np.cumsum(sizes_F)]).astype(np.intp)
    return factors_FN + row_starts[:-1, None], row_starts


def xlogx(x: np.ndarray) -> np.ndarray:
    """x ln x, which is 0 at 0."""
    return np.asarray(x * np.log(np.maximum(x, np.finfo(np.float64).tiny)))
