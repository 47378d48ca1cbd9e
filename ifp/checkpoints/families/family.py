"""Family: how the checkpoints of one code base are recognised and rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Vae


@dataclass(frozen=True)
class Family:
    """The models of one code base.

    Attributes
    ----------
    name : the value of `--family` ("yanndubs").
    title : the code base ("YannDubs/disentangling-vae").
    recognises : tells whether the names and shapes of a source's arrays are those of this family; fast, never raises.
    build : gives the candidates, the most likely first. There are several if the file leaves an activation, a stage or
        a scaling open. Raises `ShapeMismatch` or another IfpError if the file cannot be read as this family.
    """

    name: str
    title: str
    recognises: Callable[[Source], bool]
    build: Callable[[Source, ReadingOptions], Sequence[Vae]]
