"""Candidates: all the ways in which one file can be read, before images are needed to choose among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.folders.pieces import read_pieces
from ifp.checkpoints.open_model import open_model
from ifp.checkpoints.readings.rivals import Rebuild
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError


@dataclass(frozen=True, eq=False)
class Candidates:
    """The ways in which one file can be read.

    Attributes
    ----------
    file : the checkpoint.
    family : the name of its family.
    container, reader : see `ifp.checkpoints.files.contents.Contents`.
    step : the step of training that the file states, else the number in its name; None if there is neither.
    vaes : the model in each way, the most likely first.
    rebuild : rebuilds the models of the file with another activation; None if there is no file.
    settings : the settings of training, in the file and beside it.
    """

    file: CheckpointFile
    family: str
    container: str
    reader: str
    step: int | None
    vaes: tuple[Vae, ...]
    rebuild: Rebuild | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def load_candidates(file: CheckpointFile, options: ReadingOptions) -> Candidates:
    """Read `file`, without running anything in it, and rebuild its model in every way that the weights allow.

    Raises
    ------
    IfpError : if the file is damaged, hostile or of no known family, or if its arrays do not fit together.
    """
    contents = read_pieces(file.path, file.pieces) if file.pieces else read_contents(file.path)
    opened = open_model(contents, file.config, options)
    source, family = opened.source, opened.family
    vaes = [vae.ending_in_logits() for vae in opened.vaes]
    if options.stage is not None and not any(entry.what == "stage" for vae in vaes for entry in vae.assumptions):
        raise IfpError(f"{file.path} is of {family.title}, whose models have no stages; leave `stage` out.")
    step = source.step if source.step is not None else file.step_from_name

    def rebuild(activation: str) -> Sequence[Vae]:
        built = family.build(source, dataclasses.replace(options, activation=activation))
        return [vae.ending_in_logits() for vae in built]

    return Candidates(file, family.name, contents.container, contents.reader, step, tuple(vaes), rebuild, source.config)
