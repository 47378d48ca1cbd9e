"""What a file holds, down to the model's arrays: trainers' wrapping and prefixes off, settings and step noted.

Lightning keeps the arrays under "state_dict", pythae under "model_state_dict", 1Konny and amir-abdi under
"model_states", rtqichen under "state_dict", dent under "model"; others write them bare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from ifp.checkpoints.contents import Contents, Foreign
from ifp.checkpoints.limits import SAVE_WEIGHTS
from ifp.checkpoints.shown import listed, printable
from ifp.checkpoints.source import Source
from ifp.errors import IfpError

WRAPPERS: tuple[tuple[str, ...], ...] = (
    ("model_state_dict",),
    ("model_states", "G"),
    ("model_states", "net"),
    ("state_dict",),
    ("model",),
)
"""Where the arrays lie: the first that is there, else bare."""
PREFIXES = ("module.", "_orig_mod.", "ae.", "model.", "_model.")
"""Of DataParallel, torch.compile, erow's, AntixK's and disent's trainers."""
ENCODERS = ("encode", "_encode")
"""How the names of an encoder's arrays begin in one family or another, once the prefixes are off."""
STEPS = ("global_step", "iter", "epoch")
SETTINGS = ("kwargs", "args", "metadata", "hyper_parameters")
"""Where a file keeps the settings of training; what stands later wins."""
_OPTIMIZER = {"state", "param_groups"}
_ADVERSARIAL = {"generator", "discriminator", "netG", "netD", "G", "D", "gen", "disc"}
_SHOWN_NAMES = 8
_MAX_DEPTH = 50


def unwrap(contents: Contents, config: Mapping[str, Any]) -> Source:
    """The arrays of a checkpoint under the names that its own code gave them.

    Names and settings are shown to people, so what does not print in them is escaped.

    Parameters
    ----------
    config : what lies beside the file; what the file itself says goes before it.

    Raises
    ------
    IfpError : no arrays, a whole pickled module, or the arrays of an optimizer or of a generator and its discriminator.
    """
    tree = contents.tree if isinstance(contents.tree, dict) else {}
    arrays = next((found for way in WRAPPERS if (found := _arrays(_at(tree, way)))), None) or _arrays(tree)
    if not arrays:
        raise _no_model(contents)
    weights = {printable(name): array for name, array in _strip(arrays).items()}
    settings: dict[str, Any] = {}
    for said in (dict(config), *(tree.get(key) for key in SETTINGS)):
        values = plain_values(said)
        settings |= values if isinstance(values, dict) else {}
    return Source(contents.path, contents.container, weights, settings, _step(tree))


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


def _at(tree: object, way: tuple[str, ...]) -> object:
    for key in way:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _arrays(node: object) -> dict[str, np.ndarray]:
    """The arrays of a state dict; where it has none of its own, those one level down, under "key.name"."""
    if not isinstance(node, dict):
        return {}
    direct = {key: value for key, value in node.items() if isinstance(key, str) and isinstance(value, np.ndarray)}
    if direct or _ADVERSARIAL & set(node):
        return direct
    return {
        f"{outer}.{inner}": value
        for outer, part in node.items()
        if isinstance(outer, str) and isinstance(part, dict) and not _is_optimizer(part)
        for inner, value in part.items()
        if isinstance(inner, str) and isinstance(value, np.ndarray)
    }


def _is_module(part: object) -> TypeGuard[Foreign]:
    return isinstance(part, Foreign) and isinstance(part.state, dict) and {"_parameters", "_modules"} <= set(part.state)


def _is_optimizer(part: Mapping[Any, Any]) -> bool:
    return set(part) >= _OPTIMIZER


def _strip(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Names without the prefix under which the encoder lies; without an encoder, without the one that all share.

    A name that is there without the prefix too keeps it.
    """
    inner = {name: name.replace("_orig_mod.", "") for name in arrays}
    prefixes = {name: short[: len(short) - len(_core(short))] for name, short in inner.items()}
    over_encoders = Counter(prefixes[name] for name, short in inner.items() if _core(short).startswith(ENCODERS))
    if over_encoders:
        prefix = over_encoders.most_common(1)[0][0]
    else:
        prefix = prefixes[next(iter(prefixes))]
        prefix = prefix if all(found == prefix for found in prefixes.values()) else ""
    stripped: dict[str, np.ndarray] = {}
    taken = set(inner.values())
    for name, array in arrays.items():
        short = inner[name].removeprefix(prefix)
        stripped[inner[name] if short != inner[name] and short in taken else short] = array
    return stripped


def _core(name: str) -> str:
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return _core(name.removeprefix(prefix))
    return name


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
    parts = (*tree.values(), *(_at(tree, way) for way in WRAPPERS))
    if modules := [part for part in parts if _is_module(part)]:
        return IfpError(
            f"{contents.path} holds a whole module of the class {printable(modules[0].class_name)}, which cannot be "
            f"rebuilt without running its code; {SAVE_WEIGHTS}."
        )
    if _is_optimizer(tree) or any("optim" in str(key) for key in tree):
        what = "the state of an optimizer but no model"
    elif _ADVERSARIAL & set(tree):
        what = "a generator and its discriminator, not a VAE"
    else:
        what = "no model: no named arrays where trainers put them"
    names = listed(tree, _SHOWN_NAMES) or "nothing"
    return IfpError(f"{contents.path} holds {what} (its top-level keys are {names}); {remedy}.")
