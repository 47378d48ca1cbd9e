"""Wrapping and prefixes come off, settings and step are found, and files without a model say what they hold."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.arrays.unwrap import plain_values, unwrap
from ifp.checkpoints.families.registry import recognise
from ifp.checkpoints.files.contents import Contents, Foreign, read_contents
from ifp.checkpoints.source import Source
from ifp.errors import IfpError

NAMES = ("encoder.conv1.weight", "encoder.conv1.bias", "decoder.lin.weight", "fc_mu.weight")


def arrays(*names: str) -> dict[str, np.ndarray]:
    """Array n is full of n, so that it can be told apart."""
    return {name: np.full((2,), n, np.float32) for n, name in enumerate(names)}


def opened(tree: object, **config: Any) -> Source:
    return unwrap(Contents(Path("run/file"), "torch zip", "inert reader", tree, ()), config)


def values(source: Source) -> dict[str, float]:
    return {name: float(array[0]) for name, array in source.weights.items()}


MODULE = {"_parameters": {}, "_modules": {}, "training": False}
"""What is set on a pickled module."""
PLAIN = {name: float(n) for n, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state},
        lambda state: {"pytorch-lightning_version": "1.8.0", "state_dict": state, "optimizer_states": [{"state": {}}]},
        lambda state: {"model_state_dict": state},
        lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}, "uid": "a", "metadata": {}},
        lambda state: {"model_states": {"net": state}, "optim_states": {"optim": {"state": {}}}, "iter": 3},
        lambda state: {"model_states": {"G": state, "PermD": arrays("main.0.weight")}, "iter": 3},
        lambda state: {"name": "vae", "args": (), "kwargs": {}, "model": state},
        lambda state: {**state, "_extra_state": None, 3: np.zeros(1)},
    ],
)
def test_the_arrays_are_found_in_every_wrapping(wrap: Any) -> None:
    assert values(opened(wrap(arrays(*NAMES)))) == PLAIN


def test_parts_saved_side_by_side_are_one_model() -> None:
    source = opened({"encoder": arrays("conv.weight"), "decoder": arrays("lin.weight"), "epoch": 4, "loss": [1.0]})
    assert list(source.weights) == ["encoder.conv.weight", "decoder.lin.weight"]


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "ae.", "model.", "_model.", "module._orig_mod.", "model.module."]
)
def test_prefixes_come_off(prefix: str) -> None:
    assert values(opened({prefix + name: array for name, array in arrays(*NAMES).items()})) == PLAIN


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # disent: the framework's prefix comes off, the encoder's own does not
        (["_model._encoder.model.0.weight", "_model._decoder.model.1.weight", "_recon_handler.w"],
         ["_encoder.model.0.weight", "_decoder.model.1.weight", "_recon_handler.w"]),
        # networks beside the model keep their names
        (["ae.encode.net.0.weight", "discriminator.net.0.weight", "discriminator.net.2.weight"],
         ["encode.net.0.weight", "discriminator.net.0.weight", "discriminator.net.2.weight"]),
        (["model.encoder.0.0.weight", "model.fc_mu.weight"], ["encoder.0.0.weight", "fc_mu.weight"]),
        (["encoder.0.weight", "module.extra.weight"], ["encoder.0.weight", "module.extra.weight"]),
        (["encoder._orig_mod.0.weight", "decoder.0.weight"], ["encoder.0.weight", "decoder.0.weight"]),
        # without an encoder only what all names share comes off
        (["module.a.weight", "module.b.weight"], ["a.weight", "b.weight"]),
        (["module.a.weight", "b.weight"], ["module.a.weight", "b.weight"]),
        # the same network under two names: neither is lost
        (["model.encoder.0.weight", "model.decoder.0.weight", "encoder.0.weight", "model.fc.weight",
          "model.encoder.2.weight"],
         ["model.encoder.0.weight", "decoder.0.weight", "encoder.0.weight", "fc.weight", "encoder.2.weight"]),
    ],
)  # fmt: skip
def test_inner_names_survive(names: list[str], expected: list[str]) -> None:
    assert values(opened(arrays(*names))) == {name: float(n) for n, name in enumerate(expected)}


@pytest.mark.parametrize(
    ("about", "step"),
    [
        ({"global_step": 500, "epoch": 3}, 500),
        ({"iter": 70}, 70),
        ({"epoch": 0}, 0),
        ({"epoch": np.array(7)}, 7),
        ({"epoch": True}, None),
        ({"epoch": -1}, None),
        ({"epoch": "last"}, None),
        ({"epoch": Foreign("x.Epoch", (), {"n": 3})}, None),
        ({}, None),
    ],
)
def test_the_step_is_what_the_file_says(about: dict[str, Any], step: int | None) -> None:
    assert opened({"state_dict": arrays(*NAMES), **about}).step == step


def test_settings_in_the_file_go_before_those_beside_it() -> None:
    tree = {"model": arrays(*NAMES), "metadata": {"betavae.beta": 4, "path": None}, "hyper_parameters": {"lr": 0.1}}
    assert opened(tree, **{"betavae.beta": 1, "seed": 3}).config == {"betavae.beta": 4, "seed": 3, "lr": 0.1}


def test_settings_of_foreign_classes_become_plain() -> None:
    node = Foreign("omegaconf.nodes.AnyNode", (), {"_val": 4.0, "_metadata": Foreign("omegaconf.base.Metadata")})
    inner = Foreign("omegaconf.dictconfig.DictConfig", (), {"_content": {"beta": node}, "_parent": None})
    listed = Foreign("omegaconf.listconfig.ListConfig", (), {"_content": [node, node]})
    attributes = Foreign("lightning.AttributeDict", (), None, (("z", 9), ("run", inner), ("sizes", listed)))
    assert plain_values(attributes) == {"z": 9, "run": {"beta": 4.0}, "sizes": [4.0, 4.0]}
    namespace = Foreign("argparse.Namespace", (), {"beta": 6.0, "device": Foreign("torch.device"), "names": ("a", 2)})
    assert plain_values(namespace) == {"beta": 6.0, "names": ["a", 2]}


def test_settings_as_torch_saves_them(tmp_path: Path) -> None:
    content = {"state_dict": {"encoder.weight": torch.zeros(2)}, "args": argparse.Namespace(beta=6.0, tcvae=True)}
    torch.save(content, tmp_path / "checkpt-0000.pth")
    assert unwrap(read_contents(tmp_path / "checkpt-0000.pth"), {}).config == {"beta": 6.0, "tcvae": True}


def test_what_does_not_print_is_escaped_in_whatever_people_are_shown() -> None:
    source = opened({"state_dict": arrays("encoder.\x1b[2J", "a\n"), "args": {"loss\r": "\x07bell"}}, name="\x9b1m")
    assert list(source.weights) == [r"encoder.\x1b[2J", r"a\n"]
    assert source.config == {r"loss\r": r"\x07bell", "name": r"\x9b1m"}
    for tree in ({"\x1b[2J": 1}, Foreign("\x1b[2J"), {"model": Foreign("\x1b[2J", (), MODULE)}):
        with pytest.raises(IfpError, match=r"\\x1b\[2J") as error:
            opened(tree)
        assert str(error.value).isprintable()
    with pytest.raises(IfpError, match=r"called \\x1b\[2J \[2\];"):
        recognise(Source(Path("run/file"), "torch zip", {"\x1b[2J": np.zeros(2)}))


@pytest.mark.parametrize("wrap", [lambda m: {"model": m, "epoch": 3}, lambda m: {"model_states": {"net": m}}])
def test_a_whole_module_inside_is_refused_by_its_class(wrap: Any) -> None:
    with pytest.raises(IfpError, match=r"whole module of the class models\.Vae, .*; save the weights alone with torch"):
        opened(wrap(Foreign("models.Vae", (), MODULE)))
    # where the weights are there too, they are read
    both = {**wrap(Foreign("models.Vae", (), MODULE)), "state_dict": arrays(*NAMES)}
    assert values(opened(both)) == PLAIN


def test_a_whole_module_as_torch_saves_it(tmp_path: Path) -> None:
    torch.save({"model": torch.nn.Linear(2, 3)}, tmp_path / "model.pt")
    with pytest.raises(IfpError, match=r"class torch\.nn\.modules\.linear\.Linear"):
        unwrap(read_contents(tmp_path / "model.pt"), {})


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"state": {0: {"exp_avg": np.zeros(3)}}, "param_groups": [{"lr": 0.1}]}, "optimizer but no model .* state, p"),
        ({"epoch": 3, "optim_states": {"optim": {"state": {}}}}, "optimizer but no model .* epoch, optim_states"),
        ({"generator": arrays("0.weight"), "discriminator": arrays("0.weight")}, "a generator and its discriminator"),
        ({"epoch": 3, "loss": [0.5, 0.4]}, r"no named arrays where trainers put them .* epoch, loss\)"),
        ({}, "top-level keys are nothing"),
        ({str(n): n for n in range(20)}, r"are 0, 1, 2, 3, 4, 5, 6, 7, \.\.\.\)"),
        ([np.zeros(3)], r"no named arrays but one object \(list\)"),
        (Foreign("models.Vae"), r"no named arrays but one object \(models\.Vae\)"),
    ],
)
def test_files_without_a_model_say_what_they_hold(tree: object, words: str) -> None:
    with pytest.raises(IfpError, match=words) as error:
        opened(tree)
    assert str(error.value).startswith("run/file holds ")
    assert str(error.value).endswith("; give the file that holds the model's state_dict.")
