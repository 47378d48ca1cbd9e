"""The calls in a pickle whose results are known without making them: containers, tensors and NumPy scalars.

Each function here takes the arguments that the pickle holds and returns plain data. None of them is the function of
the same name in torch, NumPy or Python.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ifp.checkpoints.files.limits import Unreadable
from ifp.checkpoints.files.pickle_stubs import Inert, Name, PickleContext
from ifp.checkpoints.files.tensors import ITEM_BYTES, Storage, outline_tensor

_SCALAR_CODES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
"""NumPy's codes of the number types that a scalar may have."""


def outcome(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """The plain data that calling `name` with `args` would give, or an inert object if that is not known.

    Raises
    ------
    Unreadable : if the call describes an impossible tensor, or would run code.
    """
    stand_in = _CALLS.get(name)
    return context.stub(name, args) if stand_in is None else stand_in(context, name, args)


def dtype_named(name: str) -> str | None:
    """The number type that a name such as "torch.float32" stands for, or None if it stands for no type that is read.

    >>> dtype_named("torch.float32"), dtype_named("posix.system")
    ('float32', None)
    """
    dtype = name.removeprefix("torch.")
    return dtype if dtype in ITEM_BYTES and dtype != name else None


def _ordered_dict(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    if not args:
        return {}
    pairs = args[0]
    if len(args) == 1 and isinstance(pairs, list) and all(_is_pair(pair) for pair in pairs):
        return {pair[0]: pair[1] for pair in pairs}
    return context.stub(name, args)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str | int)


def _default_dict(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    return {} if len(args) < 2 else context.stub(name, args)


def _sequence(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """A set, a list or a torch.Size, given as its items."""
    items = args[0] if len(args) == 1 else ()
    if isinstance(items, tuple | list):
        if name == "builtins.set":
            context.note_keys(items)
        return tuple(items) if name == "torch.Size" else list(items)
    return context.stub(name, args)


def _first(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """The first argument: the tensor of a parameter, the name of a device, the list that is annotated."""
    return args[0] if args else context.stub(name, args)


def _tensor(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """_rebuild_tensor(storage, offset, size, stride), and its later versions, which take more after these four."""
    if len(args) < 4:
        raise Unreadable("describes a tensor by too few values")
    storage, offset, size, stride = args[:4]
    lazily_negated = name.endswith("_v2") and len(args) > 6 and bool(args[6])
    if not isinstance(storage, Storage) or lazily_negated:
        return context.stub(name, args)
    dtype: str | None = storage.dtype
    if name.endswith("_v3") and len(args) > 6:
        dtype = dtype_named(args[6].dotted) if isinstance(args[6], Name) else None
    if dtype not in ITEM_BYTES:
        return context.stub(f"a tensor of {dtype or 'unknown'} numbers", ())
    return outline_tensor(storage, dtype, offset, size, stride, context.budget)


def _tensor_of_type(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """_rebuild_from_type_v2(function, class, arguments, state): a tensor of a subclass, or with attributes."""
    if len(args) == 4 and isinstance(args[0], Name) and isinstance(args[2], tuple) and args[0].dotted != name:
        context.foreign.add(args[1].dotted if isinstance(args[1], Name) else name)
        return outcome(context, args[0].dotted, args[2])
    return context.stub(name, args)


def _object(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """copyreg's functions that make an object of a class, which is their first argument."""
    if args and isinstance(args[0], Name):
        return context.stub(args[0].dotted, args[1:])
    return context.stub(name, args)


def _bytes(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    """Bytes as pickle protocol 2 writes them: as text of the characters 0 to 255."""
    match args:
        case (str() as text, "latin1" | "latin-1"):
            return text.encode("latin-1")
    return context.stub(name, args)


def _numpy_dtype(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    return Inert(name, args)


def _numpy_scalar(context: PickleContext, name: str, args: tuple[object, ...]) -> object:
    match args:
        case (Inert("numpy.dtype", (str() as code, *_), (_, "<" | "|", *_)), bytes() as raw):
            if code in _SCALAR_CODES and len(raw) == int(code[1:]):
                value: object = np.frombuffer(raw, f"<{code}")[0].item()
                return value
    return context.stub(name, args)


_CALLS: dict[str, Callable[[PickleContext, str, tuple[object, ...]], object]] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": _default_dict,
    "builtins.set": _sequence,
    "builtins.list": _sequence,
    "torch.Size": _sequence,
    "torch.device": _first,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _tensor_of_type,
    "torch.jit._pickle.build_boollist": _first,
    "torch.jit._pickle.build_doublelist": _first,
    "torch.jit._pickle.build_intlist": _first,
    "torch.jit._pickle.build_tensorlist": _first,
    "torch.jit._pickle.restore_type_tag": _first,
    "copyreg.__newobj__": _object,
    "copyreg._reconstructor": _object,
    "_codecs.encode": _bytes,
    "numpy.dtype": _numpy_dtype,
    "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy._core.multiarray.scalar": _numpy_scalar,
}
