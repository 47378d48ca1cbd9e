"""Posteriors of single-cell VAEs from AnnData files (.h5ad), as scvi-tools and what is built on it (DRVI) write them.

scvi-tools keeps the posterior of each cell, N(qzm, qzv) with qzv the variance, in `obsm` under keys that end in
`latent_qzm` and `latent_qzv` (its minified mode); the prior is N(0, I), as everywhere here. What is known of the cells
(type, batch) lies in `obs`. Read with h5py alone.

Shapes: N cells of the file, M cells that are read, D latents, F factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.checkpoints.obs_columns import column_names, num_cells, read_column, read_names, rows_of_matrix
from ifp.codes import Codes
from ifp.datasets.binning import Bins
from ifp.datasets.factors import check_factor_names
from ifp.datasets.hdf5_file import checked, member, opened, text_attribute
from ifp.errors import IfpError, bad_value
from ifp.seeds import check_seed, numpy_generator
from ifp.system.printable import listed
from ifp.system.progress import Say, unsaid

SUFFIX = ".h5ad"
MEAN_END, VARIANCE_END = "latent_qzm", "latent_qzv"
"""How the keys of posterior means and variances end."""
MOST_CELLS = 100_000
"""Of more cells than this a sample is taken: estimates of information get no better, and take longer."""
_HDF5_START = b"\x89HDF\r\n\x1a\n"
_MOST_NAMED = 30
"""Columns and keys that a sentence names, at most."""
_ADVICE = "write it anew with AnnData's write_h5ad"


@dataclass(frozen=True)
class CellOptions:
    """What is read of an AnnData file.

    Attributes
    ----------
    factors : columns of `obs` that are factors, such as ("cell_type", "batch").
    mean_key, variance_key : keys of `obsm`; None for those that end in latent_qzm and latent_qzv.
    bins : into how many bins of equally many cells columns of numbers are put.
    seed : of the sample where there are more than 100,000 cells.
    """

    factors: tuple[str, ...] = ()
    mean_key: str | None = None
    variance_key: str | None = None
    bins: Bins = None
    seed: int = 0


def is_cells(path: Path) -> bool:
    """Whether a file is to be read as cells: by its suffix or its first bytes."""
    if path.suffix == SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_HDF5_START)) == _HDF5_START
    except OSError:
        return False


def read_cells(
    path: str | Path,
    factors: str | Sequence[str] = (),
    *,
    mean_key: str | None = None,
    variance_key: str | None = None,
    bins: Bins = None,
    seed: int = 0,
    say: Say = unsaid,
) -> Codes:
    """The posteriors of an AnnData file's cells beside their factors, for `ifp.diagnose` and `ifp.channels`.

    Parameters
    ----------
    path : a .h5ad file with posterior means and variances in `obsm`.
    factors : columns of `obs`: categories, text, bool, whole numbers of up to 100 values; other numbers need `bins`.
        Cells without a value in one of them are left out.
    mean_key, variance_key : keys of `obsm`; without them those that end in latent_qzm and latent_qzv.
    bins : how many bins of equally many cells a column of numbers is put into: {"size": 5}, or a number for all.
    seed : draws 100,000 cells where there are more.
    say : called with what was left out.

    Raises
    ------
    IfpError : no h5py, no such file, key or column, damage, sparse matrices, variances that are none.
    """
    named = (factors,) if isinstance(factors, str) else tuple(factors)
    check_seed(seed)
    path = Path(path)
    with opened(path, _ADVICE, texts=True) as file:
        obs = member(file, "obs", path)
        if obs is None:
            raise IfpError(f"{path} has no obs, as AnnData files have; {_ADVICE}.")
        count = num_cells(obs, path)
        mean, variance = _posteriors(file, mean_key, variance_key, count, path)
        rows_M = np.arange(count)
        if count > MOST_CELLS:
            rows_M = np.sort(numpy_generator(seed, "cells").choice(count, MOST_CELLS, replace=False))
            say(f"{path.name}: {MOST_CELLS:,} of {count:,} cells, drawn by seed {seed}.")
        if not named:
            columns_there = listed(column_names(obs), _MOST_NAMED) or "none"
            say(f"{path.name}: no factors are named; columns of obs are {columns_there}.")
        check_factor_names(named, len(named), str(path))
        if isinstance(bins, Mapping) and (strangers := sorted(set(bins) - set(named))):
            raise IfpError(f"Bins are given for {strangers[0]!r}, which is not among the factors; add it there.")
        columns = [read_column(file, name, rows_M, count, bins, path) for name in named]
        there_M = np.ones(len(rows_M), dtype=bool)
        for name, column in zip(named, columns, strict=True):
            if without := int(column.missing_M.sum()):
                say(f"{path.name}: cells without a value of {name}, which are left out: {without:,}.")
            there_M &= ~column.missing_M
        if not there_M.any():
            raise IfpError(f"No cell of {path} has a value of {' and '.join(named)}; name other columns.")
        all_names_M = read_names(obs, rows_M, path)
        left_out = {
            name: all_names_M[column.missing_M]
            for name, column in zip(named, columns, strict=True)
            if all_names_M is not None and column.missing_M.any()
        }
        rows_M = rows_M[there_M]
        mean_MD = rows_of_matrix(mean, rows_M).astype(np.float64)
        variance_MD = rows_of_matrix(variance, rows_M).astype(np.float64)
        names_M = None if all_names_M is None else all_names_M[there_M]
    if not (np.isfinite(variance_MD).all() and (variance_MD > 0).all()):
        raise IfpError(
            f"The variances of {path} must be positive, got {variance_MD.min():g} as the lowest; they are qz.scale**2, "
            "not its logarithm."
        )
    positions = [np.unique(column.values_M[there_M], return_inverse=True) for column in columns]
    factors_MF = np.stack([position for _, position in positions], axis=1) if named else None
    sizes = tuple(len(values) for values, _ in positions)
    return Codes(
        mean_MD, np.log(variance_MD), factors_MF, named, sizes, "cell", names_M, left_out  # type: ignore[arg-type]
    )  # fmt: skip


def _posteriors(file: Any, mean_key: str | None, variance_key: str | None, count: int, path: Path) -> tuple[Any, Any]:
    """The two data sets [N, D] of `obsm`."""
    obsm = member(file, "obsm", path)
    if obsm is None or not hasattr(obsm, "keys"):
        raise IfpError(f"{path} has no obsm with posteriors; {_ADVICE}.")
    keys = [str(key) for key in obsm]
    mean = _matrix(obsm, _key(keys, mean_key, MEAN_END, "mean_key", path), count, path)
    variance = _matrix(obsm, _key(keys, variance_key, VARIANCE_END, "variance_key", path), count, path)
    if mean.shape != variance.shape:
        raise IfpError(
            f"Means and variances of {path} have the shapes {list(mean.shape)} and {list(variance.shape)}; name the "
            "two keys of one model."
        )
    return mean, variance


def _key(keys: list[str], given: str | None, end: str, option: str, path: Path) -> str:
    if given is not None:
        if given not in keys:
            raise bad_value(
                f"`{option}`", given, f"a key of obsm in {path} ({listed(keys, _MOST_NAMED) or 'there is none'})"
            )
        return given
    found = [key for key in keys if key.endswith(end)]
    if len(found) > 1:
        several = listed(found, _MOST_NAMED)
        raise IfpError(f"obsm of {path} has several keys that end in {end}: {several}; name one as `{option}`.")
    if not found:
        there = listed(keys, _MOST_NAMED) or "none"
        raise IfpError(
            f"obsm of {path} has no key that ends in {end} (it has {there}); scvi-tools gives both with "
            f"get_latent_representation(return_dist=True), or name another as `{option}`."
        )
    return found[0]


def _matrix(obsm: Any, key: str, count: int, path: Path) -> Any:
    found = member(obsm, key, path)
    if not hasattr(found, "dtype"):
        kind = text_attribute(found, "encoding-type", "") if found is not None else ""
        what = "sparse" if "matrix" in kind else "no plain array"
        raise IfpError(f"obsm[{key!r}] of {path} is {what}; save posteriors as an array [cells, latents].")
    matrix = checked(found, f"obsm/{key}", path)
    if len(matrix.shape) != 2 or matrix.shape[0] != count or not matrix.shape[1] or matrix.dtype.kind not in "fiu":
        raise IfpError(
            f"obsm[{key!r}] of {path} must be numbers [{count} cells, latents], got {matrix.dtype} "
            f"{list(matrix.shape)}."
        )
    return matrix
