"""JSON files of ours, read as if a stranger had written them: size, depth, and every field that is used is checked.

What a file holds is declared as classes of msgspec (`Struct`); fields that are not declared are kept as they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ifp.errors import IfpError
from ifp.system.checksums import check_digest, check_unchanged

MAX_JSON_BYTES = 2**28
"""Maximum size of a JSON file of ours, 256 MiB."""
MAX_DEPTH = 64
"""Maximum depth to which a JSON file of ours is nested."""
MOST_PIXELS = 2**24
"""Maximum length of a side of images."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A whole number of at least 0."""
Side = Annotated[int, Meta(ge=1, le=MOST_PIXELS)]
"""A side of an image, or its channels."""


class DatasetEntry(Struct):
    """The data set of a run."""

    name: str
    image_shape: Annotated[list[Side], Meta(min_length=1, max_length=3)]
    factor_names: list[str]


class AnnealRun(Struct):
    """run.json of an `ifp anneal` run of traversals."""

    config: dict[str, Any]
    dataset: DatasetEntry
    likelihood: str


class TrainRun(Struct):
    """run.json of an `ifp train` run."""

    config: dict[str, Any]
    dataset: DatasetEntry
    seeds: dict[str, SeedEntry]


class SeedEntry(Struct):
    """How one network of an `ifp train` run stands."""

    status: str
    step: Count


class SweepAbout(Struct):
    """gan_sweep.json, the settings of a sweep of GANs."""

    pressure: Annotated[list[float], Meta(min_length=2, max_length=2)]
    threshold_nats: float
    hold_steps: Count


class EdgesRun(Struct):
    """run.json of the closed form of a whole data set."""

    dataset: DatasetEntry
    likelihood: str


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
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {MAX_JSON_BYTES // 2**20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise IfpError(f"{path} cannot be read (it is nested too deep); {advice}.") from error
    except (OSError, ValueError) as error:
        raise IfpError(f"{path} cannot be read ({error}); {advice}.") from error
    if not isinstance(content, dict):
        raise IfpError(f"{path} holds no table of fields; {advice}.")
    check_plain(content, path, advice)
    check_schema(content, schema, path, advice)
    check_digest(content, path)
    check_unchanged(path)
    return content


def check_schema(content: Any, schema: Any, path: Path, advice: str) -> None:
    """Raise IfpError unless the declared fields of `content` are as `schema` declares them."""
    try:
        msgspec.convert(content, schema)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace("`", "").partition(" - at $.")
        field = f"the field {where}" if where else "its content"
        raise IfpError(f"{path}: {field} is not as it should be ({_as_words(what)}); {advice}.") from error


def check_plain(content: Any, path: Path, advice: str) -> None:
    """Raise IfpError where `content` is nested too deep, or a text of it is none (half of a surrogate pair)."""
    level = [content]
    for _ in range(MAX_DEPTH):
        texts = [entry for entry in level if isinstance(entry, str)]
        if any(not text.isascii() and _SURROGATE.search(text) for text in texts):
            raise IfpError(f"{path} holds a text with half of a character (a surrogate); {advice}.")
        level = [
            inner
            for entry in level
            if isinstance(entry, dict | list)
            for inner in ([*entry, *entry.values()] if isinstance(entry, dict) else entry)
        ]
        if not level:
            return
    raise IfpError(f"{path} is nested deeper than {MAX_DEPTH} levels; {advice}.")


def _as_words(what: str) -> str:
    """The library's sentence in the words of this project."""
    return what[:1].lower() + what[1:]


_SURROGATE = re.compile("[\ud800-\udfff]")
