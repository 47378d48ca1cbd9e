"""A data set as one .npz file that other programs, and `npz:PATH`, can read; written as a stream.

Shapes: N images, F factors, C H W channels, rows, columns.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.seeds import numpy_generator
from ifp.system.files import whole_file
from ifp.system.progress import Progress, silent

BLOCK_IMAGES = 1024


def export_npz(
    dataset: FactorDataset,
    path: Path,
    *,
    nuisance: int | None = None,
    seed: int = 0,
    force: bool = False,
    progress: Progress = silent,
) -> None:
    """Write every image: `images` uint8 [N, H, W] or [N, H, W, C], `factors` int64 [N, F] (value indices),
    `factor_names` [F].

    The file appears whole or not at all, and memory holds one block of images. Equal calls give equal bytes.

    Parameters
    ----------
    nuisance : this one for all images. None means all of them, as successive images with equal factors, which
        `npz:PATH` takes for its nuisance again; where they are endless (colours, noise), one drawn for each image.
    seed : decides the drawn ones.
    force : overwrite an existing file.
    progress : called with the images done and the images in all.

    Raises
    ------
    IfpError : the file exists and `force` is off, or its folder does not exist.
    """
    if path.exists() and not force:
        raise IfpError(f"{path} exists; choose another name or overwrite it with `force=True`.")
    if not path.parent.is_dir():
        raise IfpError(f"There is no folder {path.parent} for {path.name}; make it first or choose another.")
    # before the file is there: an interrupt while numpy.random is being imported is swallowed in its compiled parts
    rng = numpy_generator(seed, "export", dataset.draw_label)
    with (
        whole_file(path) as partial,
        zipfile.ZipFile(partial, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        with archive.open("images.npy", "w", force_zip64=True) as stream:
            _write_images(dataset, stream, nuisance, rng, progress)
        # the small arrays come last, so that a reader who streams meets the images first
        index_N = np.arange(_count(dataset, nuisance)) // _repeats(dataset, nuisance)
        for name, array in [
            ("factors", dataset.space.unravel(index_N)),
            ("factor_names", np.array(dataset.space.names)),
        ]:
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def _write_images(
    dataset: FactorDataset, stream: IO[bytes], nuisance: int | None, rng: np.random.Generator, progress: Progress
) -> None:
    count, repeats = _count(dataset, nuisance), _repeats(dataset, nuisance)
    channels, height, width = dataset.image_shape
    shape = (count, height, width) if channels == 1 else (count, height, width, channels)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    for start in range(0, count, BLOCK_IMAGES):
        index_N = np.arange(start, min(start + BLOCK_IMAGES, count))
        if nuisance is not None:
            nuisance_N = np.full(len(index_N), nuisance)
        elif dataset.nuisance_values:
            nuisance_N = index_N % repeats
        else:
            nuisance_N = rng.integers(2**31, size=len(index_N))
        images_NCHW = dataset.render(dataset.space.unravel(index_N // repeats), nuisance_N)
        stream.write(np.ascontiguousarray(images_NCHW.transpose(0, 2, 3, 1)).tobytes())
        progress(f"Writing {dataset.name}", int(index_N[-1]) + 1, count)


def _repeats(dataset: FactorDataset, nuisance: int | None) -> int:
    """Images for each combination of factor values."""
    return max(1, dataset.nuisance_values) if nuisance is None else 1


def _count(dataset: FactorDataset, nuisance: int | None) -> int:
    return len(dataset.space) * _repeats(dataset, nuisance)
