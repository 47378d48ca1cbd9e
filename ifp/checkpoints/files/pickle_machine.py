"""Decodes a pickle without running it.

A pickle is a program for a small stack machine, and two of its instructions are "import this name" and "call it".
This machine does neither. A name stays a name, and a call becomes a value only if its name is one of those in
`pickle_calls.py` (an OrderedDict, a tensor). Every other call becomes an `Inert` object that keeps its arguments.
The instructions are decoded by the standard library's `pickletools.genops`, which executes nothing.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Sequence
from typing import IO

from ifp.checkpoints.files.limits import (
    MAX_NAME_LENGTH,
    MAX_OPCODES,
    MAX_WHOLE_NUMBER_BITS,
    SAVE_WEIGHTS,
    Budget,
    Unreadable,
)
from ifp.checkpoints.files.pickle_calls import outcome
from ifp.checkpoints.files.pickle_storages import Storages
from ifp.checkpoints.files.pickle_stubs import Inert, Name, PickleContext
from ifp.checkpoints.files.tensors import TensorOutline

_PUSHED = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
"""Instructions that push their own argument."""
_MODULES_OF_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Modules that pickle protocol 2 calls by their names in Python 2, and their names today."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
"""Instructions that push a constant."""
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
"""Instructions that make a tuple of the topmost values, and how many they take."""


class PickleMachine:
    """Decodes the pickles of one file, and collects the storages that they name."""

    def __init__(self, budget: Budget) -> None:
        self.context = PickleContext(budget)
        self.storages = Storages(self.context)
        self._opcodes = 0

    def read(self, stream: IO[bytes]) -> object:
        """The object of the pickle that starts at the position of the stream, which is then left just behind it.

        Raises
        ------
        Unreadable : if the pickle is damaged, exceeds the limits of `limits.py`, or holds what no checkpoint needs.
        """
        self._stack: list[object] = []
        self._below_marks: list[list[object]] = []
        self._memo: dict[object, object] = {}
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._opcodes += 1
                if self._opcodes > MAX_OPCODES:
                    raise Unreadable(f"holds a pickle of more than {MAX_OPCODES} instructions", SAVE_WEIGHTS)
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._step(opcode.name, argument)
        # genops and an ill-formed order of instructions raise these
        except (ValueError, LookupError, OverflowError, TypeError, EOFError, struct.error) as error:
            raise _damaged() from error
        raise _damaged()

    def _step(self, name: str, argument: object) -> None:
        stack = self._stack
        if name in _PUSHED:
            if isinstance(argument, int) and argument.bit_length() > MAX_WHOLE_NUMBER_BITS:
                raise Unreadable(f"holds a whole number of {argument.bit_length()} bits")
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _SHORT_TUPLES:
            stack.append(tuple(self._pop(_SHORT_TUPLES[name])))
        elif name in ("EMPTY_LIST", "EMPTY_SET"):
            stack.append([])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "MARK":
            self._below_marks.append(stack)
            self._stack = []
        elif name in ("POP", "POP_MARK"):
            if name == "POP" and stack:
                stack.pop()
            else:
                self._pop_mark()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("TUPLE", "LIST", "DICT", "FROZENSET"):
            items = self._pop_mark()
            if name == "FROZENSET":
                self.context.note_keys(items)
            container = self._dictionary(items) if name == "DICT" else tuple(items) if name == "TUPLE" else items
            self._stack.append(container)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = self._pop(1) if name == "APPEND" else self._pop_mark()
            if name == "ADDITEMS":
                self.context.note_keys(items)
            self._extend(self._stack[-1], items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_mark()
            self._set_items(self._stack[-1], items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            words = str(argument).split(" ", 1) if name == "GLOBAL" else self._pop(2)
            stack.append(self._named(words))
        elif name in ("REDUCE", "NEWOBJ"):
            function, args = self._pop(2)
            stack.append(self._called(function, args))
        elif name == "NEWOBJ_EX":
            function, args, named = self._pop(3)
            stack.append(self._called(function, (*_tuple(args), named)))
        elif name == "OBJ":
            function, *rest = self._pop_mark()
            self._stack.append(self._called(function, tuple(rest)))
        elif name == "INST":
            items = self._pop_mark()
            self._stack.append(self._called(self._named(str(argument).split(" ", 1)), tuple(items)))
        elif name == "BUILD":
            (state,) = self._pop(1)
            self._build(stack[-1], state)
        elif name in ("PERSID", "BINPERSID"):
            stack.append(self.storages.resolve(self._pop(1)[0] if name == "BINPERSID" else argument))
        elif name not in ("PROTO", "FRAME"):
            raise Unreadable(f"holds a pickle with the instruction {name}, which no checkpoint needs")

    def _pop(self, count: int) -> list[object]:
        if len(self._stack) < count:
            raise _damaged()
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _pop_mark(self) -> list[object]:
        items, self._stack = self._stack, self._below_marks.pop()
        return items

    def _named(self, words: Sequence[object]) -> Name:
        module, name = words
        if not isinstance(module, str) or not isinstance(name, str):
            raise _damaged()
        # names are shown to the user, so they may hold no line breaks and no control codes of a terminal
        if len(module) + len(name) > MAX_NAME_LENGTH or not f"{module}{name}".isprintable():
            raise Unreadable("holds a pickle in which the name of a class is not a valid name")
        return Name(f"{_MODULES_OF_PYTHON_2.get(module, module)}.{name}")

    def _called(self, function: object, args: object) -> object:
        """What a call of `function` would return, as far as that is known; nothing is called."""
        if not isinstance(function, Name | Inert):
            raise _damaged()
        name = function.dotted if isinstance(function, Name) else function.class_name
        return outcome(self.context, name, _tuple(args))

    def _extend(self, target: object, items: list[object]) -> None:
        if isinstance(target, Inert):
            target.items.extend(items)
        elif isinstance(target, list):
            target.extend(items)
        else:
            raise _damaged()

    def _set_items(self, target: object, items: list[object]) -> None:
        if isinstance(target, Inert):
            target.items.extend(zip(items[::2], items[1::2], strict=True))
        elif isinstance(target, dict):
            target.update(self._dictionary(items))
        else:
            raise _damaged()

    def _dictionary(self, items: list[object]) -> dict[str | int, object]:
        """A dict of alternating keys and values; a key that is neither text nor an integer becomes text."""
        self.context.note_keys(items[::2])
        pairs = zip(items[::2], items[1::2], strict=True)
        return {key if isinstance(key, str | int) else _as_text(key): value for key, value in pairs}

    def _build(self, target: object, state: object) -> None:
        """Set `state` on an inert object; on other objects it is ignored (the `_metadata` of a state dict)."""
        if isinstance(target, Inert):
            target.state = state
        elif isinstance(target, TensorOutline):
            # torch would let these numbers replace the tensor's storage
            self.context.foreign.add("torch.Tensor.__setstate__")


def _damaged() -> Unreadable:
    return Unreadable("holds a damaged pickle")


def _tuple(args: object) -> tuple[object, ...]:
    if not isinstance(args, tuple):
        raise _damaged()
    return args


def _as_text(key: object) -> str:
    if isinstance(key, Name | Inert):
        return key.dotted if isinstance(key, Name) else key.class_name
    if key is None or isinstance(key, float | bytes):
        return repr(key)
    # hashing or printing a tuple visits all of it, however deeply it is nested
    return f"<{type(key).__name__}>"
