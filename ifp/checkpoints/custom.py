"""Models of no known family: a function of the user's own, or codes that were saved as arrays.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.checkpoints.cells import CellOptions, is_cells, read_cells
from ifp.checkpoints.in_memory import encode_in_memory
from ifp.checkpoints.posteriors import Sample
from ifp.checkpoints.run_records import Record
from ifp.codes import Codes
from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError, counted
from ifp.system.progress import Progress, Say, unsaid

_ARRAYS = ("mean", "logvar", "factors", "factor_names", "factor_sizes", "step")
MAX_VALUES = 10_000
"""Maximum number of values per factor; memory grows with values x latents x resamples."""


@dataclass(frozen=True)
class EncoderByName:
    """A function of the user's own, by its name "package.module:function"; it is imported when it is asked."""

    name: str


def read_encoder(name: str) -> Callable[[Any], Any]:
    """The function "package.module:function" of the user's own code, found as `python -m` would find it.

    Raises
    ------
    IfpError : no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise IfpError(f"A function of yours is named as package.module:function, got {name!r}.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (Exception, SystemExit) as error:  # whatever the user's module raises while it is imported
        raise IfpError(
            f"`model={name!r}` cannot be imported ({type(error).__name__}: {error}); give package.module:function with "
            "the module in this folder or installed."
        ) from error
    if not callable(function):
        raise IfpError(f"`model={name!r}` is not a function.")
    return function


def encode_by_function(name: str, sample: Sample, device: str, progress: Progress) -> Record:
    """The codes that the user's function gives: float images [N, C, H, W] in [0, 1] -> (mean, logvar), [N, D] each.

    Raises
    ------
    IfpError : the function fails, or returns something else.
    """
    function, called = read_encoder(name), f"`model={name!r}`"
    return encode_in_memory(function, sample, progress, name=name, device=device, called=called)


def read_codes(path: Path, cells: CellOptions | None = None, say: Say = unsaid) -> Record:
    """Codes from a .h5ad file, of which `cells` says what is read (`ifp.checkpoints.cells`), or an .npz file with

    - `mean`, `logvar`: [N, D], logvar the log of the variance;
    - `factors` (optional): integers [N, F]; `factor_names`: F strings;
    - `factor_sizes` (optional): F integers, where the values are positions 0 ... size - 1. Without it any values do:
      they are numbered in their order;
    - `step` (optional): when in training.

    What the rows of an .npz file are is not known: sentences call them samples, those of a .h5ad file cells.

    Raises
    ------
    IfpError : the file or an array in it is missing, damaged or not as above.
    """
    if not path.is_file():
        raise IfpError(
            f"There is no file {path}; codes are an .npz file with the arrays mean, logvar, factors, or a .h5ad file."
        )
    if is_cells(path):
        how = cells or CellOptions()
        codes = read_cells(
            path, how.factors, mean_key=how.mean_key, variance_key=how.variance_key, bins=how.bins, seed=how.seed,
            say=say,
        )  # fmt: skip
        return Record(path.stem, None, codes, reader="posteriors of cells in an AnnData file")
    if cells is not None and (cells.factors or cells.mean_key or cells.variance_key or cells.bins is not None):
        raise IfpError(
            f"{path} is an .npz file, whose factors and arrays have names of their own; `factors` of cells, `bins`, "
            "`mean_key` and `variance_key` are for .h5ad files, so leave them out."
        )
    arrays = read_arrays(path, _ARRAYS)
    for name in ("mean", "logvar"):
        if name not in arrays or arrays[name].dtype.kind not in "fiu":
            raise IfpError(f"{path} has no array of numbers {name!r}; save mean and logvar [images, latents].")
    mean_ND, logvar_ND = arrays["mean"].astype(np.float64), arrays["logvar"].astype(np.float64)
    if mean_ND.ndim != 2:
        raise IfpError(f"The mean of {path} must be [images, latents], got {list(mean_ND.shape)}.")
    factors_NF, names, sizes = _read_factors(path, arrays, len(mean_ND))
    step = arrays.get("step")
    return Record(
        path.stem,
        int(step.item()) if step is not None and step.size == 1 and step.dtype.kind in "iu" else None,
        Codes(mean_ND, logvar_ND, factors_NF, names, sizes, unit="sample"),
        reader="codes given as arrays",
    )


def _read_factors(
    path: Path, arrays: dict[str, np.ndarray], images: int
) -> tuple[np.ndarray, tuple[str, ...], tuple[int, ...]]:
    """Positions [N, F], names and sizes of the factors."""
    factors_NF = arrays.get("factors", np.zeros((images, 0), dtype=np.int64))
    if factors_NF.dtype.kind not in "iu" or factors_NF.ndim != 2:
        raise IfpError(
            f"The factors of {path} must be integers [images, factors], got {factors_NF.dtype} "
            f"{list(factors_NF.shape)}; number the values of each factor 0, 1, ...."
        )
    count = factors_NF.shape[1]
    names = arrays.get("factor_names", np.array([f"factor_{index}" for index in range(count)], dtype=str))
    if names.dtype.kind != "U" or names.shape != (count,) or len({*names.tolist(), ""}) <= count:
        raise IfpError(
            f"{path} has {counted(count, 'factor')}; factor_names needs {count} different strings, none of them empty."
        )
    if "factor_sizes" in arrays:
        given = arrays["factor_sizes"]
        if given.dtype.kind not in "iu" or given.shape != (count,):
            raise IfpError(f"{path} has {counted(count, 'factor')}; factor_sizes needs {count} whole numbers.")
        sizes = tuple(int(size) for size in given)
    else:
        columns = [np.unique(column_N, return_inverse=True) for column_N in factors_NF.T]
        factors_NF = np.stack([at_N for _, at_N in columns], axis=1) if columns else factors_NF
        sizes = tuple(len(values) for values, _ in columns)
    if max(sizes, default=0) > MAX_VALUES:
        raise IfpError(
            f"The factor {str(names[int(np.argmax(sizes))])!r} of {path} has {max(sizes):,} values, and at most "
            f"{MAX_VALUES:,} are measured; put neighbouring values together or leave it out."
        )
    return factors_NF.astype(np.int64), tuple(str(name) for name in names), sizes
