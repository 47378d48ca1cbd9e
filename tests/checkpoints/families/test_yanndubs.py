"""YannDubs/disentangling-vae: public checkpoints, betas and likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.families.registry import recognise
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source

from .code_bases import network_files
from .code_bases.named_networks import LATENTS
from .code_bases.network_files import FILES
from .reading_files import build, images_for, said, source_at, source_of, with_array

SourceOfFile = Callable[[str], Source]
PUBLIC = ("VAE", "betaH", "betaB", "btcvae")
"""The public checkpoints."""


@pytest.mark.parametrize("model", PUBLIC)
def test_public_checkpoints(model: str, fixtures_dir: Path) -> None:
    vae = build(source_at(fixtures_dir / "public-checkpoints" / f"{model}_dsprites"))
    assert (vae.image_shape, vae.num_latents, vae.unused) == ((1, 64, 64), 10, ())
    assert (vae.head, vae.likelihood, vae.decoder is None) == ("interleaved", "bernoulli", False)
    assert vae.beta == {"VAE": 1.0, "betaH": 4.0, "betaB": None, "btcvae": 6.4}[model]
    value, where = said(vae, "beta")
    assert where == "the file"
    assert {"betaB": "C = 25 nats", "btcvae": "total correlation"}.get(model, "") in value


def test_odd_rows_are_no_means_and_variances(source_of_file: SourceOfFile) -> None:
    source = source_of_file("yanndubs 64")
    odd = with_array(source, "encoder.mu_logvar_gen.weight", np.zeros((9, 256), np.float32))
    odd = with_array(odd, "encoder.mu_logvar_gen.bias", np.zeros(9, np.float32))
    with pytest.raises(ShapeMismatch, match="not a mean and a variance"):
        recognise(odd).build(odd, ReadingOptions())


@pytest.mark.parametrize(
    ("settings", "beta", "words"),
    [
        ({"loss": "VAE"}, 1.0, "loss VAE"),
        ({"loss": "betaH", "betaH_B": 4}, 4.0, "betaH_B"),
        ({"loss": "betaH", "betaH_B": 51, "rec_dist": "gaussian"}, 0.2, "yanndubs-gaussian"),
        ({"loss": "betaH", "betaH_B": 4.5, "rec_dist": "laplace"}, 1.5, "yanndubs-laplace"),
        ({"loss": "btcvae", "btcvae_B": 6}, 6.0, "total correlation alone"),
        ({"loss": "factor", "factor_G": 6}, 1.0, "total correlation weighs 6 more"),
        ({"loss": "betaB", "betaB_finC": 25}, None, "C = 25 nats"),
        ({"loss": "betaH", "betaH_B": "four"}, None, "no number"),
        ({"loss": "betaH", "betaH_B": 10**400}, None, "no number"),
        ({"loss": "betaH", "betaH_B": float("nan")}, None, "no number"),
        ({"loss": "betaH"}, None, "missing"),
        ({"loss": ["betaH"]}, None, "not stated"),
        ({}, None, "not stated"),
    ],
)
def test_beta_of_yanndubs(settings: dict[str, Any], beta: float | None, words: str, tmp_path: Path) -> None:
    network = network_files.make("yanndubs 64")
    source = source_of(network.state_dict(), tmp_path / "model.pt", settings)
    vae = build(source)
    assert vae.beta == (None if beta is None else pytest.approx(beta, rel=1e-12))
    assert words in said(vae, "beta")[0]
    assert vae.likelihood == settings.get("rec_dist", "bernoulli")
    assert said(vae, "likelihood")[1] == ("the file" if "rec_dist" in settings else "the code base")


def test_the_likelihoods_of_yanndubs_cost_what_they_say(tmp_path: Path) -> None:
    network = network_files.make("yanndubs 64")
    x = images_for(FILES["yanndubs 64"].image_shape)
    z = torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(3))
    seen = network.decode(z)
    expected = {
        "bernoulli": -(x * seen.log() + (1 - x) * (1 - seen).log()).flatten(1).sum(1),
        "gaussian": ((x - seen) ** 2).flatten(1).sum(1),
        "laplace": (x - seen).abs().flatten(1).sum(1),
    }
    for likelihood, cost in expected.items():
        vae = build(source_of(network.state_dict(), tmp_path / "model.pt", {"rec_dist": likelihood}))
        torch.testing.assert_close(vae.reconstruction_nats(x, z), cost)
