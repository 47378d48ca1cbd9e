"""Images in memory with the values of their factors, which need not fill a grid.

Shapes: N images, F factors, G different factor values that exist, M images asked for, H W C of an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ifp.array_like import as_array
from ifp.datasets.accepted import AcceptedFactors, AcceptedImages, accept_factors, accept_images, factors_in_columns
from ifp.datasets.base import FactorDataset
from ifp.datasets.binning import Bins
from ifp.datasets.factors import MOVING, FactorSpace
from ifp.datasets.from_objects import arrays_of_object, is_data_object
from ifp.datasets.joint_sampler import FactorSampler
from ifp.datasets.layout import Grid, factors_of_grid, named_with, split_name
from ifp.errors import IfpError, bad_value
from ifp.seeds import numpy_generator
from ifp.system.progress import Progress, silent

_SHOWN_VALUES = 8
"""The number of a factor's values that a description lists; the rest is counted."""
_HASH_IMAGES = 4096
"""Images that are hashed at a time."""


class ArrayDataset(FactorDataset):
    """Images and factors that were read or given as arrays (`dataset`, `npz:PATH`, `images:FOLDER`).

    The values of a factor, whatever they are, are numbered 0, 1, ... in their order. Not every combination of them
    need exist; images with equal factor values are a nuisance ("repeat").

    Attributes
    ----------
    factor_values : the values of each factor, in the order of their numbers.
    done : in words, what was done to the arrays that were given.
    """

    def __init__(self, name: str, images: AcceptedImages, factors: AcceptedFactors, *, labelled: bool) -> None:
        self.name = name
        self.labelled = labelled
        self.done = (*images.done, *factors.done)
        self._images = images.images_NHWC
        columns = [np.unique(column_N, return_inverse=True) for column_N in factors.columns]
        self.factor_values: tuple[np.ndarray, ...] = tuple(values for values, _ in columns)
        self.space = FactorSpace(factors.names, tuple(len(values) for values in self.factor_values))
        _, rows, width, channels = self._images.shape
        self.image_shape = (channels, rows, width)

        positions_NF = np.stack([position_N for _, position_N in columns], axis=1)
        self._rows = _RowIndex(positions_NF, self.space.sizes)
        order_N = np.argsort(self._rows.code_N, kind="stable")
        self._image_of_slot_N = order_N
        self._first_slot_G, self._repeats_G = np.unique(
            self._rows.code_N[order_N], return_index=True, return_counts=True
        )[1:]
        self._positions_GF = positions_NF[order_N[self._first_slot_G]]
        self.nuisance_name = "repeat" if self._repeats_G.max() > 1 else ""
        self._contexts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._sha256 = self._content_sha256 = ""

    @property
    def num_images(self) -> float:
        """The stored ones."""
        return len(self._images)

    def checksum(self) -> str:
        """SHA-256 of what the images were read from, or of the images and factor values."""
        if not self._sha256:
            self._sha256 = self._digest()
        return self._sha256

    def _digest(self) -> str:
        values = repr([values.tolist() for values in self.factor_values])
        return hashlib.sha256(f"{self.space.names}{values}{self._content()}".encode()).hexdigest()

    def _content(self) -> str:
        """SHA-256 of the images in the order of their factors, and of the factors' numbers."""
        if not self._content_sha256:
            sha = hashlib.sha256(repr(self._images.shape).encode())
            for start in range(0, len(self._images), _HASH_IMAGES):
                sha.update(self._images[self._image_of_slot_N[start : start + _HASH_IMAGES]].data)
            for array in (self._positions_GF, self._repeats_G):
                sha.update(np.ascontiguousarray(array, dtype=np.int64).data)
            self._content_sha256 = sha.hexdigest()
        return self._content_sha256

    @property
    def draw_label(self) -> str:
        """Images and numbers of factors decide which contexts a seed draws: not what they were read from, nor how."""
        return f"own:{self._content()}"

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [M, C, H, W]; among images of equal factor values number (nuisance modulo how many).

        Raises
        ------
        IfpError : no image has these factor values.
        """
        group_M, exists_M = self._rows.find(np.asarray(positions_NF))
        if not exists_M.all():
            missing = tuple(int(value) for value in np.asarray(positions_NF)[~exists_M][0])
            raise IfpError(f"No image of {self.name} has the factor values numbered {missing} (of {self.space.names}).")
        slot_M = self._first_slot_G[group_M] + np.asarray(nuisance_N) % self._repeats_G[group_M]
        return np.ascontiguousarray(self._images[self._image_of_slot_N[slot_M]].transpose(0, 3, 1, 2))

    def sample_images(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """See `FactorDataset.sample_images`; the stored images are drawn, not the cells of the grid."""
        if count < 1:
            raise bad_value("images", count, "a whole number of at least 1")
        rng = numpy_generator(seed, "images", self.draw_label)
        there = len(self._images)
        slot_N = np.sort(rng.choice(there, count, replace=False)) if count < there else np.arange(there)
        group_N = np.searchsorted(self._first_slot_G, slot_N, side="right") - 1
        return self._positions_GF[group_N], slot_N - self._first_slot_G[group_N]

    def draw_images(self, sampler: FactorSampler, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """See `FactorDataset.draw_images`; the stored images are drawn, each as likely as its factor values."""
        if count < 1:
            raise bad_value("images", count, "a whole number of at least 1")
        rng = numpy_generator(seed, "regime", self.draw_label)
        positions_NF, nuisance_N = self.sample_images(len(self._images), seed)
        drawn_M = rng.choice(len(positions_NF), count, p=sampler.image_probabilities(positions_NF))
        return positions_NF[drawn_M], nuisance_N[drawn_M]

    def describe(self) -> dict[str, object]:
        """The common lines and the factors' own values."""
        lines = {**super().describe(), "images": len(self._images)}
        if self.done:
            lines["taken as"] = "; ".join(self.done)
        if not self.labelled:
            lines["labels"] = "none: the one factor is the image's number; IFPs of factors need an array 'factors'"
            return lines
        lines["factor values"] = {
            name: _shortened(values) for name, values in zip(self.space.names, self.factor_values, strict=True)
        }
        lines["combinations of factor values"] = f"{len(self._positions_GF)} of {len(self.space)} exist"
        return lines

    def num_contexts(self, factor: str) -> int:
        """How many contexts have at least two values of `factor`."""
        return len(self._contexts_of(factor)[0])

    def _context_at(self, factor: str, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bounds, positions_GF = self._contexts_of(factor)
        start, stop = bounds[number]
        at = self.space.index_of(factor)
        context = [int(value) for value in positions_GF[start]]
        context[at] = MOVING
        return tuple(context), tuple(int(value) for value in positions_GF[start:stop, at])

    def _contexts_of(self, factor: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows start..stop of each context with two values or more, and the existing rows in that order."""
        if factor not in self._contexts:
            at = self.space.index_of(factor)
            held = [index for index in range(len(self.space.names)) if index != at]
            # the last key is the first to sort by; the moving factor varies fastest
            order_G = np.lexsort([self._positions_GF[:, index] for index in [at, *reversed(held)]])
            positions_GF = self._positions_GF[order_G]
            new_G = (np.diff(positions_GF[:, held], axis=0, prepend=-1) != 0).any(axis=1)
            new_G[0] = True
            start = np.flatnonzero(new_G)
            bounds = np.stack([start, np.append(start[1:], len(positions_GF))], axis=1)
            self._contexts[factor] = (bounds[bounds[:, 1] - bounds[:, 0] >= 2], positions_GF)
        return self._contexts[factor]


def dataset(
    images: np.ndarray | Any,
    factors: np.ndarray | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    *,
    name: str = "arrays",
    grid: str | Grid | None = None,
    bins: str | Bins = None,
    progress: Progress = silent,
) -> ArrayDataset:
    """A data set from arrays in memory, or from a data set of Hugging Face's `datasets` or of PyTorch.

    Parameters
    ----------
    images : [N, H, W], [N, H, W, C] or [N, C, H, W], C 1, 3 or 4; uint8 in 0..255, bool, or fractions in 0..1. Or one
        split of a Hugging Face data set with a column of images, or a PyTorch Dataset whose items are (image, label) or
        {"image": image, ...}; each item is read once.
    factors : [N, F], or [N] for one: integers, text, or fractions that repeat. Without them the one factor is "image",
        the image's number, and there are no freezing points of factors. Of a data set of another library: names of the
        columns or labels that are factors; without them all that are numbers or text.
    names : of the F factors; "factor_0", ... without them.
    name : what tables and figures call the data.
    grid, bins : factors from the order of the images, and bins of continuous ones: see `ifp.load_dataset`.
    progress : called with the items read and all, of a data set of another library.

    Raises
    ------
    IfpError : arrays that cannot be taken, with the line of code that makes them fit.

    >>> import numpy as np
    >>> data = dataset(np.eye(4).reshape(4, 2, 2), [["a"], ["a"], ["b"], ["c"]], ["letter"])
    >>> data.space.sizes, data.done[0]
    ((3,), 'float64 in 0..1 rounded to 256 grey levels')
    """
    if not isinstance(name, str) or not name:
        raise bad_value("name", name, "a text with at least one letter")
    layout = split_name(named_with("", grid, bins))[1]
    labelled = factors is not None
    if is_data_object(images):
        held = arrays_of_object(images, factors, progress)
        accepted = accept_images(held.images, name)
        labelled = bool(held.names)
        given = _as_names(names if names is not None else held.names) if labelled else None
        columns = factors_in_columns(held.columns, given, len(accepted.images_NHWC), name, layout.bins)
        columns = AcceptedFactors(columns.columns, columns.names, (*held.done, *columns.done))
    else:
        accepted = accept_images(as_array(images, "images", objects=True), name)
        labels = None if factors is None else as_array(factors, "factors", objects=True)
        given = None if names is None else _as_names(names)
        columns = accept_factors(labels, given, len(accepted.images_NHWC), name, layout.bins)
    if layout.grid is not None:
        if labelled or names is not None:
            raise IfpError(f"{name} has factors of its own ({', '.join(columns.names)}); leave `grid` out.")
        columns = factors_of_grid(layout.grid, len(accepted.images_NHWC), name)
    return ArrayDataset(name, accepted, columns, labelled=labelled or layout.grid is not None)


def _as_names(names: Sequence[str]) -> np.ndarray:
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else []
    if not listed or not all(isinstance(name, str) for name in listed):
        raise bad_value("names", names, "a list with the name of each factor as text")
    return np.array(listed, dtype=str)


class _RowIndex:
    """Numbers the different rows of a table 0..G-1 in lexicographic order, and finds the number of a row.

    Column by column: the code of the columns so far and the next value make the next code. The product of all sizes
    may be far beyond 64 bits; code times size stays below N squared.
    """

    def __init__(self, positions_NF: np.ndarray, sizes: tuple[int, ...]) -> None:
        self._sizes = sizes
        self._levels: list[np.ndarray] = []
        self.code_N = np.zeros(len(positions_NF), dtype=np.int64)
        for column_N, size in zip(positions_NF.T, sizes, strict=True):
            level, self.code_N = np.unique(self.code_N * size + column_N, return_inverse=True)
            self._levels.append(level)

    def find(self, positions_MF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows' numbers, and whether each row exists (where not, the number means nothing)."""
        code_M = np.zeros(len(positions_MF), dtype=np.int64)
        exists_M: np.ndarray = np.all((positions_MF >= 0) & (positions_MF < np.array(self._sizes)), axis=1)
        for column_M, size, level in zip(positions_MF.T, self._sizes, self._levels, strict=True):
            wanted_M = code_M * size + column_M
            code_M = np.minimum(np.searchsorted(level, wanted_M), len(level) - 1)
            exists_M = exists_M & (level[code_M] == wanted_M)
        return code_M, exists_M


def _shortened(values: np.ndarray) -> str:
    shown = ", ".join(str(value) for value in values[:_SHOWN_VALUES])
    return f"{shown}, ... ({len(values)} values)" if len(values) > _SHOWN_VALUES else shown
