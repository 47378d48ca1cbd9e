"""What a file holds, down to the model's arrays: trainers' wrapping off, settings and step noted.

Lightning keeps the arrays under "state_dict", pythae under "model_state_dict", 1Konny and amir-abdi under
"model_states", rtqichen under "state_dict", dent under "model"; others write them bare, or under any key.
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
from ifp.checkpoints.files.printable import listed, printable
from ifp.checkpoints.source import Source
from ifp.errors import IfpError

STEPS = ("global_step", "iter", "epoch")
SETTINGS = ("kwargs", "args", "metadata", "hyper_parameters")
"""Where a file keeps the settings of training; what stands later wins."""
_ADVERSARIAL = {"generator", "discriminator", "netG", "netD", "G", "D", "gen", "disc"}
_SHOWN_NAMES = 8
_MAX_DEPTH = 50
_MAX_NAMES = 1_000_000
"""Of arrays, over all ways to name them: what a file of hostile names may cost, some seconds."""


def unwrap(contents: Contents, config: Mapping[str, Any]) -> Source:
    """The arrays of a checkpoint, of several sets the likeliest, under the names that its own code gave them.

    Names and settings are shown to people, so what does not print in them is escaped.

    Parameters
    ----------
    config : what lies beside the file; what the file itself says goes before it.

    Raises
    ------
    IfpError : no arrays, a whole pickled module, or the arrays of an optimizer or of a generator and its discriminator.
    """
    return next(next(Unwrapped(contents, config).models()))


class Unwrapped:
    """A checkpoint's sets of arrays with its settings; raises as `unwrap` does."""

    def __init__(self, contents: Contents, config: Mapping[str, Any]) -> None:
        self._tree = contents.tree
        self._names_left = _MAX_NAMES
        tree = contents.tree if isinstance(contents.tree, dict) else {}
        settings: dict[str, Any] = {}
        for said in (dict(config), *(tree.get(key) for key in SETTINGS)):
            values = plain_values(said)
            settings |= values if isinstance(values, dict) else {}
        self._bare = Source(contents.path, contents.container, {}, settings, _step(tree))
        self._sets = weight_sets(contents.tree)
        adversarial = _ADVERSARIAL & set(tree) and not {"E", "D"} <= set(tree)  # E and D are an encoder and a decoder
        if not self._sets or (adversarial and not any(map(_has_encoder, self._sets))):
            raise _no_model(contents)

    def models(self) -> Iterator[Iterator[Source]]:
        """For each model that the file may hold, the likeliest first, the ways to name its arrays."""
        for one in self._sets:
            yield from self._of(one)

    def loose(self) -> Iterator[Iterator[Source]]:
        """The same for models whose arrays lie in several dictionaries."""
        for one in loose_sets(self._tree):
            yield from self._of(one)

    def _of(self, one: WeightSet) -> Iterator[Iterator[Source]]:
        for tried in namings(one.arrays):
            yield self._sources(one, tried)

    def _sources(self, one: WeightSet, tried: Iterable[Naming]) -> Iterator[Source]:
        for naming in tried:
            self._names_left -= len(one.arrays)
            if self._names_left < 0:
                return
            place = ".".join(word for word in (printable(one.place), naming.prefix.rstrip("."), naming.encoder) if word)
            said = ", ".join(words for words in (printable(one.said), naming.said) if words)
            weights = {new: one.arrays[old] for old, new in naming.names.items()}
            yield replace(
                self._bare, weights=weights, place=printable(place), renamed=said, guessed=one.guessed or naming.guessed
            )


def plain_values(node: object) -> Any:
    """`node` with plain values only: foreign objects by what was set on them, arrays and the rest left out.

    The attributes of an argparse.Namespace; the content of an OmegaConf container or node; the pairs of a dictionary
    of somebody's own class. What has no plain value is None, and is left out of dictionaries. Texts are made printable.

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


def _has_encoder(one: WeightSet) -> bool:
    return any(ENCODER.search(name) for name in one.arrays)


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
