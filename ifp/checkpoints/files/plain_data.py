"""Turns the objects that a reader built into plain data, within limits on their depth and number.

Shared references are written out at each place, so a file that doubles a list forty times is stopped by the limit on
the number of values, long before memory runs out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ifp.checkpoints.files.limits import MAX_DEPTH, MAX_NODES, SAVE_WEIGHTS, Unreadable
from ifp.checkpoints.files.pickle_calls import dtype_named
from ifp.checkpoints.files.pickle_stubs import Inert, Name
from ifp.checkpoints.files.tensors import Storage


@dataclass(frozen=True, eq=False)
class Foreign:
    """An object of an unknown class, which is never imported or called.

    Attributes
    ----------
    class_name : dotted name of the class.
    args : arguments it was made with.
    state : state that was set on it, usually the dict of its attributes.
    items : items that were appended to it, or set as (key, value).
    """

    class_name: str
    args: tuple[object, ...] = ()
    state: object = None
    items: tuple[object, ...] = ()


def plain_tree(tree: object, leaf: Callable[[object], object], foreign: set[str]) -> object:
    """`tree` as dict, list, tuple, str, int, float, bool, None and Foreign, and the result of `leaf` for the rest.

    The class name of every Foreign is added to `foreign`.

    Raises
    ------
    Unreadable : if the tree is nested deeper than 100 levels or has more than a million values.
    """
    return _PlainDataMaker(leaf, foreign).plain(tree, 0)


class _PlainDataMaker:
    def __init__(self, leaf: Callable[[object], object], foreign: set[str]) -> None:
        self._leaf, self._foreign = leaf, foreign
        self._nodes = 0
        self._inside: set[int] = set()

    def plain(self, node: object, depth: int) -> object:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unreadable(f"holds more than {MAX_NODES} values once its shared parts are written out", SAVE_WEIGHTS)
        if depth > MAX_DEPTH:
            raise Unreadable(f"holds objects nested deeper than {MAX_DEPTH} levels", SAVE_WEIGHTS)
        if node is None or isinstance(node, str | bool | int | float):
            return node
        if isinstance(node, tuple | list | set):
            parts = [self.plain(item, depth + 1) for item in node]
            return tuple(parts) if isinstance(node, tuple) else parts
        if isinstance(node, dict):
            # node.items() is not safe: torch's reader lets a file set attributes such as `items` on an OrderedDict
            return {key: self.plain(value, depth + 1) for key, value in dict.items(node)}
        if isinstance(node, Inert):
            return self._noted(self._object(node, depth))
        if isinstance(node, Name):
            dtype = dtype_named(node.dotted)
            return f"torch.{dtype}" if dtype else self._noted(Foreign(node.dotted))
        if isinstance(node, bytes | bytearray):
            return Foreign("builtins.bytes")
        if isinstance(node, Storage):
            return self._noted(Foreign(f"torch storage of {node.dtype}"))
        return self._leaf(node)

    def _object(self, node: Inert, depth: int) -> Foreign:
        """The object with its parts; without them where it lies within itself, as the parents of OmegaConf nodes do."""
        if id(node) in self._inside:
            return Foreign(node.class_name)
        self._inside.add(id(node))
        args = tuple(self.plain(part, depth + 1) for part in node.args)
        items = tuple(self.plain(part, depth + 1) for part in node.items)
        state = self.plain(node.state, depth + 1)
        self._inside.discard(id(node))
        return Foreign(node.class_name, args, state, items)

    def _noted(self, foreign: Foreign) -> Foreign:
        self._foreign.add(foreign.class_name)
        return foreign
