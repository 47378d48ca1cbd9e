"""Codes: what an encoder says of N images, beside the factors that made them.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ifp.array_like import as_array, as_numbers
from ifp.datasets.accepted import accept_factors
from ifp.errors import IfpError, counted

LARGEST_MEAN = 1e8
"""A posterior mean or standard deviation beyond this is no code of a model that was trained with KL to N(0, 1)."""
ACTIVE_NATS = 0.1
"""A latent with at least this KL is active: the threshold at which the annealing test calls information frozen."""
FEWEST_IMAGES = 50
"""Images below which everything that is measured of codes would be noise."""


@dataclass(frozen=True, eq=False, repr=False)
class Codes:
    """The posteriors N(mean, exp(logvar)) of N images, and the images' factors where they are known.

    `Codes(mean, logvar)` is enough. Arrays, lists and tensors of any numeric type are taken; what cannot be is refused.

    Parameters
    ----------
    mean_ND, logvar_ND : [N, D], kept as float64; logvar is the log of the variance.
    factors_NF : [N, F], or [N] for one factor; None where nothing is known of what made the images. With
        `factor_sizes` these are positions, whole numbers with 0 <= position < size. Without, they are values of any
        kind (text, fractions that repeat), which are numbered 0, 1, ... in their order. Kept as int64 positions.
    factor_names : one name per factor; factor_0, factor_1, ... where none are given.
    factor_sizes : the number of values that each factor can take; the values that occur where none are given.
    unit : what one row is, in the singular, for sentences: "image", "cell", "sample".
    row_names_N : texts that say which row is which, as the names of cells; None where rows have no names. Codes that
        are compared must have the same, and are put into one order by them.
    left_out : names of rows that are not among these because a factor had no value there, by that factor.

    Raises
    ------
    IfpError : shapes that do not fit together, numbers that are not finite or too large to be codes, or factors that
        are continuous or lie outside their sizes.

    >>> Codes([[0.5, -0.1], [-0.5, 0.1]], [[-3, 0], [-3, 0]], ["square", "heart"], ["shape"])
    <Codes: 2 images, 2 latents, factors shape (2)>
    """

    mean_ND: np.ndarray
    logvar_ND: np.ndarray
    factors_NF: np.ndarray = None  # type: ignore[assignment]
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    unit: str = "image"
    row_names_N: np.ndarray | None = None
    left_out: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mean_ND, logvar_ND = as_numbers(self.mean_ND, "mean"), as_numbers(self.logvar_ND, "logvar")
        if mean_ND.ndim != 2 or mean_ND.shape != logvar_ND.shape or not mean_ND.size:
            raise IfpError(
                f"mean and logvar must both be [images, latents], got {mean_ND.shape} and {logvar_ND.shape}."
            )
        self._set("mean_ND", mean_ND)
        self._set("logvar_ND", logvar_ND)
        if not (np.isfinite(mean_ND).all() and np.isfinite(logvar_ND).all()):
            raise IfpError(
                "The posteriors hold NaN or infinite values; the encoder has diverged or was misread, so nothing can "
                "be measured."
            )
        if beyond_measure(mean_ND, logvar_ND):
            raise IfpError(
                f"The posteriors' means or standard deviations lie beyond {LARGEST_MEAN:g} or their KL beyond any "
                "number; the encoder has diverged or was misread, so nothing can be measured."
            )
        factors_NF, names, sizes = _factors(self.factors_NF, self.factor_names, self.factor_sizes, len(mean_ND))
        self._set("factors_NF", factors_NF)
        self._set("factor_names", names)
        self._set("factor_sizes", sizes)
        if self.row_names_N is not None:
            self._set("row_names_N", _row_names(self.row_names_N, len(mean_ND)))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        factors = ", ".join(f"{name} ({size})" for name, size in zip(self.factor_names, self.factor_sizes, strict=True))
        known = f"factors {factors}" if factors else "no factors"
        return f"<Codes: {counted(len(self), self.unit)}, {counted(self.num_latents, 'latent')}, {known}>"

    def __len__(self) -> int:
        return len(self.mean_ND)

    @property
    def num_latents(self) -> int:
        """D."""
        return self.mean_ND.shape[1]

    @property
    def has_factors(self) -> bool:
        """Whether anything is known of what made the images."""
        return bool(self.factor_names)

    def at_rows(self, rows: np.ndarray) -> Codes:
        """Of the rows at these places, in their order."""
        return replace(
            self,
            mean_ND=self.mean_ND[rows],
            logvar_ND=self.logvar_ND[rows],
            factors_NF=self.factors_NF[rows],
            row_names_N=None if self.row_names_N is None else self.row_names_N[rows],
        )

    def kl_nats_D(self) -> np.ndarray:
        """KL(q(z_j | x) || N(0, 1)) of each latent, averaged over the images."""
        return kl_nats(self.mean_ND, self.logvar_ND).mean(axis=0)


def kl_nats(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(logvar)) || N(0, 1)) per image and latent (Kingma and Welling 2014, appendix B)."""
    return 0.5 * (mean_ND**2 + np.exp(logvar_ND) - 1 - logvar_ND)


