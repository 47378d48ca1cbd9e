"""Storages: what a pickle of torch.save refers to outside itself, the runs of numbers that its tensors are views of."""

from __future__ import annotations

from ifp.checkpoints.files.limits import Unreadable
from ifp.checkpoints.files.pickle_stubs import Name, PickleContext
from ifp.checkpoints.files.tensors import Storage, whole_number

STORAGE_DTYPES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Bool": "bool",
    "Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "Untyped": "untyped",
    "_Untyped": "untyped",
}  # fmt: skip
"""The number type of each class of storages, by the name of the class without "Storage"."""


class Storages:
    """The storages that the pickles of one file name, by their keys (`by_key`)."""

    def __init__(self, context: PickleContext) -> None:
        self._context = context
        self.by_key: dict[str, Storage] = {}

    def resolve(self, reference: object) -> object:
        """What a persistent reference stands for.

        Returns
        -------
        The storage, or the class if the reference is to a class and its source text, which is ignored.

        Raises
        ------
        Unreadable : if the reference is of another kind, or contradicts an earlier one.
        """
        match reference:
            case ("storage", Name() as kind, str() as key, str(), numel, *rest) if all(view is None for view in rest):
                short = kind.dotted.rsplit(".", 1)[-1].removesuffix("Storage")
                if not kind.dotted.startswith("torch.") or short not in STORAGE_DTYPES:
                    raise Unreadable(f"holds a storage of the unknown type {kind.dotted}")
                storage = Storage(key, STORAGE_DTYPES[short], whole_number(numel))
                first = self.by_key.setdefault(key, storage)
                if (first.dtype, first.numel) != (storage.dtype, storage.numel):
                    raise Unreadable(f"describes the storage {key!r} in two ways")
                return first
            case ("module", Name() as kind, *_):
                self._context.foreign.add(kind.dotted)
                return kind
        raise Unreadable("holds a pickle that refers to something outside it other than a storage")
