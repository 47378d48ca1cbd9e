"""A worker process of this machine: computes the chunks that come on its standard input, one after the other.

It is started by `ifp.system.processes` and ends with the process that started it, however that ends: then its standard
input does. What it answers are pairs: ("say", a sentence), ("count", units), and at the end of a chunk
("result", what was computed), ("refused", the sentence of an IfpError) or ("failed", the last line of another error).
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from queue import SimpleQueue
from typing import Any

from ifp.errors import IfpError
from ifp.system.workers import Compute, Site

Order = tuple[Compute[Any, Any, Any], Any, Any, str]
"""What to compute, the shared part, the chunk, and the device."""


def main() -> None:
    """Answer orders until there are no more."""
    orders: SimpleQueue[Order] = SimpleQueue()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer

    def answer(kind: str, content: Any) -> None:
        pickle.dump((kind, content), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()

    threading.Thread(target=_receive, args=(orders,), daemon=True).start()
    from ifp.system.threads import single_threaded_kernels

    with single_threaded_kernels():
        while True:
            compute, shared, chunk, device = orders.get()
            site = Site(device, lambda: False, lambda units: answer("count", units), lambda text: answer("say", text))
            try:
                result = compute(shared, chunk, site)
            except IfpError as error:
                answer("refused", str(error))
            except Exception as error:
                answer("failed", (f"{type(error).__name__}: {error}".strip().splitlines() or [""])[-1])
            else:
                answer("result", result)


def _receive(orders: SimpleQueue[Order]) -> None:
    """Take in orders until whoever gives them is gone; then nobody needs what is being computed."""
    try:
        while True:
            orders.put(pickle.load(sys.stdin.buffer))
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)
