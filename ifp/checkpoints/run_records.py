"""Record and Run: what the checkpoints of a run say of one sample of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ifp.checkpoints.folders.locate import CheckpointFile
from ifp.checkpoints.readings.data_test import DataTest
from ifp.checkpoints.readings.verdicts import Choice
from ifp.codes import Codes
from ifp.errors import IfpError

RECONSTRUCTION_COST_IMAGES = 2500
"""Images from which the reconstruction cost is estimated; decoding is slow, and a mean needs fewer than information."""


@dataclass(frozen=True, eq=False)
class Record:
    """One checkpoint on one sample of images.

    Attributes
    ----------
    label, step : what to call it, and when in training it was written (None where nothing says).
    codes : its posteriors beside the factors.
    reconstruction_nats : mean and standard error over RECONSTRUCTION_COST_IMAGES images, one draw of z each; None
        without a decoder.
    family, container, reader : how the file was read; "" for codes that came as arrays.
    choice : the model and what was assumed to read it; None for codes that came as arrays or from a function.
    plain_codes : of images that are all alike, where `codes` are of correlated ones; the tests rest on these.
    data_test : whether the images seem to be those of training; of a series, of the last record alone.
    file, how : the checkpoint, and how the last of its series was read; None and "" for codes that came otherwise.
    """

    label: str
    step: int | None
    codes: Codes
    reconstruction_nats: tuple[float, float] | None = None
    family: str = ""
    container: str = ""
    reader: str = ""
    choice: Choice | None = None
    data_test: DataTest | None = None
    plain_codes: Codes | None = None
    file: CheckpointFile | None = None
    how: str = ""

    @property
    def doubts(self) -> list[str]:
        """Why what this model's codes say is not to be believed: one sentence each, none where both tests passed."""
        warnings = [self.choice.warning] if self.choice is not None and self.choice.warning else []
        return [*warnings, *(self.data_test.problems if self.data_test is not None else [])]


@dataclass(frozen=True, eq=False)
class Run:
    """One thing to diagnose: a checkpoint, or a series of them in the order of training."""

    name: str
    records: tuple[Record, ...]

    @property
    def last(self) -> Record:
        """The record that stands for the run."""
        return self.records[-1]


def check_same_latents(runs: Sequence[Run]) -> None:
    """Raise IfpError unless all runs hold codes of the same images (or cells, or rows of arrays)."""
    factors = [run.last.codes.factors_NF for run in runs]
    if not any(f.shape != factors[0].shape or (f != factors[0]).any() for f in factors[1:]):
        return
    units = {run.last.codes.unit for run in runs}
    if units == {"image"}:
        raise IfpError("The runs hold codes of different images, so they cannot be compared; encode the same images.")
    unit = units.pop() if len(units) == 1 else "row"
    raise IfpError(
        f"The codes are of different {unit}s, or of the same {unit}s in another order (their factors differ), so they "
        f"cannot be compared; give codes of the same {unit}s in the same order."
    )
