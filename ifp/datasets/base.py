"""FactorDataset: what every data set gives, and how traversals are drawn from it.

Shapes: N images, F factors, C H W channels, rows, columns.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from ifp.datasets.factors import MOVING, FactorSpace, FactorTraversal
from ifp.datasets.joint_sampler import FactorSampler
from ifp.errors import IfpError, bad_value
from ifp.seeds import numpy_generator

NUISANCE_MODES = ("fixed", "random")


class FactorDataset(ABC):
    """Images with known factors of variation.

    Attributes
    ----------
    name : what `--dataset` says.
    space : the factors.
    image_shape : (C, H, W).
    nuisance_name : what varies beside the factors ("instance", "colour"), or "" if nothing does.
    nuisance_values : how many different ones there are, nuisance modulo that; 0 if none or endless.
    labelled : whether the factors are known; if not, the one "factor" is the image's number.
    done : in words, what was done to arrays that a user gave (a cast, channels moved).
    """

    name: str
    space: FactorSpace
    image_shape: tuple[int, int, int]
    nuisance_name: str = ""
    nuisance_values: int = 0
    labelled: bool = True
    done: tuple[str, ...] = ()

    def __repr__(self) -> str:
        factors = ", ".join(f"{name} ({size})" for name, size in zip(self.space.names, self.space.sizes, strict=True))
        known = f"factors {factors}" if self.labelled else "no factors"
        images = f"{int(self.num_images):,}" if math.isfinite(self.num_images) else "endless"
        return f"<{type(self).__name__} {self.name}: {images} images {self.image_shape}, {known}>"

    @abstractmethod
    def render(self, positions_NF: np.ndarray, nuisance_N: np.ndarray) -> np.ndarray:
        """Images, uint8 [N, C, H, W] in 0..255, at these factor values with these nuisances.

        `nuisance_N` holds one non-negative integer per image; equal integers mean an equal nuisance.
        Only the images asked for are made.
        """

    @abstractmethod
    def checksum(self) -> str:
        """A SHA-256 that identifies the images: of the files for stored data, of a fixed sample for rendered data."""

    @property
    def num_images(self) -> float:
        """How many different images there are; infinite where a nuisance is endless."""
        endless = bool(self.nuisance_name) and not self.nuisance_values
        return math.inf if endless else len(self.space) * max(1, self.nuisance_values)

    @property
    def listed_images(self) -> int:
        """How many images stand for the whole data set: all, or where a nuisance is endless one per combination."""
        return len(self.space) if math.isinf(self.num_images) else int(self.num_images)

    @property
    def draw_label(self) -> str:
        """What a seed is combined with to draw contexts and nuisances; the name, unless that holds a path."""
        return self.name

    def describe(self) -> dict[str, object]:
        """What `ifp data describe` prints, in print order."""
        return {
            "name": self.name,
            "images": self.listed_images,
            "image shape (C, H, W)": self.image_shape,
            "factors": dict(zip(self.space.names, self.space.sizes, strict=True)),
            "nuisance": (self.nuisance_name or "none")
            + (f", {self.nuisance_values} values" if self.nuisance_values else ""),
        }

    def identity(self) -> dict[str, Any]:
        """What a run's folder records of its images, as JSON holds it; equal for equal images and factors."""
        return {
            "name": self.name,
            "checksum": self.checksum(),
            "image_shape": list(self.image_shape),
            "factor_names": list(self.space.names) if self.labelled else [],
            "factor_sizes": list(self.space.sizes) if self.labelled else [],
        }

    def num_contexts(self, factor: str) -> int:
        """How many different contexts a traversal of `factor` can have."""
        return len(self.space) // self.space.size_of(factor)

    def _context_at(self, factor: str, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Context number `number` of `factor` (0 <= number < num_contexts) and the factor values that exist there."""
        at = self.space.index_of(factor)
        sizes = [size for index, size in enumerate(self.space.sizes) if index != at]
        held = [int(value) for value in np.unravel_index(number, sizes)] if sizes else []
        held.insert(at, MOVING)
        return tuple(held), tuple(range(self.space.sizes[at]))

    def sample_traversals(
        self, factor: str, contexts: int, seed: int, nuisance: str = "fixed"
    ) -> list[FactorTraversal]:
        """Draw `contexts` different traversals of `factor`, without replacement.

        The first k of a larger draw equal a draw of k: a run can be extended. `nuisance` is "fixed" (one nuisance
        for all images of a traversal) or "random" (a fresh one for every image, as in DEFT's own code).

        Raises
        ------
        IfpError : unknown factor, fewer than 1 context, or more than exist.
        """
        there = self.num_contexts(factor)
        if there < 1:
            raise IfpError(
                f"In {self.name} the factor {factor!r} never changes while the others are held; leave it out."
            )
        if contexts < 1 or contexts > there:
            raise bad_value(
                "contexts", contexts, f"between 1 and {there} (the contexts that exist for {factor!r} in {self.name})"
            )
        rng = numpy_generator(seed, "contexts", self.draw_label, factor)
        drawn: dict[int, None] = {}
        while len(drawn) < contexts:
            drawn.setdefault(int(rng.integers(there)))
        return [self._traversal(factor, number, seed, nuisance) for number in drawn]

    def _traversal(self, factor: str, number: int, seed: int, nuisance: str) -> FactorTraversal:
        context, values = self._context_at(factor, number)
        rng = numpy_generator(seed, "nuisance", self.draw_label, factor, number)
        if nuisance == "random":
            drawn = rng.integers(2**31, size=len(values))
        elif nuisance == "fixed":
            drawn = np.repeat(rng.integers(2**31), len(values))
        else:
            raise bad_value("nuisance", nuisance, " or ".join(NUISANCE_MODES))
        return FactorTraversal(factor, context, values, tuple(int(n) for n in drawn))

    def training_probabilities(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The distribution that the data set was made to be trained on: positions [N, F] -> probabilities [N].

        None, as for most data sets, where all images are alike. Evaluation always draws uniformly.
        """
        return None

    def sample_images(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Factor positions [N, F] and nuisances [N] of `count` different images, all equally likely.

        Drawn without replacement; all images, once each, where there are no more than `count`.
        """
        if count < 1:
            raise bad_value("images", count, "a whole number of at least 1")
        rng = numpy_generator(seed, "images", self.draw_label)
        each = max(1, self.nuisance_values)
        there = len(self.space) * each
        index_N = rng.choice(there, count, replace=False) if count < there else np.arange(there)
        # a nuisance of unknown size is drawn afresh for every image
        nuisance_N = index_N % each if self.nuisance_values else rng.integers(2**31, size=len(index_N))
        return self.space.unravel(index_N // each), nuisance_N

    def draw_images(self, sampler: FactorSampler, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Factor positions [N, F] and nuisances [N] of `count` images drawn with replacement as `sampler` has it."""
        if count < 1:
            raise bad_value("images", count, "a whole number of at least 1")
        rng = numpy_generator(seed, "regime", self.draw_label)
        positions_NF = sampler.draw(count, rng)
        return positions_NF, rng.integers(self.nuisance_values or 2**31, size=count)

    def shared_nuisance(self, traversal: FactorTraversal) -> int:
        """The nuisance that all images of a traversal have, of those that can be counted (an instance), else -1.

        Traversals that share it are no independent evidence on the factor.
        """
        numbers = set(traversal.nuisance)
        return numbers.pop() % self.nuisance_values if self.nuisance_values and len(numbers) == 1 else -1

    def traversal_images(self, traversal: FactorTraversal) -> np.ndarray:
        """The images uint8 [N, C, H, W] of one traversal; they may all be equal, and then nothing freezes."""
        return self.render(traversal.positions_NF(), np.array(traversal.nuisance, dtype=np.int64))

    def _sample_checksum(self, count: int = 64) -> str:
        """SHA-256 of `count` images spread evenly over the grid (for data that are rendered, not stored)."""
        index = np.linspace(0, len(self.space) - 1, min(count, len(self.space))).astype(np.int64)
        images = self.render(self.space.unravel(index), np.arange(len(index)))
        return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()

    @property
    def num_pixels(self) -> int:
        """Pixels times channels of one image."""
        return math.prod(self.image_shape)
