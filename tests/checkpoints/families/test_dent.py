"""dent: betas, and the images of its fully connected encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ifp.checkpoints.vae import Vae

from .code_bases import network_files
from .code_bases.dent import dent_file
from .reading_files import build, said, source_of


@pytest.mark.parametrize(
    ("settings", "beta", "words"),
    [
        ({}, 4.0, "betavae.beta"),
        ({"train.loss": "vae"}, 1.0, "loss vae"),
        ({"train.loss": "betatcvae", "betatcvae.beta": 6}, 6.0, "total correlation alone"),
        ({"train.loss": "factorvae", "factorvae.gamma": 6}, 1.0, "weighs 6 more"),
        ({"train.loss": "annealedvae", "annealedvae.C_fin": 25}, None, "C = 25 nats"),
        ({"train.loss": "adagvae", "adagvae.beta": 2, "adagvae.annealing": False}, 2.0, "pairs of images"),
        ({"train.loss": "adagvae", "adagvae.C_fin": 9, "adagvae.annealing": True}, None, "C = 9 nats"),
        ({"train.loss": "factorizedsupportvae", "factorizedsupportvae.beta": 3}, 3.0, "support"),
        ({"train.loss": "something"}, None, "not known"),
        ({"train.rec_dist": "gaussian", "betavae.beta": 255}, 1.0, "dent-gaussian"),
    ],
)
def test_beta_of_dent(settings: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    state = network_files.make("dent burgess").state_dict()
    vae = build(source_of(dent_file(state, **settings), tmp_path / "chkpt.pth.tar"))
    assert vae.beta == beta
    assert words in said(vae, "beta")[0]


def test_images_of_a_flat_encoder(tmp_path: Path) -> None:
    state = network_files.make("dent chen_mlp").state_dict()

    def vae(**settings: Any) -> Vae:
        return build(source_of(dent_file(state, **settings), tmp_path / "chkpt.pth.tar"))

    assert (vae().image_shape, said(vae(), "image shape")[1]) == ((3, 64, 64), "a guess")
    wide = vae(**{"data.img_size": (3, 32, 128)})
    assert (wide.image_shape, said(wide, "image shape")) == ((3, 32, 128), ("3 x 32 x 128", "the file"))
    assert vae(**{"data.img_size": (3, 32, 32)}).image_shape == (3, 64, 64)
