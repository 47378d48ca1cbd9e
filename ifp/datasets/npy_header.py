"""The header of an .npy file, whatever NumPy makes of a damaged one: a ValueError."""

from __future__ import annotations

from tokenize import TokenError
from typing import IO

import numpy as np

Header = tuple[tuple[int, ...], bool, np.dtype[np.generic]]
"""Shape, whether the first index varies fastest, and type."""


def read_npy_header(stream: IO[bytes]) -> Header:
    """What an array claims to be; the stream stands at its numbers afterwards.

    Raises
    ------
    ValueError : no header, or one that cannot be parsed.
    """
    try:
        version = np.lib.format.read_magic(stream)
        # 3.0 differs from 2.0 only in the alphabet of the names of fields
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read(stream)
    except (SyntaxError, TokenError) as error:  # NumPy lets these through from its parser
        raise ValueError(str(error)) from error
    return shape, by_columns, dtype
