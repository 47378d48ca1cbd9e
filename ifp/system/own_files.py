"""JSON files of ours, read as if a stranger had written them: size, depth, and every field that is used is checked.

What a file holds is declared as classes of msgspec (`Struct`); fields that are not declared are kept as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ifp.errors import IfpError
from ifp.system.checksums import check_digest, check_unchanged
from ifp.system.files import cannot_read
from ifp.system.format_version import check_version
from ifp.system.json_text import load_json

MOST_PIXELS = 2**24
"""Maximum length of a side of images."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A whole number of at least 0."""
Number = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""A number that is not infinite and not NaN."""
Share = Annotated[float, Meta(ge=0, le=1.000001)]
"""A number from 0 to 1."""
Beta = Annotated[float, Meta(gt=0, le=1e300)]
"""A positive number."""
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"
Text = Annotated[str, Meta(max_length=10_000, pattern=_NO_CONTROLS)]
"""A text of any words, without control characters."""
Name = Annotated[str, Meta(min_length=1, max_length=10_000, pattern=_NO_CONTROLS)]
"""A text that is not empty, without control characters."""
Cell = str | Annotated[int, Meta(ge=-(2**53), le=2**53)] | Number | bool | None
"""What a table of ours holds in JSON."""
Side = Annotated[int, Meta(ge=1, le=MOST_PIXELS)]
"""A side of an image, or its channels."""


class DatasetEntry(Struct):
    """The data set of a run; its name may hold a path of the user's, whatever that is called."""

    name: Annotated[str, Meta(min_length=1, max_length=10_000)]
    image_shape: Annotated[list[Side], Meta(min_length=1, max_length=3)]
    factor_names: list[Name]


class AnnealSettings(Struct):
    """The settings of an annealing, as far as they are read back."""

    dataset: Annotated[str, Meta(max_length=10_000)] = ""
    threshold_nats: Annotated[float, Meta(ge=1e-9, le=1e9)] = 0.1
    objective: Name = "beta"
    options: dict[str, Any] = {}


class AnnealRun(Struct):
    """run.json of an `ifp anneal` run, of traversals or of a whole data set."""

    config: AnnealSettings
    dataset: DatasetEntry
    likelihood: Name
    sigma: Number | None = None


class TrainRun(Struct):
    """run.json of an `ifp train` run."""

    config: dict[str, Any]
    dataset: DatasetEntry
    seeds: dict[Annotated[str, Meta(pattern="^[0-9]{1,9}$")], SeedEntry]


class RecordingRun(Struct):
    """run.json of a recording of a user's own training loop."""

    config: dict[str, Any]
    dataset: DatasetEntry
    seeds: dict[Annotated[str, Meta(pattern="^0$")], SeedEntry]
    every: Count = 1
    steps: Count | None = None
    status: Name = "running"
    doubts: dict[Name, Text] = {}


class ThisCall(Struct):
    """Since when the process that works on a run is at work, what was done before, and how much there is in all."""

    begun: Annotated[str, Meta(max_length=40)] = ""
    done_before: Count = 0
    units: Count | None = None


class WorkingRun(Struct):
    """run.json of any run that can be watched, as far as that needs it."""

    dataset: DatasetEntry
    config: dict[str, Any] = {}
    status: Name = "running"
    seeds: dict[Annotated[str, Meta(pattern="^[0-9]{1,9}$")], SeedEntry] = {}
    this_call: ThisCall | None = None
    steps: Count | None = None
    doubts: dict[Name, Text] = {}


class RunData(Struct):
    """The data set of a training, as far as models are told apart by it."""

    name: Annotated[str, Meta(max_length=10_000)] = ""
    checksum: Text = ""


class TrainStanding(Struct):
    """run.json of an `ifp train` run, as far as its models are found by it."""

    seeds: dict[Annotated[str, Meta(pattern="^[0-9]{1,9}$")], SeedEntry | None]
    config: dict[str, Any] = {}
    dataset: RunData | None = None


class SeedRun(Struct):
    """run.json of one network of an `ifp train` run."""

    config: dict[str, Any] = {}
    dataset: RunData | None = None


class SeedEntry(Struct):
    """How one network of an `ifp train` run stands."""

    status: Name
    step: Count = 0


class SweepAbout(Struct):
    """gan_sweep.json, the settings of a sweep of GANs."""

    dataset: Name
    objective: Name
    pressure: Annotated[list[Beta], Meta(min_length=2, max_length=2)]
    threshold_nats: Number
    hold_steps: Count
    direction: Name


class EdgesRun(Struct):
    """run.json of the closed form of a whole data set."""

    dataset: DatasetEntry
    likelihood: Name
    sigma: Number | None = None
    joint_edge: Number = 0.0
    images: Count = 0
    everything: Count = 0
    varying_pixels: Count = 0


def read_own_json(path: Path, schema: Any, advice: str) -> dict[str, Any]:
    """The JSON object in a file of ours, whose declared fields are as declared.

    Parameters
    ----------
    schema : a `Struct`. advice : what to do with a damaged file; the end of the sentence.

    Raises
    ------
    IfpError : the file cannot be read, is too large or too deep, lacks a field, has a field of another type or range,
        or is not as it was written. The sentence names the file and the field.
    """
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise cannot_read(path, error, advice) from error
    if not isinstance(content, dict):
        raise IfpError(f"{path} holds no table of fields; {advice}.")
    check_version(content, path)
    check_schema(content, schema, path, advice)
    check_digest(content, path)
    check_unchanged(path)
    return content


def check_schema(content: Any, schema: Any, path: Path, advice: str) -> None:
    """Raise IfpError unless the declared fields of `content` are as `schema` declares them."""
    try:
        msgspec.convert(content, schema)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace("`", "").replace(" - at key in $.", " - at $.").partition(" - at $.")
        field = f"the field {where}" if where else "its content"
        raise IfpError(f"{path}: {field} is not as it should be ({_as_words(what)}); {advice}.") from error


def _as_words(what: str) -> str:
    """The library's sentence in the words of this project."""
    if " matching regex " in what:
        what = "Expected a text of other characters"
    return what[:1].lower() + what[1:]
