"""Information of many resamples at once: a resample's table of counts is one matrix product, not one pass of counting.

Permuted labels give what counting reads where there is nothing to find; images drawn with replacement give the spread
of the estimate.

Shapes: N images, D latents, F factors, R rows (values of all factors), C columns (cells of all latents), V values of
one factor, P permutations, B resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ifp.analysis.information.mutual_information import table_mi_nats

_TABLE_ENTRIES = 4_000_000
"""Maximum number of table entries in memory at a time."""


def observed_mi_nats(
    shares_NC: np.ndarray, column_starts_D: np.ndarray, rows_FN: np.ndarray, row_starts: np.ndarray
) -> np.ndarray:
    """Mutual information [D, F], nats, of the cells with the factors.

    `shares_NC` are an image's shares in the cells, see `assignments`; `rows_FN` and `row_starts` are `stacked_rows`'.
    """
    table_RC = np.zeros((int(row_starts[-1]), shares_NC.shape[1]))
    for rows_N in rows_FN:
        order_N = np.argsort(rows_N, kind="stable")
        used_R, first_R = np.unique(rows_N[order_N], return_index=True)
        for row, images_K in zip(used_R, np.split(order_N, first_R[1:]), strict=True):
            table_RC[row] = shares_NC[images_K].sum(axis=0, dtype=np.float64)
    return table_mi_nats(table_RC, row_starts[:-1], column_starts_D)


def permuted_mi_nats(
    shares_NC: np.ndarray,
    column_starts_D: np.ndarray,
    rows_FN: np.ndarray,
    row_starts: np.ndarray,
    *,
    permutations: int,
    generator: np.random.Generator,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Mutual information [P, D, F], nats, when the factors are dealt to the images at random, all factors together.

    Memory is one table; each permutation costs one product [R, N] x [N, C].
    """
    num_images = len(shares_NC)
    held_NR = np.zeros((num_images, int(row_starts[-1])), dtype=np.float32)
    np.put_along_axis(held_NR, rows_FN.T, 1.0, axis=1)
    mi_nats_PDF = np.empty((permutations, len(column_starts_D), len(rows_FN)))
    for permutation in range(permutations):
        table_RC = held_NR[generator.permutation(num_images)].T @ shares_NC
        mi_nats_PDF[permutation] = table_mi_nats(table_RC.astype(np.float64), row_starts[:-1], column_starts_D)
        if progress is not None:
            progress(1)
    return mi_nats_PDF


def resample_times(num_images: int, bootstraps: int, generator: np.random.Generator) -> np.ndarray:
    """How often each resample draws each image, float32 [B, N]."""
    return np.stack(
        [np.bincount(generator.integers(num_images, size=num_images), minlength=num_images) for _ in range(bootstraps)]
    ).astype(np.float32)


def bootstrap_mi_nats(
    shares_NC: np.ndarray,
    column_starts_D: np.ndarray,
    rows_FN: np.ndarray,
    row_starts: np.ndarray,
    times_BN: np.ndarray,
    *,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Mutual information [B, D, F], nats, of resamples that draw image n `times` times; the cells stay as they are."""
    mi_nats_BDF = np.empty((len(times_BN), len(column_starts_D), len(rows_FN)))
    for factor, rows_N in enumerate(rows_FN):
        # images in the order of the factor's values: a row of the table sums a stretch of them
        order_N = np.argsort(rows_N, kind="stable")
        first_V = np.unique(rows_N[order_N], return_index=True)[1]
        ends_V = np.append(first_V[1:], len(rows_N))
        ordered_NC, ordered_BN = shares_NC[order_N], times_BN[:, order_N]
        block = max(1, _TABLE_ENTRIES // (len(first_V) * shares_NC.shape[1]))
        for begin in range(0, len(times_BN), block):
            resamples = slice(begin, begin + block)
            table_BVC = np.empty((len(times_BN[resamples]), len(first_V), shares_NC.shape[1]))
            for value, (first, end) in enumerate(zip(first_V, ends_V, strict=True)):
                table_BVC[:, value] = ordered_BN[resamples, first:end] @ ordered_NC[first:end]
            mi_nats_BDF[resamples, :, factor] = table_mi_nats(table_BVC, np.array([0]), column_starts_D)[..., 0]
            if progress is not None:
                progress(len(table_BVC))
    return mi_nats_BDF
