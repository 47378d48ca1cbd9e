"""Outlines files of torch.save: which objects they hold, before any number of a tensor is read.

torch.save has two formats. The zip format (since torch 1.6) keeps the objects in `data.pkl` and the bytes of each
storage in `data/<key>`. The legacy format consists of five pickles (a magic number, the protocol, the machine, the
objects, the keys of the storages), followed by the count (int64) and the numbers of each storage.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.limits import MAX_PICKLE_BYTES, Budget, Unreadable
from ifp.checkpoints.files.pickle_machine import PickleMachine
from ifp.checkpoints.files.pickle_stubs import Inert
from ifp.checkpoints.files.plain_data import plain_tree
from ifp.checkpoints.files.tensors import Storage, TensorOutline, read_tensors

LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""The bytes of the number 0x1950a86a20f9469cfc6c in a pickle, among the first of a legacy file."""

_LEGACY_PROTOCOL = 1001
"""The second number in a legacy file."""


@dataclass(frozen=True, eq=False)
class Outline:
    """The objects of a file, with all sizes in it checked; `foreign` are the unknown names in it."""

    tree: object
    foreign: frozenset[str]
    read_storage: Callable[[Storage], bytes]

    def check(self) -> set[str]:
        """The class names of its Foreign objects; raises Unreadable if the tree exceeds the limits."""
        foreign = set(self.foreign)
        plain_tree(self.tree, lambda leaf: leaf, foreign)
        return foreign

    def plain(self) -> object:
        """The tree as plain data, with every tensor read by NumPy."""
        tensors: list[TensorOutline] = []

        def note(leaf: object) -> object:
            assert isinstance(leaf, TensorOutline)
            tensors.append(leaf)
            return leaf

        plain_tree(self.tree, note, set())
        arrays = read_tensors(tensors, self.read_storage)

        def array(leaf: object) -> object:
            assert isinstance(leaf, TensorOutline)
            return arrays[leaf]

        return plain_tree(self.tree, array, set())


def outline_zip(archive: Archive, pickle: str = "data.pkl", folder: str = "data/") -> Outline:
    """The objects of a torch zip file, or of the data of a TorchScript archive.

    Raises
    ------
    Unreadable : if the file is damaged, big-endian, or states sizes that do not fit.
    """
    source = archive.read(pickle, MAX_PICKLE_BYTES)
    if archive.size("byteorder") is not None and archive.read("byteorder", 16) != b"little":
        raise Unreadable("was written on a big-endian machine", "save it anew on a little-endian one")
    machine = PickleMachine(Budget(sum(archive.size(name) or 0 for name in archive.names)))
    tree = machine.read(io.BytesIO(source))
    for key, storage in machine.storages.by_key.items():
        size = archive.size(folder + key)
        if size is None:
            raise Unreadable(f"is a zip archive without the entry {folder + key!r} that it refers to")
        if size != storage.nbytes:
            raise Unreadable(f"describes the storage {key!r} as {storage.nbytes} bytes but holds {size} for it")
    return Outline(tree, frozenset(machine.context.foreign), lambda storage: archive.read(folder + storage.key))


def outline_legacy(stream: IO[bytes], length: int) -> Outline:
    """The objects of a legacy file.

    Raises
    ------
    Unreadable : if the file is damaged, cut short, big-endian, or states sizes that do not fit.
    """
    stream.seek(0)
    pickles = io.BytesIO(stream.read(MAX_PICKLE_BYTES))
    machine = PickleMachine(Budget(length))
    magic, protocol, system = (machine.read(pickles) for _ in range(3))
    if magic != int.from_bytes(LEGACY_MAGIC[2:], "little") or protocol != _LEGACY_PROTOCOL:
        raise Unreadable("is a legacy torch file of an unknown version")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Unreadable("was written on a big-endian machine", "save it anew on a little-endian one")
    tree, keys = machine.read(pickles), machine.read(pickles)
    names = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    if sorted(names) != sorted(machine.storages.by_key):
        raise Unreadable("does not hold the storages that it refers to")
    starts = {}
    position = pickles.tell()
    for key in names:
        storage = machine.storages.by_key[key]
        stream.seek(position)
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if position + 8 > length or position + 8 + storage.nbytes > length:
            raise Unreadable(f"is cut short: the storage {key!r} of {storage.numel} numbers reaches beyond its end")
        if count != storage.numel:
            raise Unreadable(f"states both {storage.numel} and {count} numbers for the storage {key!r}")
        starts[storage] = position + 8
        position += 8 + storage.nbytes

    def read_storage(storage: Storage) -> bytes:
        stream.seek(starts[storage])
        return stream.read(storage.nbytes)

    return Outline(tree, frozenset(machine.context.foreign), read_storage)


def refuse_module(tree: object) -> None:
    """Raise Unreadable if a whole module was pickled, since it cannot be rebuilt without running its code."""
    if isinstance(tree, Inert) and isinstance(tree.state, dict) and {"_parameters", "_modules"} <= tree.state.keys():
        raise Unreadable(
            f"holds a whole module of the class {tree.class_name}, which cannot be rebuilt without running its code",
            "where that class is installed, load it and save its weights alone with "
            "torch.save(model.state_dict(), 'weights.pt')",
        )
