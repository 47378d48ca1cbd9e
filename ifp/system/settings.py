"""What the configs share: settings as JSON holds them, checked by the types of a config's fields, and their digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

from ifp.errors import IfpError, bad_value, unknown_name

Kind = tuple[Callable[[Any], bool], str]
"""Whether a value suits a setting, and what to say is allowed."""
LATER_DEFAULTS: Mapping[str, Any] = {"exact_floor": None, "precision": "float32"}
"""Settings of annealing that came later; left at these values they are not in the digest, as in runs of before."""
_UP_TO_STEPS = ("records", "checkpoint_every")
"""Settings that may not exceed the number of steps."""


def is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= sys.float_info.max


def check_positive(name: str, value: Any) -> None:
    """Raise IfpError unless the setting `name` is a finite number above 0.

    >>> check_positive("sigma", 0.5)
    """
    is_number = isinstance(value, Real)
    if not is_number or not 0 < value <= sys.float_info.max:
        raise bad_value(name, value, "a positive number")


THRESHOLDS_NATS = (1e-9, 1e9)
"""The least and the largest threshold of information; beyond them curves are rounding errors, or never reach it."""


def check_threshold(name: str, value: Any) -> None:
    """Raise IfpError unless the threshold `name`, in nats, lies in the range of numbers that can be measured.

    >>> check_threshold("threshold_nats", 0.1)
    """
    check_positive(name, value)
    low, high = THRESHOLDS_NATS
    if not low <= float(value) <= high:
        raise bad_value(name, value, f"a number of nats from {low:g} to {high:g}")


KINDS: Mapping[str, Kind] = {
    "int": (lambda value: is_number(value) and isinstance(value, int), "a whole number"),
    "float": (is_number, "a number"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "str": (lambda value: isinstance(value, str), "a text"),
}
"""The kind of a setting, by the annotation of its field in the config."""


def check_stored(config: type, stored: Mapping[str, Any], special: Mapping[str, Kind]) -> None:
    """Raise IfpError unless `stored` names a data set, and only fields of `config`, each with a value of its type.

    Parameters
    ----------
    config : a dataclass in a module with `from __future__ import annotations`.
    special : the kinds of the fields whose annotation is not in `KINDS`, by name.
    """
    annotations = {field.name: str(field.type) for field in dataclasses.fields(config)}
    for name in stored:
        if name not in annotations:
            raise unknown_name("setting", name, annotations)
    if "dataset" not in stored:
        raise IfpError('The settings name no dataset; add "dataset".')
    for name, value in stored.items():
        fits, allowed = special[name] if name in special else KINDS[annotations[name]]
        if not fits(value):
            raise bad_value(name, value, allowed)


def clip_to_steps(config: type, settings: Mapping[str, Any], typed: Collection[str]) -> dict[str, Any]:
    """`settings` with what may not exceed the steps (records, checkpoint_every) clipped to them, unless typed.

    Parameters
    ----------
    config : the dataclass with the defaults of what `settings` does not name.
    typed : the names that the user gave: too large a value of theirs stays, to be refused.
    """
    defaults = {f.name: f.default for f in dataclasses.fields(config) if f.name in (*_UP_TO_STEPS, "steps")}
    found = {**defaults, **settings}
    clipped = dict(settings)
    for name in _UP_TO_STEPS:
        steps, value = found["steps"], found.get(name)
        if name not in typed and is_number(steps) and is_number(value) and value > steps >= 1:
            clipped[name] = steps
    return clipped


def clipped_note(config: Any, given: Collection[str]) -> str:
    """A line on what was clipped to the number of steps though the user did not give it; empty where nothing was."""
    if "steps" in given and "records" not in given and config.records == config.steps:
        return f"Records: one per step, {config.steps}."
    return ""


def whole_as_int(value: Any) -> Any:
    """The value with whole numbers as integers, in lists and tables too: 5.0 and 5 are one setting with one digest.

    >>> whole_as_int({"betas": [5.0, 0.5], "stratified": True})
    {'betas': [5, 0.5], 'stratified': True}
    """
    if isinstance(value, Mapping):
        return {name: whole_as_int(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [whole_as_int(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def floats_as_declared(config: Any) -> None:
    """Make floats of the whole numbers that a frozen config holds in fields for floats: 1 and 1.0 have one digest."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if str(field.type) in ("float", "float | None") and is_number(value):
            object.__setattr__(config, field.name, float(value))


def is_same_run(stored: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the settings in one run.json are those in the other.

    A digest stored by an earlier version may tell 5.0 from 5; the settings themselves are then compared as numbers.
    """
    if stored.get("digest") == now["digest"]:
        return True
    return bool(stored.get("config") == json.loads(json.dumps(now["config"])))


def settings_digest(stored: Mapping[str, Any]) -> str:
    """Equal for equal settings, whatever their order; 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]
