"""Opens a zip archive that may be hostile: its table of contents is checked before any entry is unpacked.

Source: the .ZIP file format specification, sections 4.3.14 to 4.3.16 (end of central directory, and its Zip64 form).
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO

from ifp.checkpoints.files.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, Budget, Unreadable

_END = struct.Struct("<4s4H2LH")
"""The end-of-central-directory record, the last bytes of an archive."""
_LOCATOR = struct.Struct("<4sLQL")
"""The Zip64 locator, which stands before that record in a large archive."""
_END_64 = struct.Struct("<4sQ2H2L4Q")
"""The Zip64 end-of-central-directory record, which stands before the locator."""
_BLOCK_BYTES = 2**20
"""How many bytes of an entry are unpacked at a time when only its checksum is asked for."""


class Archive:
    """The entries of a zip archive, by their path without the top folder into which torch puts everything."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        _check_directory(stream, length)
        self._zip = zipfile.ZipFile(stream)
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise Unreadable(f"is a zip archive of {len(entries)} entries, and at most {MAX_ENTRIES} are read")
        # torch's own reader ignores case in names, and both readers must see the same entries
        if len({entry.filename.casefold() for entry in entries}) < len(entries):
            raise Unreadable("is a zip archive in which two entries have the same name")
        if any(entry.flag_bits & 0x1 for entry in entries):
            raise Unreadable("is an encrypted zip archive", "save it without a password")
        budget = Budget(length)
        for entry in entries:
            if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
                raise Unreadable(f"is a zip archive whose entry {entry.filename!r} states two sizes")
            budget.spend(entry.file_size, f"the entry {entry.filename!r}")
        tops = {PurePosixPath(entry.filename).parts[:1] for entry in entries}
        top = f"{tops.pop()[0]}/" if len(tops) == 1 and all("/" in entry.filename for entry in entries) else ""
        self._entries = {entry.filename.removeprefix(top): entry for entry in entries}
        self.names = list(self._entries)
        if not any(entry.CRC for entry in entries):
            for entry in entries:
                del entry.CRC  # torch.serialization.set_crc32_options(False) writes none, and zipfile would miss them

    def size(self, name: str) -> int | None:
        """The number of bytes of the entry once it is unpacked, or None if there is no such entry."""
        return self._entries[name].file_size if name in self._entries else None

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of the entry, with its checksum verified.

        Raises
        ------
        Unreadable : if there is no such entry, if it is longer than `limit` or than its stated length, or if its
            checksum does not match.
        """
        if name not in self._entries:
            raise Unreadable(f"is a zip archive without the entry {name!r} that it refers to")
        entry = self._entries[name]
        if limit is not None and entry.file_size > limit:
            raise Unreadable(
                f"is a zip archive whose entry {name!r} has {entry.file_size} bytes, at most {limit} are read"
            )
        with self._checked(name):
            data = self._zip.read(entry)
        if len(data) != entry.file_size:
            raise Unreadable(f"is a zip archive whose entry {name!r} does not have the length that it states")
        return data

    def verify(self) -> None:
        """Compare the checksum of every entry with its bytes; torch's own reader does not, and takes a flipped bit.

        An archive without checksums (`torch.serialization.set_crc32_options(False)` writes zeros) passes.

        Raises
        ------
        Unreadable : at the first entry that differs; the clause names it.
        """
        for name, entry in self._entries.items():
            with self._checked(name), self._zip.open(entry) as unpacked:
                while unpacked.read(_BLOCK_BYTES):
                    pass

    @contextmanager
    def _checked(self, name: str) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Unreadable(f"is damaged: the bytes of its entry {name!r} do not match their checksum") from error


def _check_directory(stream: IO[bytes], length: int) -> None:
    """Refuse a table of contents that is too long or does not stand where the archive says.

    The `zipfile` module makes one object of every 46 bytes of the table. A file that was cut short may end with a
    complete smaller archive that was stored in it, whose table would then be read instead.
    """
    end = length - _END.size
    stream.seek(max(0, end - _LOCATOR.size - _END_64.size))
    tail = stream.read()
    if tail[-_END.size :][:4] != b"PK\5\6":
        raise Unreadable("is a zip archive that is cut short or has bytes appended to it")
    *_, size, start, _ = _END.unpack(tail[-_END.size :])
    locator = tail[: -_END.size][-_LOCATOR.size :]
    if locator[:4] == b"PK\6\7":
        end -= _LOCATOR.size + _END_64.size
        if end < 0 or tail[:4] != b"PK\6\6":
            raise Unreadable("is a damaged zip archive")
        *_, size, start = _END_64.unpack(tail[: _END_64.size])
    if start + size != end:
        raise Unreadable("is a zip archive that is cut short, or whose table of contents is not where it says")
    if size > MAX_DIRECTORY_BYTES:
        raise Unreadable(
            f"is a zip archive with a table of contents of {size} bytes, at most {MAX_DIRECTORY_BYTES} are read"
        )
