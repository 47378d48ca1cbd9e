"""What a checkpoint file holds, as plain data: the one way in which this package opens other people's files.

Every file is first outlined (what objects there are, and whether every size that it states is honest), which runs and
allocates nothing on the file's word. Then torch's own `torch.load(weights_only=True)` reads a torch.save file that
names only what is known here; where it refuses, or where the file names other classes, the inert reader's tensors are
used. Classes that are not known become `Foreign` objects. The format is found by content, never by suffix.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.export_files import read_exported, read_torchscript
from ifp.checkpoints.files.limits import MAX_FILE_BYTES, SAVE_WEIGHTS, Unreadable
from ifp.checkpoints.files.plain_data import Foreign, plain_tree
from ifp.checkpoints.files.printable import printable
from ifp.checkpoints.files.safetensors_file import looks_like_safetensors, read_safetensors
from ifp.checkpoints.files.tensor_bundle import TABLE_MAGIC, read_tensor_bundle
from ifp.checkpoints.files.torch_files import LEGACY_MAGIC, Outline, outline_legacy, outline_zip, refuse_module
from ifp.errors import IfpError

__all__ = ["Contents", "Foreign", "read_contents", "sniff"]

T = TypeVar("T")

INERT = "inert reader"
WEIGHTS_ONLY = "torch.load(weights_only=True)"

_RUN_IT = (
    "load it with {} in a function of yours that returns mean and logvar and give that by --encoder "
    "package.module:function (docs/diagnosis.md shows one), or save mean and logvar yourself and give them by --codes"
)
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
_READ = "torch.save files, TorchScript, torch.export, safetensors and TensorFlow checkpoints are read"
_LONGEST_CLAUSE = 400
# what zipfile, json, pickletools and NumPy raise on a damaged file
_BROKEN = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    struct.error, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Contents:
    """A checkpoint as plain data.

    `tree` is made of dict (keys str or int), list, tuple, str, int, float, bool, None, Foreign and arrays: float32 for
    every floating type, else integers or bool. `foreign` names what was turned into stubs, sorted.
    """

    path: Path
    container: str
    reader: str
    tree: object
    foreign: tuple[str, ...]


def sniff(path: Path) -> str:
    """The container that a file is by its first and last bytes.

    Returns "torch zip", "legacy torch", "TorchScript", "torch.export", "safetensors" or "TensorFlow bundle".

    Raises
    ------
    IfpError : no such file, or one of another kind; the sentence says which and what to do.
    """
    return _guarded(_sniff, path)


def read_contents(path: Path) -> Contents:
    """Read a checkpoint file; of a TensorFlow checkpoint give the .index file, a .data file or their prefix.

    Raises
    ------
    IfpError : not a checkpoint, damaged, or with sizes that are not those of the file; nothing in it is ever run.
    """
    return _guarded(_read, path)


def _guarded(read: Callable[[Path], T], path: Path) -> T:
    """Whatever goes wrong inside becomes one sentence."""
    try:
        return read(path)
    except Unreadable as error:
        raise IfpError(f"{path} {_one_line(error.clause)}; {error.remedy}.") from error
    except MemoryError as error:
        raise IfpError(f"{path} needs more memory than this machine can give; {SAVE_WEIGHTS}.") from error
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise IfpError(f"{path} cannot be read ({reason}); get it again from where it came.") from error


def _one_line(clause: str) -> str:
    """`clause`, in which a file may be quoted, without what would break a line or move a terminal's cursor."""
    shown = printable(clause)
    return shown if len(shown) <= _LONGEST_CLAUSE else f"{shown[:_LONGEST_CLAUSE]}..."


def _located(path: Path) -> Path:
    """The file to open: the index where `path` is the prefix or a data file of a TensorFlow checkpoint."""
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
    with _located(path).open("rb") as stream:
        return _container(stream)


