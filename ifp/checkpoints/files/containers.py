"""Which container a file is, by its first and last bytes and never by its suffix; and how failures to read are told."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.leveldb_table import TABLE_MAGIC
from ifp.checkpoints.files.limits import MAX_FILE_BYTES, SAVE_WEIGHTS, Unreadable
from ifp.checkpoints.files.safetensors_file import looks_like_safetensors
from ifp.checkpoints.files.torch_files import LEGACY_MAGIC
from ifp.errors import IfpError
from ifp.system.printable import printable

T = TypeVar("T")

_RUN_IT = (
    "load it with {} in a function of yours that returns mean and logvar and give that "
    "by `model='package.module:function'` (docs/diagnosis.md shows one), or mean and logvar as ifp.Codes(mean, logvar)"
)
"""What to do with a model that only another library can run."""
_OTHER_KINDS = [  # position, first bytes, what the file is, what to do
    (257, b"ustar", "is a tar archive (torch before 0.1.10 wrote those, and torch.load refuses them)", SAVE_WEIGHTS),
    (0, b"\x89HDF\r\n\x1a\n", "is an HDF5 file (Keras, h5py), and those are not read", _RUN_IT.format("Keras")),
    (0, b"\x08\x01\x12", "is a SavedModel's graph (TensorFlow), which is a program", _RUN_IT.format("TensorFlow")),
    (0, b"\x1f\x8b", "is compressed with gzip", "unpack it first"),
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the file itself", "fetch the file with git lfs pull"),
    (0, b"<!DOCTYPE", "is a web page, not a checkpoint", "download the file itself"),
    (0, b"<html", "is a web page, not a checkpoint", "download the file itself"),
    (0, b"\x80", "is a plain Python pickle and not a torch.save file (pythae's encoder.pkl is one), which can only be "
     "read by running the code in it", SAVE_WEIGHTS),
]  # fmt: skip
"""Files that are often taken for checkpoints and are not read, checked in this order."""
_READ = "torch.save files, TorchScript, torch.export, safetensors and TensorFlow checkpoints are read"
_HEAD_BYTES = 512
"""How many of the first bytes of a file decide what it is."""
_LONGEST_CLAUSE = 400
"""Maximum number of characters of what is said of a file."""
BROKEN = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    AssertionError, struct.error, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile,
)  # fmt: skip
"""The errors that zipfile, json, pickletools, NumPy and torch raise when they read a damaged file."""


def sniff(path: Path) -> str:
    """The container of a file.

    Returns
    -------
    "torch zip", "legacy torch", "TorchScript", "torch.export", "safetensors" or "TensorFlow bundle".

    Raises
    ------
    IfpError : if there is no such file, or if it is of another kind; the message says which, and what to do.
    """
    return in_one_sentence(_sniff, path)


def in_one_sentence(read: Callable[[Path], T], path: Path) -> T:
    """The result of `read(path)`.

    Raises
    ------
    IfpError : if reading fails in whatever way; the message is one sentence.
    """
    try:
        return read(path)
    except Unreadable as error:
        raise IfpError(f"{path} {_one_line(error.clause)}; {error.remedy}.") from error
    except MemoryError as error:
        raise IfpError(f"{path} needs more memory than this machine can give; {SAVE_WEIGHTS}.") from error
    except BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise IfpError(f"{path} cannot be read ({reason}); get it again from where it came.") from error


def _one_line(clause: str) -> str:
    """`clause`, which may quote the file, without characters that break a line or move a terminal's cursor."""
    escaped = printable(clause)
    return escaped if len(escaped) <= _LONGEST_CLAUSE else f"{escaped[:_LONGEST_CLAUSE]}..."


def file_to_open(path: Path) -> Path:
    """The file itself, or the index if `path` is the prefix or a data file of a TensorFlow checkpoint.

    Raises
    ------
    Unreadable : if there is no such file.
    """
    prefix = re.sub(r"\.data-\d{5}-of-\d{5}$", "", str(path))
    index = Path(f"{prefix}.index")
    if index.is_file() and (prefix != str(path) or not path.is_file()):
        return index
    if path.is_dir():
        raise Unreadable("is a folder, not a file", "give the checkpoint file inside it")
    if not path.is_file():
        raise Unreadable("does not exist", "give the path of a checkpoint file")
    return path


def _sniff(path: Path) -> str:
    with file_to_open(path).open("rb") as stream:
        return container_of(stream)


def container_of(stream: IO[bytes]) -> str:
    """The container of an open file, as `sniff` returns it.

    Raises
    ------
    Unreadable : if it is none that is read.
    """
    length = stream.seek(0, 2)
    if not length:
        raise Unreadable("is empty", "copy or download it again")
    if length > MAX_FILE_BYTES:
        raise Unreadable(f"has {length / 2**30:.1f} GiB, and at most {MAX_FILE_BYTES // 2**30} are read", SAVE_WEIGHTS)
    stream.seek(max(0, length - len(TABLE_MAGIC)))
    tail = stream.read()
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip_container(Archive(stream, length))
    if head.startswith(b"\x80") and LEGACY_MAGIC in head[:32]:
        return "legacy torch"
    if tail == TABLE_MAGIC:
        return "TensorFlow bundle"
    if looks_like_safetensors(head):  # before the other kinds: its first byte is part of a length and may be any
        return "safetensors"
    for position, magic, clause, remedy in _OTHER_KINDS:
        if head[position:].startswith(magic):
            raise Unreadable(clause, remedy)
    if _looks_like_onnx(head):
        raise Unreadable(
            "is an ONNX model, a program whose weights have lost their names", _RUN_IT.format("onnxruntime")
        )
    raise Unreadable(f"is not a checkpoint of a known kind ({_READ})", SAVE_WEIGHTS)


def _looks_like_onnx(head: bytes) -> bool:
    """Whether a file with these first bytes may be an ONNX model: a version, then its producer's name or a graph."""
    return len(head) > 8 and head[0] == 0x08 and 2 <= head[1] < 64 and head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x3A, 0x42)


def _zip_container(archive: Archive) -> str:
    names = archive.names
    if any(name in ("archive_format", "serialized_exported_program.json") for name in names):
        return "torch.export"
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return "TorchScript"
    if "data.pkl" in names:
        return "torch zip"
    if "model.weights.h5" in names:
        raise Unreadable("is a Keras model, and those are not read", _RUN_IT.format("Keras"))
    if names and all(name.endswith(".npy") for name in names):
        raise Unreadable(
            "is a NumPy .npz archive, not a checkpoint",
            "if it holds mean and logvar, give them as ifp.Codes(mean, logvar)",
        )
    raise Unreadable("is a zip archive but not a checkpoint", "unpack it and give the checkpoint inside")
