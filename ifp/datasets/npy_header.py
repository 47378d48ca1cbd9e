"""The header of an .npy file, whatever NumPy makes of a damaged one: a ValueError."""

from __future__ import annotations

import io
from tokenize import TokenError
from typing import IO

import numpy as np

Header = tuple[tuple[int, ...], bool, np.dtype[np.generic]]
"""Shape, whether the first index varies fastest, and type."""
_LONGEST = 2**16
"""Maximum number of bytes of a header; NumPy parses none of over 10,000."""


def read_npy_header(stream: IO[bytes]) -> Header:
    """What an array claims to be; the stream stands at its numbers afterwards.

    Raises
    ------
    ValueError : no header, one that claims more than 64 KiB, or one that cannot be parsed.
    """
    try:
        version = np.lib.format.read_magic(stream)
        # 3.0 differs from 2.0 only in the alphabet of the names of fields
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        length = stream.read(2 if version == (1, 0) else 4)
        claimed = int.from_bytes(length, "little")
        if claimed > _LONGEST:  # NumPy would read up to 4 GiB before it compares the length with a limit of its own
            raise ValueError(f"it claims a length of {claimed:,} bytes")
        shape, by_columns, dtype = read(io.BytesIO(length + stream.read(claimed)))
    except (SyntaxError, TokenError) as error:  # NumPy lets these through from its parser
        raise ValueError(str(error)) from error
    return shape, by_columns, dtype
