"""From what a checkpoint file holds to the model in it: which arrays, under which names, of which family.

A file may wrap its model in keys and prefixes that nobody can list. So every set of arrays in it is tried under the
names that it may have had, from those in the file to those that change more, until a family recognises it and all its
layers fit. What was changed is said; where several sets are models, so is which was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from ifp.checkpoints.arrays.unwrap import Unwrapped
from ifp.checkpoints.arrays.weight_sets import DECODER, preference
from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.registry import families, matching, no_family, several_families
from ifp.checkpoints.families.unknown import OTHERWISE, is_reparametrised, nearness
from ifp.checkpoints.files.contents import Contents
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError, unknown_name

_SHOWN_PLACES = 5


@dataclass(frozen=True, eq=False)
class Opened:
    """A model in a file: its arrays, its family, and the ways in which it can be read, the most likely first."""

    source: Source
    family: Family
    vaes: tuple[Vae, ...]

    @property
    def complete(self) -> bool:
        """Whether its decoder is read too, where the file has one."""
        has_decoder = any(DECODER.search(name) for name in self.source.weights)
        return not has_decoder or any(vae.decoder is not None for vae in self.vaes)

    @property
    def is_lone_guess(self) -> bool:
        """Whether nothing says that it is an encoder but that its layers fit: a whole model elsewhere goes before."""
        return self.source.guessed and all(vae.decoder is None for vae in self.vaes)


def open_model(contents: Contents, config: Mapping[str, Any], options: ReadingOptions) -> Opened:
    """The model of a checkpoint; what was taken off and chosen is among the assumptions of its `vaes`.

    Raises
    ------
    IfpError : no arrays, no known family or more than one, arrays that do not fit together, or no set of weights of
        the name that the user gave.
    """
    if options.family is not None and options.family not in families():
        raise unknown_name("family", options.family, families())
    unwrapped, trial = Unwrapped(contents, config), _Trial(options)
    found = trial.all_of(unwrapped.models())
    if not found and not trial.named:
        raise _no_such_set(trial.seen, str(options.weights))
    if all(opened.is_lone_guess for opened in found):
        found = [opened for opened in trial.all_of(unwrapped.loose()) if not opened.is_lone_guess] or found
    if not found:
        raise trial.reason()
    found.sort(key=lambda opened: preference(opened.source.place))
    taken = found[0]
    shape = options.image_shape
    if shape is not None and any(vae.image_shape != shape for vae in taken.vaes):
        found_shape = taken.vaes[0].image_shape
        raise IfpError(
            f"{contents.path} takes images of shape {found_shape} (channels, rows, columns) as a model of "
            f"{taken.family.title}; got `image_shape={shape}`, leave it out."
        )
    others = [opened.source.place for opened in found[1:] if not _equal(opened.source, taken.source)]
    said, theirs = _said(taken.source, others, options), _beginnings(others)
    return replace(
        taken,
        vaes=tuple(
            vae.assuming(*said, unused=tuple(name for name in vae.unused if not name.startswith(theirs)))
            for vae in taken.vaes
        ),
    )


class _Trial:
    """Tries models under their possible names, and keeps why those that were not read were not.

    Attributes
    ----------
    seen, named : what was met, and what of it the user named (all, where nothing is named), as the file has it.
    """

    def __init__(self, options: ReadingOptions) -> None:
        self._options = options
        self.seen: list[Source] = []
        self.named: list[Source] = []
        self._plain: list[Source] = []
        self._errors: list[tuple[bool, IfpError]] = []

    def all_of(self, models: Iterable[Iterator[Source]]) -> list[Opened]:
        """Every model that can be read; of several sets of weights those that the user named."""
        found = []
        for ways in models:
            first = next(ways, None)
            if first is None:
                continue
            self.seen.append(first)
            if self._options.weights is None or _is_called(first.place, self._options.weights):
                self.named.append(first)
                if (opened := self._opened(chain([first], ways))) is not None:
                    found.append(opened)
        return found

    def reason(self) -> IfpError:
        """Why nothing was read: what a family said of arrays that it recognises, else that none does."""
        known = [error for guessed, error in self._errors if not guessed or not isinstance(error, ShapeMismatch)]
        tried = self._plain or self.named
        if known and not (isinstance(known[0], ShapeMismatch) and is_reparametrised(tried[0].weights)):
            return known[0]
        largest = max(len(source.weights) for source in tried)
        return no_family(max((s for s in tried if len(s.weights) == largest), key=lambda s: nearness(s.weights)))

    def _opened(self, ways: Iterable[Source]) -> Opened | None:
        """The first way in which all is read, else the first in which the encoder is."""
        best = None
        for at, source in enumerate(ways):
            source = replace(source, image_shape=self._options.image_shape)
            if not source.guessed:
                self._plain.append(source)
            try:
                family = self._family(source, at == 0)
                if family is None:
                    continue
                opened = Opened(source, family, tuple(family.build(source, self._options)))
            except ShapeMismatch as error:
                assert family is not None
                self._errors.append((source.guessed, _cannot_be_rebuilt(source, family, error)))
                continue
            except IfpError as error:
                self._errors.append((source.guessed, error))
                if source.guessed:
                    continue
                return best
            if opened.complete:
                return opened
            best = best or opened
        return best

    def _family(self, source: Source, as_it_is: bool) -> Family | None:
        """The family that recognises `source`; that which the user named is taken even where it does not."""
        if self._options.family is not None:
            family = families()[self._options.family]
            return family if as_it_is or family.recognises(source) else None
        found = matching(source)
        if len(found) > 1:
            raise several_families(source, found)
        return found[0] if found else None


def _is_called(place: str, wanted: str) -> bool:
    """Whether the keys `wanted` are among those of `place`, one after the other: "ema" of "state_dict.ema"."""
    return f".{wanted}." in f".{place}."


def _no_such_set(seen: Sequence[Source], wanted: str) -> IfpError:
    places = list(dict.fromkeys(source.place for source in seen if source.place))
    if not places:
        path = seen[0].path
        return IfpError(
            f"{path} holds one set of weights, without a key, so none is called {wanted!r}; leave `weights` out."
        )
    return unknown_name("set of weights", wanted, places)


def _cannot_be_rebuilt(source: Source, family: Family, error: ShapeMismatch) -> ShapeMismatch:
    return ShapeMismatch(
        f"{source.path} looks like a checkpoint of {family.title}, but cannot be rebuilt: {str(error).rstrip('.')}; "
        f"name another by `reading=ifp.ReadingOptions(family=...)`, or {OTHERWISE}."
    )


def _equal(one: Source, other: Source) -> bool:
    """Whether two sets are the same arrays, kept twice."""
    a, b = one.weights, other.weights
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def _beginnings(places: Sequence[str]) -> tuple[str, ...]:
    """How the names of arrays of other models begin where they lie in one dictionary: those are not left over."""
    split = [place.split(".") for place in places]
    return tuple(f"{'.'.join(words[at:])}." for words in split for at in range(len(words)))


def _said(taken: Source, others: Sequence[str], options: ReadingOptions) -> list[Assumption]:
    """Which weights were taken, and what their names were in the file; nothing where they lay bare."""
    said = []
    if others or options.weights is not None or (taken.place and f"'{taken.place}" not in taken.renamed):
        value = f"those under {taken.place!r}" if taken.place else "those without a key"
        if others:
            more = " and ".join(map(repr, others[:_SHOWN_PLACES]))
            value += f"; the file also holds {more} (`reading=ifp.ReadingOptions(weights={others[0]!r})`)"
        source = "an option" if options.weights is not None else "a guess" if others else "the file"
        said.append(Assumption("weights", value, source))
    if taken.renamed:
        said.append(Assumption("names", taken.renamed, "a guess" if taken.guessed else "the file"))
    return said
