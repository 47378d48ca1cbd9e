"""HDF5 files of strangers, read with h5py: every claim is compared with what is expected or with the file's size first.

A data set is refused that lies elsewhere (external and soft links, external storage, virtual data sets), that needs a
filter which HDF5 would load as a plugin, or that claims more than the file can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ifp.datasets.hdf5_heaps import check_heaps
from ifp.errors import IfpError

BUILT_IN_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 6: "scaleoffset", 32000: "lzf"}
"""The numbers of filters that h5py itself brings."""
MAX_BYTES = 64 * 2**30
"""No array may be larger than this once unpacked (64 GiB)."""
MAX_CHUNK_BYTES = 2**30
"""No chunk, which is unpacked as a whole, may be larger than this (1 GiB)."""
MOST_TEXT_BYTES = 2**26
"""The texts of one data set may have at most this many bytes together (64 MiB)."""
_MOST_PADDED = 2**28
"""The texts of one data set may have at most this many characters together once all are as long as the longest."""
_MOST_COMPRESSION = 1100
"""Deflate makes at most 1,032 bytes of one."""
_SLACK_BYTES = 2**26
_TEXT_BYTES = 16
"""What stands in a data set for each text of variable length."""
_STRING_CLASS = 3
"""The number of HDF5's class of texts, H5T_STRING."""


@contextmanager
def opened(path: Path, advice: str, *, texts: bool = False) -> Iterator[Any]:
    """The h5py file at `path`; whatever is wrong with it or what is read from it becomes one sentence.

    Parameters
    ----------
    advice : what to do with a damaged file; the end of the sentence. texts : whether texts or attributes are read,
        whose heaps are looked through first, which reads the whole file.

    Raises
    ------
    IfpError : no h5py, no file, no HDF5, damage.
    """
    try:
        import h5py
    except ImportError as error:
        raise IfpError(
            f"Reading {path} needs the package h5py, which is not installed: pip install 'ifp[hdf5]'."
        ) from error
    if not path.is_file():
        raise IfpError(f"There is no file {path}; {advice}.")
    try:
        with h5py.File(path, "r") as file:
            if texts:
                check_heaps(path, advice)
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, IfpError):
            raise
        if isinstance(error, PermissionError):
            raise IfpError(f"{path} may not be read; ask its owner for the right, or copy it.") from error
        reason = " ".join(str(error).split())[:200]
        raise IfpError(f"{path} is damaged or no HDF5 file ({reason}); {advice}.") from error


def member(group: Any, name: str, path: Path) -> Any | None:
    """What lies under `name` (parts between slashes) in a group: a group or a data set; None where nothing does.

    Raises
    ------
    IfpError : a link on the way that leads elsewhere.
    """
    import h5py

    for part in name.split("/"):
        if not isinstance(group, h5py.Group):
            return None
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise IfpError(
                f"{path} has a link under {name!r} that leads elsewhere, which is not followed; write the data itself "
                "into the file."
            )
        group = group[part]
    return group


def checked(found: Any, name: str, path: Path) -> Any:
    """The data set `found`, when it is safe to read: inside the file, with built-in filters, no larger than it can be.

    Raises
    ------
    IfpError : it is not a data set, or not safe; the sentence says why.
    """
    import h5py

    if not isinstance(found, h5py.Dataset):
        raise IfpError(f"{path} has no array {name!r}; it may be a file of another kind.")
    if found.is_virtual or found.external:
        raise IfpError(
            f"The array {name!r} of {path} lies in other files, which are not opened; copy it into one file."
        )
    plan = found.id.get_create_plist()
    for at in range(plan.get_nfilters()):
        number = plan.get_filter(at)[0]
        if number not in BUILT_IN_FILTERS:
            raise IfpError(
                f"The array {name!r} of {path} is packed with filter {number}, which would have to be loaded from "
                "elsewhere; write it anew with compression='gzip' or none."
            )
    if found.shape is None:
        raise IfpError(f"The array {name!r} of {path} is empty.")
    if not _is_plain(found.dtype):
        raise IfpError(f"The array {name!r} of {path} holds neither numbers nor texts; write it anew.")
    claimed, held = math.prod(found.shape) * found.dtype.itemsize, found.id.get_storage_size()
    if claimed > min(MAX_BYTES, _SLACK_BYTES + _MOST_COMPRESSION * held):
        raise IfpError(
            f"The array {name!r} of {path} claims the shape {list(found.shape)} of {found.dtype}, "
            f"{claimed / 2**30:.1f} GiB, but {held / 2**20:.1f} MiB are there; get the file again from where it came."
        )
    if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > MAX_CHUNK_BYTES:
        raise IfpError(f"The array {name!r} of {path} has chunks of over 1 GiB; write it anew with smaller ones.")
    return found


