"""Every random stream is derived from one integer seed and a label, never from global state."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ifp.errors import bad_value


def derive_seed(seed: int, *labels: object) -> int:
    """A 63-bit seed for the stream named by `labels`, stable across machines and versions.

    >>> derive_seed(0, "contexts", "posX") == derive_seed(0, "contexts", "posX")
    True
    >>> derive_seed(0, "contexts", "posX") == derive_seed(0, "contexts", "posY")
    False
    """
    text = "\x1f".join([str(int(seed)), *map(str, labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def check_seed(seed: Any) -> None:
    """Raise IfpError unless `seed` is a whole number of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise bad_value("seed", seed, "a whole number of at least 0")


def numpy_generator(seed: int, *labels: object) -> np.random.Generator:
    """The NumPy generator of the stream named by `labels`."""
    return np.random.default_rng(derive_seed(seed, *labels))
