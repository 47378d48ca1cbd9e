"""Models in the wrappings of the wild are read as the bare model is, and what was taken off is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.files.contents import Foreign
from ifp.errors import IfpError

from ..families.code_bases.array_files import EXAMPLES
from .wrapped import COUNTER, Arrays, codes, opened, part, renamed, said, same, state, under


def optimizer(arrays: Arrays) -> dict[str, Any]:
    return {"state": {at: {"exp_avg": array} for at, array in enumerate(arrays.values())}, "param_groups": [{}]}


WRAPPINGS: dict[str, tuple[Callable[[Arrays], object], str, str]] = {  # the tree, what is said of weights and of names
    "vae.": (lambda s: under("vae.", s), "", "'vae.' taken off (the file)"),
    "two prefixes": (lambda s: under("net.module.", s), "", "'net.module.' taken off (the file)"),
    "Lightning": (
        lambda s: {"pytorch-lightning_version": "2.1", "state_dict": under("model.model.", s), "epoch": 3,
                   "optimizer_states": [optimizer(s)]},
        "those under 'state_dict.model.model' (the file)", "'model.model.' taken off (the file)",
    ),
    "Lightning, a class of one's own": (
        lambda s: {"state_dict": under("vae_module.net.", s) | {"loss.weight": np.ones(3)}},
        "those under 'state_dict.vae_module.net' (the file)", "'vae_module.net.' taken off (the file)",
    ),
    "a compiled model": (lambda s: under("_orig_mod.", s), "", ""),
    "DataParallel of compiled parts": (
        lambda s: renamed(s, encoder="module.encoder._orig_mod", decoder="module.decoder._orig_mod"),
        "", "'module.' taken off (the file)",
    ),
    "every part in DataParallel": (
        lambda s: renamed(s, encoder="encoder.module", decoder="decoder.module"),
        "", "'module.' after 'encoder.' taken off, 'module.' after 'decoder.' taken off (the file)",
    ),
    "one part in DataParallel": (
        lambda s: renamed(s, decoder="decoder.module"), "", "'module.' after 'decoder.' taken off (the file)",
    ),
    "every layer wrapped": (
        lambda s: {".module.".join(name.rsplit(".", 1)): a for name, a in s.items()},
        "", "'module.' taken off (the file)",
    ),
    "FSDP": (lambda s: under("_fsdp_wrapped_module.", s), "", ""),
    "timm": (lambda s: {"epoch": 3, "arch": "vae", "state_dict": s, "optimizer": optimizer(s)},
             "those under 'state_dict' (the file)", ""),
    "ema-pytorch's copy alone": (
        lambda s: under("ema_model.module.", s) | {"initted": np.array(True), "step": COUNTER},
        "", "'ema_model.module.' taken off (the file)",
    ),
    "torch.optim.swa_utils": (
        lambda s: under("module.", s) | {"n_averaged": COUNTER}, "", "'module.' taken off (the file)",
    ),
    "a script's own keys": (
        lambda s: {"epoch": 3, "model_state": s, "optim": optimizer(s)}, "those under 'model_state' (the file)", "",
    ),
    "nested keys": (lambda s: {"state": {"net": {"vae": s}}}, "those under 'state.net.vae' (the file)", ""),
    "keys and a prefix": (
        lambda s: {"net": under("module.vae.", s)},
        "those under 'net.module.vae' (the file)", "'module.vae.' taken off (the file)",
    ),
    "an optimizer's arrays of the same names": (
        lambda s: {"exp_avg": s, "exp_avg_sq": s, "weights": s, "optimizer": s}, "those under 'weights' (the file)", "",
    ),
    "a tuple of model and optimizer": (lambda s: (s, optimizer(s)), "those under '0' (the file)", ""),
    "parts by key": (lambda s: {"encoder": part(s, "encoder"), "decoder": part(s, "decoder")}, "", ""),
    "parts by key, named whole": (
        lambda s: {"encoder": under("encoder.", part(s, "encoder")), "decoder": under("decoder.", part(s, "decoder"))},
        "", "",
    ),
    "parts by other keys": (
        lambda s: {"vae_enc": part(s, "encoder"), "vae_dec": part(s, "decoder"), "enc_optimizer": optimizer(s)},
        "", "'vae_enc' and 'vae_dec' read as the encoder and the decoder (the file)",
    ),
    "parts in one object's keys": (
        lambda s: {"models": {"netEncoder": part(s, "encoder"), "netDecoder": part(s, "decoder")}},
        "", "'models.netEncoder' and 'models.netDecoder' read as the encoder and the decoder (the file)",
    ),
    "parts wrapped each": (
        lambda s: {"encoder": under("module.", part(s, "encoder")), "decoder": under("module.", part(s, "decoder"))},
        "", "'module.' after 'encoder.' taken off, 'module.' after 'decoder.' taken off (the file)",
    ),
    "parts that say nothing": (
        lambda s: {"q": part(s, "encoder"), "p": part(s, "decoder")}, "",
        "'q' read as the encoder, 'p' as the decoder (a guess)",
    ),
    "named parameters": (lambda s: list(s.items()), "", ""),
    "parts by their letters": (
        lambda s: {"E": under("module.", part(s, "encoder")), "D": part(s, "decoder")}, "",
        "'E' read as the encoder, 'D' as the decoder, 'module.' after 'encoder.' taken off (a guess)",
    ),
    "a tuple of parts": (
        lambda s: [part(s, "encoder"), part(s, "decoder")], "", "'0' read as the encoder, '1' as the decoder (a guess)",
    ),
    "parts called otherwise": (
        lambda s: renamed(s, encoder="enc", decoder="dec"), "",
        "'enc.' read as 'encoder.', 'dec.' read as 'decoder.' (a guess)",
    ),
    "parts called otherwise, wrapped": (
        lambda s: under("model.", renamed(s, encoder="inference_net", decoder="generative_net")), "",
        "'model.' taken off, 'inference_net.' read as 'encoder.', 'generative_net.' read as 'decoder.' (a guess)",
    ),
    "arrays one level down": (
        lambda s: {"encoder": {"conv": None, **nested(part(s, "encoder"))}, "decoder": nested(part(s, "decoder"))},
        "", "",
    ),
    "an object of somebody's class": (
        lambda s: {"trainer": Foreign("x.Trainer", (), {"weights": s})}, "those under 'trainer.weights' (the file)", "",
    ),
}  # fmt: skip


def nested(arrays: Arrays) -> dict[str, Arrays]:
    tree: dict[str, Arrays] = {}
    for name, array in arrays.items():
        layer, _, own = name.rpartition(".")
        tree.setdefault(layer, {})[own] = array
    return tree


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_is_read_as_the_bare_model_and_what_was_taken_off_is_said(wrapping: str) -> None:
    wrap, weights, names = WRAPPINGS[wrapping]
    found = opened(wrap(state()))
    assert found.family.name == "yanndubs"
    assert same(found, opened(state()))
    assert found.vaes[0].unused in ((), ("n_averaged",), ("initted", "step"), ("loss.weight",))
    assert (said(found, "weights"), said(found, "names")) == (weights, names)


FAMILIES = (
    "dent burgess", "rtqichen mlp", "1konny H", "amir-abdi conv", "erow old", "groups 2021", "disent conv",
    "pythae dense", "antixk", "google dense",
)  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_read_under_a_prefix(name: str) -> None:
    arrays, config = state(name), dict(EXAMPLES[name]().config) if name in EXAMPLES else {}
    slash = any("/" in key for key in arrays)
    found, bare = opened({"net": under("module/" if slash else "vae.", arrays)}, config), opened(arrays, config)
    assert found.family is bare.family
    assert all(torch.equal(a, b) for a, b in zip(codes(found), codes(bare), strict=True))
    assert [vae.decoder is None for vae in found.vaes] == [vae.decoder is None for vae in bare.vaes]


def test_arrays_of_other_models_are_left_alone() -> None:
    critic = {"0.weight": np.ones((3, 3)), "0.bias": np.ones(3)}
    for tree in ({"vae": state(), "D": critic}, {"netG": state(), "netD": critic}, {"critic": critic, "vae": state()}):
        assert same(opened(tree), opened(state()))
    inside = opened(under("vae.", state()) | under("critic.", critic))
    assert same(inside, opened(state()))
    assert inside.vaes[0].unused == ("critic.0.bias", "critic.0.weight")


def test_names_that_would_be_those_of_two_arrays_are_kept() -> None:
    clash = {"vae.encoder.conv1.weight": np.zeros(2), **state()}
    found = opened(clash)
    assert same(found, opened(state()))
    assert found.vaes[0].unused == ("vae.encoder.conv1.weight",)
    overlapping = {"encoder": {**part(state(), "encoder"), **state()}, "decoder": part(state(), "decoder")}
    assert same(opened(overlapping), opened(state()))


def test_an_encoder_alone_is_read_without_a_decoder() -> None:
    bare = opened(state())
    alone = part(state(), "encoder")
    for tree in (alone, {"encoder": alone}, under("module.", alone), {"vae_encoder": {"net": alone}}):
        found = opened(tree)
        assert all(torch.equal(a, b) for a, b in zip(codes(found), codes(bare), strict=True))
        assert found.vaes[0].decoder is None


def test_an_image_shape_can_be_stated() -> None:
    found = opened(state("rtqichen mlp"), image_shape=(1, 32, 128))
    assert found.vaes[0].image_shape == (1, 32, 128)
    assert said(found, "image shape") == "1 x 32 x 128 (an option)"
    flat = opened(state("rtqichen mlp"))
    images = torch.rand((3, 1, 32, 128), generator=torch.Generator().manual_seed(1))
    mean, _ = found.vaes[0].encode(images)
    assert torch.equal(mean, flat.vaes[0].encode(images.reshape(3, 1, 64, 64))[0])
    assert opened(state(), image_shape=(3, 32, 32)).vaes[0].image_shape == (3, 32, 32)
    assert opened(state(), image_shape=(3, 16, 64)).vaes[0].decoder is None  # its decoder draws square images
    for name, shape in (("rtqichen mlp", (3, 64, 64)), ("yanndubs 32", (1, 32, 32)), ("rtqichen conv", (1, 32, 32))):
        with pytest.raises(IfpError, match=r"takes "):
            opened(state(name), image_shape=shape)
