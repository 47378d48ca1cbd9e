"""npz:PATH: a user's own images, with or without factors, from one .npz file.

Shapes: N images, F factors, G different factor values that exist, M images asked for, H W C of an image.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ifp.datasets.base import FactorDataset
from ifp.datasets.joint_sampler import FactorSampler
from ifp.datasets.npz_file import read_arrays
from ifp.errors import IfpError, bad_value
from ifp.factors import MOVING, FactorSpace
from ifp.seeds import numpy_generator

_ARRAYS = ("images", "factors", "factor_names")
_SHOWN_VALUES = 8
_HASH_BLOCK = 1 << 24


class NpzDataset(FactorDataset):
    """Images from an .npz file with the arrays

    - `images`: uint8 [N, H, W] or [N, H, W, C], C 1 or 3, in 0..255;
    - `factors` (optional): integers [N, F]; any values, they are numbered 0, 1, ... in their order;
    - `factor_names` (optional): F strings.

    Not every combination of factor values need exist; images with equal factor values are a nuisance ("repeat").
    Without `factors` the one factor is "image", the image's number.

    Raises
    ------
    IfpError : the file or an array in it is missing, damaged or not as above.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"npz:{path}"
        arrays = read_arrays(path, _ARRAYS)
        self._images = _check_images(path, arrays)
        self.labelled = "factors" in arrays
        factors_NF = _check_factors(path, arrays, len(self._images))
        columns = [np.unique(column_N, return_inverse=True) for column_N in factors_NF.T]
        self.factor_values: tuple[np.ndarray, ...] = tuple(values for values, _ in columns)
        self.space = FactorSpace(
            _check_names(path, arrays, len(columns)), tuple(len(values) for values in self.factor_values)
        )
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
        self._sha256 = ""

    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [M, C, H, W]; among images of equal factor values number (nuisance modulo how many).

        Raises
        ------
        IfpError : no image has these factor values.
        """
        group_M, exists_M = self._rows.find(np.asarray(positions_NF))
        if not exists_M.all():
            missing = tuple(int(value) for value in np.asarray(positions_NF)[~exists_M][0])
            raise IfpError(f"No image of {self.path} has the factor values numbered {missing} (of {self.space.names}).")
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

    def checksum(self) -> str:
        """SHA-256 of the file."""
        if not self._sha256:
            sha = hashlib.sha256()
            with self.path.open("rb") as file:
                while block := file.read(_HASH_BLOCK):
                    sha.update(block)
            self._sha256 = sha.hexdigest()
        return self._sha256

    @property
    def draw_label(self) -> str:
        """The file's content, not its path, decides which contexts a seed draws."""
        return f"npz:{self.checksum()}"

    def describe(self) -> dict[str, object]:
        """The common lines and the factors' own values."""
        lines = {**super().describe(), "images": len(self._images)}
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


def _check_images(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The images as uint8 [N, H, W, C]."""
    if "images" not in arrays:
        raise IfpError(f"{path} has no array 'images'; save it with numpy.savez(path, images=..., factors=...).")
    images = arrays["images"]
    if images.dtype != np.uint8:
        hold = f"{images.dtype}"
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            hold += " with NaN or infinite values"
        remedy = "multiply values in 0..1 by 255, round and cast to uint8" if images.dtype.kind in "fb" else "cast them"
        raise IfpError(f"The images of {path} must be uint8 in 0..255, got {hold}; {remedy}.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or min(images.shape) < 1:
        raise IfpError(
            f"The images of {path} must have the shape [N, H, W] or [N, H, W, C] with C 1 or 3, "
            f"got {list(arrays['images'].shape)}."
        )
    if len(images) < 2:
        raise IfpError(f"{path} holds 1 image and at least 2 are needed.")
    if images.max() <= 1:
        raise IfpError(
            f"The images of {path} hold no value above 1, which is black on the scale 0..255; "
            "multiply images in 0..1 by 255 before casting to uint8."
        )
    return images


def _check_factors(path: Path, arrays: dict[str, np.ndarray], count: int) -> np.ndarray:
    """The factor values [N, F], of the file or the images' numbers."""
    if "factors" not in arrays:
        return np.arange(count)[:, None]
    factors_NF = arrays["factors"]
    if factors_NF.dtype.kind not in "iu":
        raise IfpError(
            f"The factors of {path} must be integers, got {factors_NF.dtype}; "
            "number the values of each factor, e.g. with numpy.unique(..., return_inverse=True)."
        )
    if factors_NF.ndim != 2 or factors_NF.shape[1] < 1:
        raise IfpError(f"The factors of {path} must have the shape [N, F], got {list(factors_NF.shape)}.")
    if len(factors_NF) != count:
        raise IfpError(f"{path} holds {count} images but {len(factors_NF)} rows of factors; give one row an image.")
    return factors_NF


def _check_names(path: Path, arrays: dict[str, np.ndarray], count: int) -> tuple[str, ...]:
    if "factors" not in arrays:
        if "factor_names" in arrays:
            raise IfpError(f"{path} has factor_names but no factors; add the array 'factors' [N, F].")
        return ("image",)
    if "factor_names" not in arrays:
        return tuple(f"factor_{index}" for index in range(count))
    names = arrays["factor_names"]
    if names.dtype.kind != "U" or names.ndim != 1:
        raise IfpError(f"The factor_names of {path} must be a list of strings, got {names.dtype} {list(names.shape)}.")
    if len(names) != count:
        raise IfpError(f"{path} has {count} factors but {len(names)} factor_names; give one name a factor.")
    if len(set(names)) != count or "" in names:
        raise IfpError(
            f"The factor_names of {path} must be different and not empty, got {', '.join(map(repr, names.tolist()))}."
        )
    return tuple(str(name) for name in names)


def _shortened(values: np.ndarray) -> str:
    shown = ", ".join(str(value) for value in values[:_SHOWN_VALUES])
    return f"{shown}, ... ({len(values)} values)" if len(values) > _SHOWN_VALUES else shown
