"""Writes the data set whose joint freezing points are known, as the tests have it.

python experiments/multi_rate/known.py known.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[2] / "tests" / "analysis" / "joint"


def main() -> None:
    """See the module."""
    sys.path.insert(0, str(TESTS))
    from known_joint import known_arrays

    arrays: dict[str, np.ndarray] = known_arrays()
    np.savez(sys.argv[1], **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