def _is_plain(dtype: np.dtype) -> bool:
    """Whether all that lies outside the array itself is text: in lists of variable length and references of a damaged
    file the HDF5 library reads where there is nothing, and the process dies."""
    import h5py

    if dtype.subdtype is not None:
        return _is_plain(dtype.subdtype[0])
    if dtype.names is not None:
        return all(_is_plain(dtype[name]) for name in dtype.names)
    return dtype.kind != "O" or h5py.check_string_dtype(dtype) is not None


def text_attribute(found: Any, name: str, otherwise: str) -> str:
    """The text that a group or a data set has as an attribute, `otherwise` where it has none of that name that is a
    single text."""
    if name not in found.attrs:
        return otherwise
    about = found.attrs.get_id(name)
    if about.shape != () or not _is_plain(about.dtype):
        return otherwise
    value = found.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _check_lengths(found: Any, name: str, path: Path) -> None:
    """Raise IfpError for a text that claims to be longer than the file: the HDF5 library makes room for what it claims.

    Texts lie in a heap; in their place stand length, address and number, 16 bytes. Packed ones are not looked at.
    """
    size, places = path.stat().st_size, _places(found)
    with path.open("rb") as file:
        for start, length in places:
            file.seek(start)
            stored = file.read(min(length, size))
            lengths = np.frombuffer(stored[: len(stored) // _TEXT_BYTES * _TEXT_BYTES], "<u4")[::4]
            if lengths.max(initial=0) > size:
                raise IfpError(f"{path} is damaged: a text in {name!r} claims {lengths.max():,} bytes; write it anew.")


def _places(found: Any) -> list[tuple[int, int]]:
    """Where in the file a data set of texts lies as it is, start and bytes; nowhere if it is packed."""
    about = found.id
    if about.get_type().get_class() != _STRING_CLASS or about.get_create_plist().get_nfilters():
        return []
    if found.chunks:
        chunks = [about.get_chunk_info(at) for at in range(about.get_num_chunks())]
        return [(chunk.byte_offset, chunk.size) for chunk in chunks]
    start = about.get_offset()
    return [] if start is None else [(start, about.get_storage_size())]


def read_texts(found: Any, name: str, path: Path, rows: np.ndarray | None = None) -> np.ndarray:
    """The texts of a checked data set of one axis, one by one, because each may be as large as the file.

    Raises
    ------
    IfpError : over 64 MiB of text, or many texts one of which is very long.
    """
    _check_lengths(found, name, path)
    total, longest, texts = 0, 0, list[str]()
    for row in range(len(found)) if rows is None else rows:
        value = found[int(row)]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        total, longest = total + len(text), max(longest, len(text))
        # numpy gives every text the room of the longest
        if total > MOST_TEXT_BYTES or longest * (len(texts) + 1) > _MOST_PADDED:
            raise IfpError(
                f"The texts {name!r} of {path} have over 64 MiB or one is far too long; get the file again from where "
                "it came."
            )
        texts.append(text)
    return np.array(texts, dtype=str)
