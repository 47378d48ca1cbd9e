"""Takes the arrays of a model out of what a trainer has wrapped around them, with the settings and the step.

Lightning and rtqichen keep the arrays under the key "state_dict", pythae under "model_state_dict", 1Konny and amir-abdi
under "model_states", dent under "model". Others write them at the top level, or under any key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ifp.checkpoints.arrays.namings import Naming, namings
from ifp.checkpoints.arrays.weight_sets import ENCODER, WeightSet, is_module, is_optimizer, loose_sets, weight_sets
from ifp.checkpoints.files.contents import Contents, Foreign
from ifp.checkpoints.files.limits import SAVE_WEIGHTS
from ifp.checkpoints.source import Source
from ifp.errors import IfpError
from ifp.system.printable import listed, printable

STEPS = ("global_step", "iter", "epoch")
"""Keys under which a file keeps the step of training, in the order in which they are tried."""
SETTINGS = ("params", "kwargs", "args", "metadata", "hyper_parameters")
"""Keys under which a file keeps the settings of training; of contradicting settings the last is taken."""
_ADVERSARIAL = {"generator", "discriminator", "netG", "netD", "G", "D", "gen", "disc"}
"""Keys of the networks of a GAN."""
_SHOWN_NAMES = 8
"""Maximum number of keys in a message."""
_MAX_DEPTH = 50
"""Maximum depth of settings; deeper ones are left out."""
_MAX_NAMES = 1_000_000
"""Maximum number of names that are made in all namings together, which limits the time that a hostile file takes."""


def unwrap(contents: Contents, config: Mapping[str, Any]) -> Source:
    """The most likely model in a checkpoint, with its arrays under the names that its own code gave them.

    Names and settings are shown to people, so characters in them that do not print are escaped.

    Parameters
    ----------
    config : the settings in files beside the checkpoint; settings in the file itself take precedence.

    Raises
    ------
    IfpError : if the file holds no arrays, a whole pickled module, the state of an optimizer, or a GAN.
    """
    return next(next(Unwrapped(contents, config).models()))


class Unwrapped:
    """The sets of arrays in a checkpoint, with its settings; raises the errors of `unwrap`."""

    def __init__(self, contents: Contents, config: Mapping[str, Any]) -> None:
        self._tree = contents.tree
        self._names_left = _MAX_NAMES
        tree = contents.tree if isinstance(contents.tree, dict) else {}
        settings: dict[str, Any] = {}
        for stated in (dict(config), *(tree.get(key) for key in SETTINGS)):
            values = plain_values(stated)
            settings |= values if isinstance(values, dict) else {}
        self._without_weights = Source(contents.path, contents.container, {}, settings, _step(tree))
        self._sets = [found for found in weight_sets(contents.tree) if found.arrays]
        # E and D are an encoder and a decoder; netQ on the discriminator's features is an encoder of codes
        read = {"E", "D"} <= set(tree) or {"discriminator", "netQ"} <= set(tree)
        adversarial = _ADVERSARIAL & set(tree) and not read
        if not self._sets or (adversarial and not any(map(_has_encoder, self._sets))):
            raise _no_model(contents)

    def models(self) -> Iterator[Iterator[Source]]:
        """For each model that the file may hold, the most likely first, the ways to name its arrays."""
        for weight_set in self._sets:
            yield from self._models_of(weight_set)

    def loose(self) -> Iterator[Iterator[Source]]:
        """The same as `models`, for models whose arrays lie in several dictionaries."""
        for weight_set in (found for found in loose_sets(self._tree) if found.arrays):
            yield from self._models_of(weight_set)

    def _models_of(self, weight_set: WeightSet) -> Iterator[Iterator[Source]]:
        for ways in namings(weight_set.arrays):
            yield self._sources(weight_set, ways)

    def _sources(self, weight_set: WeightSet, ways: Iterable[Naming]) -> Iterator[Source]:
        for naming in ways:
            self._names_left -= len(weight_set.arrays)
            if self._names_left < 0:
                return
            keys = (printable(weight_set.place), naming.prefix.rstrip("."), naming.encoder)
            yield replace(
                self._without_weights,
                weights={new: weight_set.arrays[old] for old, new in naming.names.items()},
                place=printable(".".join(key for key in keys if key)),
                renamed=", ".join(words for words in (printable(weight_set.said), naming.said) if words),
                guessed=weight_set.guessed or naming.guessed,
            )


def plain_values(node: object) -> Any:
    """`node` with plain values only; texts are made printable.

    A foreign object becomes what was set on it: the attributes of an argparse.Namespace, the content of an OmegaConf
    container or node, the pairs of a dictionary of a foreign class. Arrays, except scalars, and other values become
    None, which is left out of dictionaries.

    >>> plain_values({"beta": 4.0, "lr": np.zeros(3), "net": Foreign("x.Net", (), {"width": 32, "act": None})})
    {'beta': 4.0, 'net': {'width': 32}}
    """
    return _plain(node, 0)


def _plain(node: object, depth: int) -> Any:
    if isinstance(node, str):
        return printable(node)
    if isinstance(node, bool | int | float) or depth > _MAX_DEPTH:
        return node if isinstance(node, bool | int | float) else None
    if isinstance(node, np.ndarray):
        return node.item() if node.ndim == 0 else None
    if isinstance(node, list | tuple):
        return [_plain(item, depth + 1) for item in node]
    if isinstance(node, dict):
        values = {printable(str(key)): _plain(value, depth + 1) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not None}
    if isinstance(node, Foreign):
        state = node.state if isinstance(node.state, dict) else {}
        for key in ("_content", "_val"):
            if key in state:
                return _plain(state[key], depth + 1)
        pairs = [item for item in node.items if isinstance(item, tuple) and len(item) == 2]
        named = {**state, **{key: value for key, value in pairs if isinstance(key, str)}}
        return _plain(named, depth + 1) if named else None
    return None


def _has_encoder(weight_set: WeightSet) -> bool:
    return any(ENCODER.search(name) for name in weight_set.arrays)


def _step(tree: Mapping[Any, object]) -> int | None:
    for key in STEPS:
        value = plain_values(tree.get(key))
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _no_model(contents: Contents) -> IfpError:
    tree = contents.tree
    remedy = "give the file that holds the model's state_dict"
    if not isinstance(tree, dict):
        kind = printable(tree.class_name) if isinstance(tree, Foreign) else type(tree).__name__
        return IfpError(f"{contents.path} holds no named arrays but one object ({kind}); {remedy}.")
    inner = [part for value in tree.values() if isinstance(value, dict) for part in value.values()]
    if modules := [part for part in (*tree.values(), *inner) if is_module(part)]:
        return IfpError(
            f"{contents.path} holds a whole module of the class {printable(modules[0].class_name)}, which cannot be "
            f"rebuilt without running its code; {SAVE_WEIGHTS}."
        )
    if is_optimizer(tree) or any("optim" in str(key) for key in tree):
        what = "the state of an optimizer but no model"
    elif _ADVERSARIAL & set(tree):
        what = "a generator and its discriminator, not a VAE"
    else:
        what = "no model: no named arrays where trainers put them"
    names = listed(tree, _SHOWN_NAMES) or "nothing"
    return IfpError(f"{contents.path} holds {what} (its top-level keys are {names}); {remedy}.")
