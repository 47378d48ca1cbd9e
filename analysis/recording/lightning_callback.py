"""`ifp.lightning_callback`: a callback for Lightning's Trainer that records with `ifp.Recorder`.

Lightning is imported when the callback is made, so that everything else works without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ifp.analysis.recording.study import Recorder
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.formats import FINISHED, STOPPED
from ifp.system.settings import is_number

Beta = float | str | Callable[[Any], Any] | None


def lightning_callback(
    dataset: str | FactorDataset | np.ndarray,
    *,
    out: str | os.PathLike[str],
    every: int = 100,
    beta: Beta = None,
    model: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | bool | None = None,
    **settings: Any,
) -> Any:
    """A callback for `lightning.Trainer(callbacks=[...])` that records the module in training.

    Records are made by the process of rank 0 every `every` optimizer steps (`trainer.global_step`), and at the end of
    the training. A training that is resumed from a checkpoint goes on with the folder.

    Parameters
    ----------
    dataset, out, every, settings : see `ifp.Recorder`.
    beta : weight of the KL: a number, the name of an attribute of the module, or a function of the module.
    model : what of the module is asked for codes, a function of the module; None for the module itself.
    decode : see `ifp.Recorder.update`.

    Raises
    ------
    IfpError : Lightning is not installed, or see `ifp.Recorder`, when the training begins.
    """
    base = _callback_class()
    kind = type("RecorderCallback", (RecordingHooks, base), {})
    if not (beta is None or is_number(beta) or isinstance(beta, str) or callable(beta)):
        raise IfpError(f"beta must be a number, the name of an attribute or a function of the module, got {beta!r}.")
    return kind(lambda steps: Recorder(dataset, out=out, every=every, steps=steps, **settings), beta, model, decode)


def _callback_class() -> type:
    """The base class of callbacks of the package that is installed, under its new or its old name.

    The two packages are often installed together; the one that is imported already is the one whose Trainer is used.
    """
    packages = ("lightning", "pytorch_lightning")
    for package in sorted(packages, key=lambda name: name not in sys.modules):
        if find_spec(package) is not None:
            break
    else:
        raise IfpError(
            "ifp.lightning_callback needs the package lightning; install it by `pip install 'ifp[lightning]'`."
        )
    if package == "lightning":
        from lightning.pytorch.callbacks import Callback

        found: type = Callback
    else:
        found = import_module("pytorch_lightning.callbacks").Callback
    return found


class RecordingHooks:
    """The hooks of the callback, by the names under which a Trainer calls them.

    Parameters
    ----------
    make : makes the recorder, given the number of steps of the training or None.
    beta, model, decode : see `lightning_callback`.

    Attributes
    ----------
    recorder : made when the training begins; None in processes of other ranks.
    """

    def __init__(
        self,
        make: Callable[[int | None], Recorder],
        beta: Beta,
        model: Callable[[Any], Any] | None,
        decode: Callable[[Any], Any] | bool | None,
    ) -> None:
        super().__init__()
        self._make, self._beta, self._model, self._decode = make, beta, model, decode
        self.recorder: Recorder | None = None
        self._seen: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the recording; a mistake in its settings ends the training before its first step."""
        if trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False):
            steps = trainer.estimated_stepping_batches
            self.recorder = self._make(int(steps) if np.isfinite(steps) and steps >= 1 else None)
            self._seen = None

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record, if a record is due; batches whose gradients are only added up are no steps."""
        step = int(trainer.global_step)
        if self.recorder is not None and step != self._seen:
            self._seen = step
            self._record(step, pl_module)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Record the end, and close the recording."""
        if self.recorder is not None:
            step = int(trainer.global_step)
            if step != self.recorder.last_step:
                self._record(step, pl_module, now=True)
            self.recorder.close(STOPPED if getattr(trainer, "interrupted", False) else FINISHED)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the recording of a training that was cut short."""
        if self.recorder is not None:
            self.recorder.close(STOPPED)

    def _record(self, step: int, pl_module: Any, *, now: bool = False) -> None:
        assert self.recorder is not None
        if not now and not self.recorder.due(step):
            return
        model = pl_module if self._model is None else self._model(pl_module)
        self.recorder.update(step, model, beta=self._beta_of(pl_module), decode=self._decode, now=now)

    def _beta_of(self, pl_module: Any) -> Any:
        if isinstance(self._beta, str):
            if not hasattr(pl_module, self._beta):
                raise IfpError(
                    f"{type(pl_module).__name__} has no attribute {self._beta!r}; give beta as a number, the name of "
                    "an attribute or a function of the module."
                )
            return getattr(pl_module, self._beta)
        return self._beta(pl_module) if callable(self._beta) else self._beta
