"""Kernels of a shape that is new to this process are made by one thread at a time.

oneDNN, which does PyTorch's convolutions on a CPU, makes a kernel when it first meets a shape, and keeps it. Where two
threads made kernels at the same moment it chose another form for one of them in 2 to 4 of 100 fresh processes (oneDNN
3.12 in torch 2.13), also for different shapes and after others had been made: its sums then ran in another order, and
two trainings of the same seed differed. The same in one thread: never in 1,048.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_KEPT = 16
"""Kinds of work whose kernels are taken to be still there, the last used: oneDNN keeps the 1,024 kernels last used, and
a kind of work has at most some 60."""
_MADE: OrderedDict[object, None] = OrderedDict()
_MAKING = RLock()


@contextmanager
def kernels_of(work: object) -> Iterator[None]:
    """Do within the block a kind of work that always needs the same kernels, alone where they may have to be made.

    Parameters
    ----------
    work : hashable, names the kind: all shapes, forms and precisions that its operations depend on.
    """
    if _is_made(work):
        yield
        return
    with _MAKING:
        yield
        _MADE[work] = None
        while len(_MADE) > _KEPT:
            _MADE.popitem(last=False)


def _is_made(work: object) -> bool:
    try:
        _MADE.move_to_end(work)
    except KeyError:
        return False
    return True
