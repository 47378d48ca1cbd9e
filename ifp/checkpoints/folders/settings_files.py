"""Reads the settings of training in JSON and gin files beside a checkpoint, without running anything."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

from ifp.errors import IfpError
from ifp.system.json_text import parse_json

MAX_BYTES = 2**20
"""Maximum size of a settings file."""
JSON_FILES = ("specs.json", "model_config.json")
"""JSON files with settings: specs.json is written by YannDubs and dent, model_config.json by pythae."""
GIN_FILES = ("train.gin", "model.gin", "results/gin/train.gin", "../results/gin/train.gin")
"""Gin files with settings, which erow writes, and which lie in the unpacked study folders of google."""
_BINDING = re.compile(r"([\w./-]+)\s*=\s*(\S.*)", re.ASCII)
"""Matches a line that sets a value in a gin file: name and value."""
_REFERENCE = re.compile(r"(@[\w./-]+(?:\(\))?)\s*(?:#.*)?", re.ASCII)
"""Matches a value in a gin file that is a reference to a class or function."""
_MAX_LINE = 10_000
"""Maximum length of a line in a gin file; longer lines are ignored."""


def settings_beside(folder: Path) -> dict[str, Any]:
    """The settings in the files of `folder`, and of the folder above it if it is called "checkpoints"; {} if none.

    Raises
    ------
    IfpError : if a file is larger than 1 MiB, or if a JSON file holds no JSON object.
    """
    # Lightning puts its checkpoints one folder below the settings
    settings: dict[str, Any] = settings_beside(folder.parent) if folder.name == "checkpoints" else {}
    for name in JSON_FILES:
        if (folder / name).is_file():
            settings |= read_json(folder / name)
    for name in GIN_FILES:
        if (folder / name).is_file():
            settings |= gin_bindings(_text(folder / name))
    return settings


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises
    ------
    IfpError : if the file holds none, or is larger than 1 MiB.
    """
    text = _text(path)
    try:
        content = parse_json(text)
    except ValueError as error:
        raise IfpError(f"{path} is not valid JSON; repair it, or take it away to read without it.") from error
    if not isinstance(content, dict):
        raise IfpError(f"{path} should hold a JSON object; repair it, or take it away to read without it.")
    return content


def gin_bindings(text: str) -> dict[str, Any]:
    """The lines `a.b = literal` and `a.b = @reference` of a gin file; macros and other lines are ignored.

    A reference stays a text, because the name of a loss or of a network tells how a model was trained.

    >>> gin_bindings("import dlib\\nvae.beta = 4  # nats\\nreconstruction_loss.loss_fn = @l2_loss\\nvae.size = %SIZE")
    {'vae.beta': 4, 'reconstruction_loss.loss_fn': '@l2_loss'}
    """
    bindings = {}
    for line in text.splitlines():
        match = _BINDING.match(line) if len(line) <= _MAX_LINE else None
        if match is None:
            continue
        if reference := _REFERENCE.fullmatch(match[2]):
            bindings[match[1]] = reference[1]
            continue
        try:
            with warnings.catch_warnings(action="ignore"):
                bindings[match[1]] = ast.literal_eval(match[2])
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return bindings


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise IfpError(f"{path} cannot be read ({error.strerror}).") from error
    if len(raw) > MAX_BYTES:
        raise IfpError(
            f"{path} has over {MAX_BYTES // 2**20} MiB, too much for settings; take it away to read without."
        )
    return raw.decode("utf-8", errors="replace")
