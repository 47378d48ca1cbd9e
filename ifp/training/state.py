"""MemberState: one network in training as plain tensors, so that it can be put away and taken up again.

Random streams are no part of it: every block of steps draws from generators derived from the run's seed, the network's
number and the block's first step.
"""

from __future__ import annotations

import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ifp.checkpoints.files.archives import Archive
from ifp.checkpoints.files.containers import BROKEN
from ifp.checkpoints.files.limits import Unreadable
from ifp.errors import IfpError
from ifp.networks.adam import Moments
from ifp.system.printable import printable

VERSION = 1


@dataclass(frozen=True, eq=False)
class MemberState:
    """One network after `step` optimizer updates; no tensor has a member axis.

    Attributes
    ----------
    parameters : the network's. moments : Adam's.
    objective : what the objective remembers, a second player's parameters included; adversary : their Adam's.
    """

    step: int
    parameters: dict[str, Tensor]
    moments: Moments
    objective: dict[str, Tensor]
    adversary: Moments

    def is_finite(self) -> bool:
        """Whether no parameter is NaN or infinite."""
        return all(bool(value.isfinite().all()) for value in self.parameters.values())

    def fits(self, fresh: MemberState, steps: int) -> bool:
        """Whether this is a state of the network whose state before its first step is `fresh`, within so many steps."""
        known = type(self.step) is int and 0 <= self.step <= steps
        alike = _alike(self.parameters, fresh.parameters) and _alike(self.objective, fresh.objective)
        return (
            known
            and alike
            and all(_remembers(found, fresh.parameters.get(name)) for name, found in self.moments.items())
            and all(_remembers(found, fresh.objective.get(name)) for name, found in self.adversary.items())
        )

    def content(self) -> dict[str, Any]:
        """A dictionary of tensors and numbers, on the CPU."""
        return {
            "format_version": VERSION,
            "step": self.step,
            "parameters": _on_cpu(self.parameters),
            "moments": {sys.intern(name): _on_cpu(found) for name, found in self.moments.items()},
            "objective": _on_cpu(self.objective),
            "adversary": {sys.intern(name): _on_cpu(found) for name, found in self.adversary.items()},
        }

    @classmethod
    def from_content(cls, stored: dict[str, Any]) -> MemberState:
        """The state that `content` gave; raises KeyError or TypeError where it is none."""
        if stored["format_version"] != VERSION:
            raise KeyError("format_version")
        return cls(
            stored["step"], stored["parameters"], stored["moments"], stored["objective"], stored["adversary"]
        )  # fmt: skip


def read_content(path: Path) -> dict[str, Any]:
    """What `ifp.system.files.write_whole` wrote; raises IfpError where the file is damaged."""
    try:
        with path.open("rb") as file:
            _verify(file)
            file.seek(0)
            stored = torch.load(file, weights_only=True, map_location="cpu")
        if not isinstance(stored, dict):
            raise TypeError(f"a {type(stored).__name__}")
    except (*BROKEN, Unreadable, pickle.UnpicklingError) as error:
        raise damaged(path, printable(error.clause) if isinstance(error, Unreadable) else "is damaged") from error
    return stored


def damage(path: Path) -> str | None:
    """What is wrong with a file that `write_whole` wrote, as a clause that follows its path; None for nothing."""
    try:
        with path.open("rb") as file:
            _verify(file)
    except (*BROKEN, Unreadable) as error:
        return error.clause if isinstance(error, Unreadable) else "is damaged"
    return None


def _verify(file: BinaryIO) -> None:
    """Compare every entry's checksum, which torch does not do: it takes a flipped bit."""
    Archive(file, os.fstat(file.fileno()).st_size).verify()


def damaged(path: Path, clause: str = "is damaged") -> IfpError:
    """The error for a file from which a run cannot go on."""
    return IfpError(f"{path} {clause}; the run cannot go on from it, so delete its folder and begin anew.")


def _alike(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    """Whether there are the same tensors, of the same shapes and types."""
    return found.keys() == wanted.keys() and all(
        isinstance(value, Tensor) and value.shape == wanted[name].shape and value.dtype == wanted[name].dtype
        for name, value in found.items()
    )


def _remembers(found: dict[str, Tensor], of: Tensor | None) -> bool:
    """Whether this is what Adam remembers of a parameter."""
    if of is None or found.keys() != {"step", "exp_avg", "exp_avg_sq"}:
        return False
    return found["step"].numel() == 1 and all(found[name].shape == of.shape for name in ("exp_avg", "exp_avg_sq"))


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # a copy, so that no file holds more than its own part of a stacked tensor; and names that are equal are one string,
    # also where they came from a worker, because a pickle writes each string once and then points to it
    return {sys.intern(name): value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