def beyond_measure(mean_ND: np.ndarray, logvar_ND: np.ndarray) -> bool:
    """Whether finite means or standard deviations lie beyond LARGEST_MEAN, or a latent's KL beyond any number."""
    if np.abs(mean_ND).max() > LARGEST_MEAN or logvar_ND.max() > 2 * np.log(LARGEST_MEAN):
        return True
    with np.errstate(over="ignore"):
        return not np.isfinite(kl_nats(mean_ND, logvar_ND).mean(axis=0)).all()


def _row_names(given: Any, rows: int) -> np.ndarray:
    names_N = np.asarray(given)
    if names_N.shape != (rows,):
        raise IfpError(f"row_names must be {rows} texts, one per row, got the shape {list(names_N.shape)}.")
    return names_N.astype(str)


def _factors(
    given: Any, names: Sequence[str], sizes: Sequence[int], images: int
) -> tuple[np.ndarray, tuple[str, ...], tuple[int, ...]]:
    """Positions int64 [N, F], names and sizes of the factors."""
    if given is None:
        if len(names) or len(sizes):
            raise IfpError("Names or sizes of factors are given without the factors; add them, [images, factors].")
        return np.zeros((images, 0), dtype=np.int64), (), ()
    factors_NF = as_array(given, "factors")
    factors_NF = factors_NF[:, None] if factors_NF.ndim == 1 else factors_NF
    count = len(names) or (factors_NF.shape[1] if factors_NF.ndim == 2 else 0)
    if factors_NF.shape != (images, count):
        raise IfpError(f"factors must be [images, factors] = [{images}, {count}], got {factors_NF.shape}.")
    if not count:
        return np.zeros((images, 0), dtype=np.int64), (), ()
    if isinstance(names, str):
        raise IfpError(f"factor_names must be a list of names, got the text {names!r}; write [{names!r}].")
    accepted = accept_factors(
        factors_NF, np.array([str(name) for name in names]) if len(names) else None, images, "the codes"
    )
    if not len(sizes):
        columns = [np.unique(column_N, return_inverse=True) for column_N in accepted.columns]
        positions_NF = np.stack([position_N for _, position_N in columns], axis=1).astype(np.int64)
        return positions_NF, accepted.names, tuple(len(values) for values, _ in columns)
    if len(sizes) != count:
        raise IfpError("Each factor needs its number of values.")
    if any(column_N.dtype.kind not in "iub" for column_N in accepted.columns):
        raise IfpError(
            "Factors with sizes must be positions, whole numbers 0 ... size - 1; leave factor_sizes out, and other "
            "values are numbered."
        )
    positions_NF = np.stack(accepted.columns, axis=1).astype(np.int64)
    if (positions_NF < 0).any() or (positions_NF >= np.array(sizes)).any():
        raise IfpError("A factor's position lies outside 0 ... size - 1; give integer positions.")
    return positions_NF, accepted.names, tuple(int(size) for size in sizes)