def _container(stream: IO[bytes]) -> str:
    length = stream.seek(0, 2)
    if not length:
        raise Unreadable("is empty", "copy or download it again")
    if length > MAX_FILE_BYTES:
        raise Unreadable(f"has {length / 2**30:.1f} GiB, and at most {MAX_FILE_BYTES // 2**30} are read", SAVE_WEIGHTS)
    stream.seek(max(0, length - len(TABLE_MAGIC)))
    tail = stream.read()
    stream.seek(0)
    head = stream.read(512)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip_container(Archive(stream, length))
    if head.startswith(b"\x80") and LEGACY_MAGIC in head[:32]:
        return "legacy torch"
    if tail == TABLE_MAGIC:
        return "TensorFlow bundle"
    if looks_like_safetensors(head):  # before the others: its first byte, of a length, may be any
        return "safetensors"
    for position, magic, clause, remedy in _OTHER_KINDS:
        if head[position:].startswith(magic):
            raise Unreadable(clause, remedy)
    if looks_like_onnx(head):
        raise Unreadable(
            "is an ONNX model, a program whose weights have lost their names", _RUN_IT.format("onnxruntime")
        )
    raise Unreadable(f"is not a checkpoint of a known kind ({_READ})", SAVE_WEIGHTS)


def looks_like_onnx(head: bytes) -> bool:
    """Whether a file of these first bytes may be an ONNX model: a version, then its producer's name or a graph."""
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
        raise Unreadable("is a NumPy .npz archive, not a checkpoint", "give it by --codes if it holds mean and logvar")
    raise Unreadable("is a zip archive but not a checkpoint", "unpack it and give the checkpoint inside")


def _read(path: Path) -> Contents:
    file = _located(path)
    reader = INERT
    tree: object
    with file.open("rb") as stream:
        container = _container(stream)
        length = stream.seek(0, 2)
        if container == "torch zip":
            reader, tree, foreign = _read_torch(outline_zip(Archive(stream, length)), stream)
        elif container == "legacy torch":
            reader, tree, foreign = _read_torch(outline_legacy(stream, length), stream)
        elif container == "TorchScript":
            tree, foreign = read_torchscript(Archive(stream, length))
        elif container == "torch.export":
            tree, foreign = read_exported(Archive(stream, length))
        elif container == "safetensors":
            tree, foreign = read_safetensors(stream, length)
        else:
            tree, foreign = read_tensor_bundle(file)
    return Contents(path, container, reader, tree, tuple(sorted(foreign)))


def _read_torch(outline: Outline, stream: IO[bytes]) -> tuple[str, object, set[str]]:
    refuse_module(outline.tree)
    foreign = outline.check()
    # Torch would refuse most names that are foreign here, and of the others some (bytearray, sparse tensors) allocate
    # what a number in the pickle says.
    if not foreign:
        import torch  # only here: what a file is must be told without the seconds that torch takes to load

        stream.seek(0)
        try:
            with warnings.catch_warnings(action="ignore"):
                loaded = torch.load(stream, map_location="cpu", weights_only=True)
            return WEIGHTS_ONLY, plain_tree(loaded, _Arrays().of, foreign), foreign
        except (pickle.UnpicklingError, MemoryError, *_BROKEN):
            pass
    return INERT, outline.plain(), foreign


class _Arrays:
    """Tensors as arrays of their own, one for a tensor however often it is named."""

    def __init__(self) -> None:
        self._known: dict[int, np.ndarray] = {}

    def of(self, leaf: object) -> object:
        """The array; what torch makes of a name (a type, a device) as text."""
        import torch

        if not isinstance(leaf, torch.Tensor):
            return str(leaf)
        if id(leaf) not in self._known:
            tensor = leaf.detach()
            tensor = tensor.to(torch.float32) if tensor.is_floating_point() else tensor
            self._known[id(leaf)] = np.array(tensor.numpy(), order="C")
        return self._known[id(leaf)]
