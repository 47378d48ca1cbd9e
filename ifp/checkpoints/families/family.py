"""Family: how the checkpoints of one code base are recognised and rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Vae


@dataclass(frozen=True)
class Family:
    """One code base.

    Attributes
    ----------
    name : what `--family` says ("yanndubs").
    title : the code base ("YannDubs/disentangling-vae").
    recognises : whether a source's array names and shapes are this family's; cheap, never raises.
    build : the candidates, the most likely first: one where the file leaves nothing open, several where the weights
        leave an activation, a stage or a scaling open. Raises `ShapeMismatch` or IfpError where the file cannot be
        read as this family.
    """

    name: str
    title: str
    recognises: Callable[[Source], bool]
    build: Callable[[Source, ReadingOptions], Sequence[Vae]]
