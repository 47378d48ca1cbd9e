"""Trees made to cost time or memory when a model is looked for in them are given up soon, with a sentence."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.files.contents import Foreign, read_contents
from ifp.errors import IfpError

from .wrapped import opened, part, same, state, under

ARRAY = np.zeros(2, np.float32)
SECONDS = 20
"""A few in practice; machines that are busy with more get the rest."""


def nested(depth: int, leaf: object, key: str = "model") -> object:
    for _ in range(depth):
        leaf = {key: leaf}
    return leaf


def wide(count: int) -> dict[str, object]:
    return {f"set{n}": {f"encoder.{n}.weight": ARRAY, "encoder.0.bias": ARRAY} for n in range(count)}


TREES: dict[str, Callable[[], object]] = {
    "many arrays": lambda: {f"encoder.layer{n}.weight": ARRAY for n in range(20_000)},
    "many arrays without an encoder": lambda: {f"layer{n}.weight": ARRAY for n in range(20_000)},
    "many sets": lambda: wide(5_000),
    "many encoders": lambda: {f"encoder_{n}.{layer}.weight": ARRAY for n in range(1000) for layer in range(20)},
    "many encoder and decoder keys": lambda: {
        f"{role}_{n}": {"0.weight": ARRAY} for n in range(2000) for role in ("encoder", "decoder")
    },
    "sets within sets": lambda: nested(90, {"encoder.0.weight": ARRAY, "encoder.2.weight": ARRAY}),
    "arrays at each level": lambda: nested(
        90, {f"encoder.{n}.weight": ARRAY for n in range(1000)}, "encoder.module"
    ),
    "long keys": lambda: nested(50, {"encoder.0.weight": ARRAY, "b": ARRAY}, "model" * 100_000),
    "long names": lambda: {"encoder." + "module." * 5_000 + f"{n}.weight": ARRAY for n in range(20)},
    "dots": lambda: {"." * 50_000 + f"encoder.{n}.weight": ARRAY for n in range(20)},
    "lists of lists": lambda: [[[{"encoder.0.weight": ARRAY, "a": ARRAY}] * 20] * 20] * 20,
    "prefixes that collide": lambda: {
        f"{prefix}encoder.{n}.weight": ARRAY for n in range(200) for prefix in ("", "module.", "module.module.", "a.b.")
    },
    "objects within objects": lambda: Foreign("x.A", (), {"a": Foreign("x.B", (), {"b": {"encoder.0.weight": ARRAY}})}),
    "empty arrays": lambda: {"encoder": {"0.weight": np.zeros((0, 3))}, "decoder": {"0.weight": np.zeros((0, 3))}},
    "prefixes without end": lambda: {"module." * 50_000 + f"{n}.weight": ARRAY for n in range(3)},
    "names of nothing": lambda: dict.fromkeys(("", ".", "..", "encoder", "encoder.", ".encoder"), ARRAY),
    "keys of nothing": lambda: {"": {"": ARRAY, ".": ARRAY}, ".": {"": ARRAY, "encoder.": ARRAY}},
}  # fmt: skip


@pytest.mark.parametrize("kind", TREES)
def test_hostile_trees_are_refused_soon(kind: str) -> None:
    tree = TREES[kind]()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(IfpError) as error:
        opened(tree)
    assert time.monotonic() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 5000


def test_cyclic_references_are_refused(tmp_path: Path) -> None:
    cycle: dict[str, object] = {"encoder.0.weight": torch.zeros(2)}
    cycle["model"] = cycle
    torch.save(cycle, tmp_path / "cycle.pt")
    with pytest.raises(IfpError, match="nested deeper than 100 levels"):
        read_contents(tmp_path / "cycle.pt")


def test_a_model_is_found_among_much_else() -> None:
    clutter = {f"set{n}": {"a.weight": ARRAY, "b.weight": ARRAY} for n in range(20)}
    assert same(opened({**clutter, "vae": state()}), opened(state()))
    assert same(
        opened({**under("metrics.", {f"{n}": ARRAY for n in range(500)}), **under("vae.", state())}), opened(state())
    )
    overlapping = {"encoder": state(), "decoder": state()}  # both hold all: either is the model
    assert same(opened(overlapping), opened(state()))
    mixed = {"encoder": part(state(), "encoder"), "decoder": state()}
    assert same(opened(mixed), opened(state()))


def test_halves_without_arrays_are_no_model() -> None:
    """Objects of unknown classes in the places of an encoder and a decoder ended in a StopIteration once."""
    halves = {f"{half}.0.weight": Foreign("a.B") for half in ("encoder", "decoder")}
    with pytest.raises(IfpError, match="holds no model"):
        opened({"state_dict": halves})
