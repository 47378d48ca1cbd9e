"""Reads a checkpoint file as plain data: the only way in which this package opens other people's files.

Every file is outlined first: its objects are listed, and every size that it states is checked, without running
anything and without allocating anything on the file's word. A torch.save file that names only known classes is then
read by torch's own `torch.load(weights_only=True)`. If torch refuses it, or if it names other classes, the tensors of
the outline are read by NumPy instead (the inert reader). Objects of unknown classes become `Foreign` objects.
"""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.containers import BROKEN, container_of, file_to_open, in_one_sentence
from ifp.checkpoints.files.export_files import read_exported, read_torchscript
from ifp.checkpoints.files.plain_data import Foreign, plain_tree
from ifp.checkpoints.files.safetensors_file import read_safetensors
from ifp.checkpoints.files.tensor_bundle import read_tensor_bundle
from ifp.checkpoints.files.torch_files import Outline, outline_legacy, outline_zip, refuse_module

__all__ = ["Contents", "Foreign", "read_contents"]

INERT = "inert reader"
"""The reader of this package, which only decodes."""
WEIGHTS_ONLY = "torch.load(weights_only=True)"
"""The reader of torch, for torch.save files in which every class is known."""


@dataclass(frozen=True, eq=False)
class Contents:
    """A checkpoint as plain data.

    Attributes
    ----------
    path : the file.
    container : see `ifp.checkpoints.files.containers.sniff`.
    reader : INERT or WEIGHTS_ONLY.
    tree : dict (with keys str or int), list, tuple, str, int, float, bool, None, Foreign and arrays; arrays of
        floating-point numbers are float32, others keep integers or bool.
    foreign : the names of what became a Foreign object, sorted.
    """

    path: Path
    container: str
    reader: str
    tree: object
    foreign: tuple[str, ...]


def read_contents(path: Path) -> Contents:
    """Read a checkpoint file. Nothing in it is ever run.

    Parameters
    ----------
    path : of a TensorFlow checkpoint, the .index file, a .data file or their prefix.

    Raises
    ------
    IfpError : if the file is no checkpoint, is damaged, or states sizes that do not fit.
    """
    return in_one_sentence(_read, path)


def _read(path: Path) -> Contents:
    file = file_to_open(path)
    reader = INERT
    tree: object
    with file.open("rb") as stream:
        container = container_of(stream)
        length = stream.seek(0, 2)
        if container == "torch zip":
            archive = Archive(stream, length)
            archive.verify()
            reader, tree, foreign = _read_torch(outline_zip(archive), stream)
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
    # torch would refuse most names that are foreign here; of the others, some (bytearray, sparse tensors) make it
    # allocate whatever number the pickle states
    if not foreign:
        import torch  # not at the top: telling what a file is must not take the seconds that torch needs to load

        stream.seek(0)
        try:
            with warnings.catch_warnings(action="ignore"):
                loaded = torch.load(stream, map_location="cpu", weights_only=True)
            return WEIGHTS_ONLY, plain_tree(loaded, _TensorArrays().of, foreign), foreign
        except (pickle.UnpicklingError, MemoryError, *BROKEN):
            pass
    return INERT, outline.plain(), foreign


class _TensorArrays:
    """Makes one array of each tensor, however often the file names it."""

    def __init__(self) -> None:
        self._arrays: dict[int, np.ndarray] = {}

    def of(self, leaf: object) -> object:
        """The array of a tensor; the text of anything else that torch makes of a name (a type, a device)."""
        import torch

        if not isinstance(leaf, torch.Tensor):
            return str(leaf)
        if id(leaf) not in self._arrays:
            tensor = leaf.detach()
            tensor = tensor.to(torch.float32) if tensor.is_floating_point() else tensor
            self._arrays[id(leaf)] = np.array(tensor.numpy(), order="C")
        return self._arrays[id(leaf)]
