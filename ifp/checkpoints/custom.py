"""Models of no known family: a function of the user's own, or codes that were saved as arrays.

Shapes: N images, D latents, F factors.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ifp.checkpoints.posteriors import Progress, Sample, encode_images
from ifp.checkpoints.records import Record
from ifp.codes import Codes
from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError

_ARRAYS = ("mean", "logvar", "factors", "factor_names", "factor_sizes", "step")


def read_encoder(name: str) -> Callable[[Any], Any]:
    """The function "package.module:function" of the user's own code, found as `python -m` would find it.

    Raises
    ------
    IfpError : no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise IfpError(f"--encoder must be package.module:function, got {name!r}.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise IfpError(
            f"--encoder {name} cannot be imported ({type(error).__name__}: {error}); give package.module:function with "
            "the module in this folder or installed."
        ) from error
    if not callable(function):
        raise IfpError(f"--encoder {name} is not a function.")
    return function


def encode_by_function(name: str, sample: Sample, device: str, progress: Progress) -> Record:
    """The codes that the user's function gives: float images [N, C, H, W] in [0, 1] -> (mean, logvar), [N, D] each.

    Raises
    ------
    IfpError : the function fails, or returns something else.
    """
    function = read_encoder(name)

    def encode(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            mean, logvar = (torch.as_tensor(part) for part in function(images))
        except Exception as error:
            raise IfpError(
                f"--encoder {name} failed on images of shape {list(images.shape)} ({type(error).__name__}: {error}); "
                "it must take a float tensor [N, C, H, W] in [0, 1] and return mean and logvar, [N, latents] each."
            ) from error
        if mean.ndim != 2 or mean.shape != logvar.shape or len(mean) != len(images):
            raise IfpError(
                f"--encoder {name} must return mean and logvar of shape [{len(images)}, latents], got "
                f"{list(mean.shape)} and {list(logvar.shape)}."
            )
        return mean, logvar

    mean_ND, logvar_ND = encode_images(encode, sample.images_NCHW, torch.device(device), progress)
    return Record(name, None, sample.codes(mean_ND, logvar_ND), reader="a function of the user's own")


def read_codes(path: Path) -> Record:
    """Codes from an .npz file with the arrays

    - `mean`, `logvar`: [N, D], logvar the log of the variance;
    - `factors` (optional): integers [N, F]; `factor_names`: F strings; `factor_sizes`: F integers (else max + 1);
    - `step` (optional): when in training.

    Raises
    ------
    IfpError : the file or an array in it is missing, damaged or not as above.
    """
    if not path.is_file():
        raise IfpError(f"There is no file {path}; --codes takes an .npz file with the arrays mean, logvar, factors.")
    arrays = read_arrays(path, _ARRAYS)
    for name in ("mean", "logvar"):
        if name not in arrays or arrays[name].dtype.kind not in "fiu":
            raise IfpError(f"{path} has no array of numbers {name!r}; save mean and logvar [images, latents].")
    mean_ND, logvar_ND = arrays["mean"].astype(np.float64), arrays["logvar"].astype(np.float64)
    factors_NF = arrays.get("factors", np.zeros((len(mean_ND), 0), dtype=np.int64))
    if factors_NF.dtype.kind not in "iu" or factors_NF.ndim != 2:
        raise IfpError(
            f"The factors of {path} must be integers [images, factors], got {factors_NF.dtype} "
            f"{list(factors_NF.shape)}; number the values of each factor 0, 1, ...."
        )
    count = factors_NF.shape[1]
    names = arrays.get("factor_names", np.array([f"factor_{index}" for index in range(count)], dtype=str))
    sizes = arrays.get("factor_sizes", factors_NF.max(axis=0, initial=-1).astype(np.int64) + 1)
    if names.dtype.kind != "U" or names.shape != (count,) or sizes.dtype.kind not in "iu" or sizes.shape != (count,):
        raise IfpError(f"{path} has {count} factors; factor_names and factor_sizes need one entry each.")
    step = arrays.get("step")
    return Record(
        path.stem,
        int(step) if step is not None and step.size == 1 and step.dtype.kind in "iu" else None,
        Codes(
            mean_ND,
            logvar_ND,
            factors_NF.astype(np.int64),
            tuple(str(name) for name in names),
            tuple(int(size) for size in sizes),
        ),
        reader="codes given as arrays",
    )
