"""Rules that turn the names of arrays in a file into those of the model's own code: prefixes removed, parts renamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ifp.checkpoints.arrays.weight_sets import ENCODER
from ifp.system.printable import printable

PREFIXES = ("module.", "_orig_mod.", "ae.", "model.", "_model.")
"""Prefixes of DataParallel, of torch.compile, and of the trainers of erow, AntixK and disent."""
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Components that compilation and sharding put anywhere in a name; no layer is called so."""
_MOST_LEVELS = 3
"""Maximum number of shared components that are found."""
Rule = Callable[[str], str]


@dataclass(frozen=True)
class PartRules:
    """Renames the arrays of a model's parts.

    Attributes
    ----------
    prefix : the beginning of the names of all arrays of the model, which is removed; other names stay.
    parts : triples (name of a part, what is removed after it, its new name), all ending in "."; the first whose name
        fits is applied.
    drop : a component that is removed wherever it stands, instead of renaming parts; "" for none.
    """

    prefix: str
    parts: list[tuple[str, str, str]]
    drop: str = ""

    def __call__(self, name: str) -> str:
        if not name.startswith(self.prefix):
            return name
        name = name.removeprefix(self.prefix)
        if self.drop:
            return _without_components(name, (self.drop,))
        for old, middle, new in self.parts:
            if name.startswith(old):
                return new + name.removeprefix(old).removeprefix(middle)
        return name


def renamed(names: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """`names` (name in the file -> present name) with `rule` applied to the present names, made printable.

    A present name stays if its new name would be that of two arrays.
    """
    new_names = {name: rule(old) for name, old in names.items()}
    counts, taken = Counter(new_names.values()), set(names.values())
    return {
        name: printable(old if new != old and (counts[new] > 1 or new in taken) else new)
        for (name, old), new in zip(names.items(), new_names.values(), strict=True)
    }


def without_wrappers(name: str) -> str:
    """`name` without the components that compilation and sharding put into it."""
    return _without_components(name, _WRAPPERS)


def without_prefixes(name: str) -> str:
    """`name` without any of PREFIXES, however many there are."""
    while prefix := next((prefix for prefix in PREFIXES if name.startswith(prefix)), ""):
        name = name.removeprefix(prefix)
    return name


def encoder_in(name: str) -> tuple[str, str] | None:
    """The first component of a name that is called an encoder, after what stands before it; None if there is none.

    >>> encoder_in("model.vae.encoder.conv1.weight"), encoder_in("trunk.0.weight")
    (('model.vae.', 'encoder'), None)
    """
    *path, _ = name.split(".")
    for level, component in enumerate(path):
        if ENCODER.search(component):
            return dotted(path[:level]), component
    return None


def shared_components(names: Collection[str]) -> list[str]:
    """The first components that all names share, at most three, not counting an array's own name.

    >>> shared_components(["net.0.weight", "net.2.weight"])
    ['net']
    """
    shared: list[str] = []
    for components in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(components)) > 1 or len(shared) == _MOST_LEVELS:
            break
        shared.append(components[0])
    return shared


def dotted(components: Collection[str]) -> str:
    """Components as the beginning of a name.

    >>> dotted(["model", "vae"])
    'model.vae.'
    """
    return "".join(f"{component}." for component in components)


def _without_components(name: str, dropped: Collection[str]) -> str:
    *path, last = name.split(".")
    return dotted([component for component in path if f"{component}." not in dropped]) + last
