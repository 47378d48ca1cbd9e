"""Files of disent, erow, pythae, AntixK and disentanglement_lib are recognised and rebuilt as their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.families.registry import families
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.source import Source

from .code_bases.antixk import antixk
from .code_bases.array_files import EXAMPLES, KNOWN_HEADS, write
from .code_bases.array_networks import LATENTS, Example
from .code_bases.disent import disent
from .code_bases.erow import erow, erow_dense
from .code_bases.google import google
from .code_bases.pythae import pythae_dense
from .reading_files import candidates, encoded, images_for, said

SECOND = ("erow old leaky", "groups scaled")
"""Examples whose right reading is the second candidate."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_is_rebuilt_as_its_network(name: str, examples: dict[str, Example]) -> None:
    example = examples[name]
    found = candidates(example)
    vae = found[name in SECOND]
    assert (vae.image_shape, vae.num_latents, vae.unused) == (example.image_shape, example.latents, ())
    x, z = images_for(example.image_shape), torch.randn(3, example.latents, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        theirs = example.encode(x)
        torch.testing.assert_close(encoded(vae, x), theirs, rtol=1e-4, atol=1e-5)
        assert vae.decoder is not None, said(vae, "decoder")
        torch.testing.assert_close(vae.decode(z), example.decode(z), rtol=1e-4, atol=1e-5)
        # a mistake must be able to show: the answers depend on images and codes
        assert theirs[:, : example.latents].std(dim=0).max() > 1e-3
        assert example.decode(z).std(dim=0).max() > 1e-3
        assert torch.isfinite(vae.reconstruction_nats(x, z)).all()
        for other in found:
            assert other.decoder is not None
            alike = [torch.allclose(encoded(other, x), theirs, atol=1e-4)]
            alike.append(torch.allclose(other.decode(z), example.decode(z), atol=1e-4))
            assert other is vae or not all(alike), other.assumptions


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_its_own_family_takes_the_file(name: str, examples: dict[str, Example]) -> None:
    source = examples[name].source()
    assert [family.name for family in families().values() if family.recognises(source)] == [examples[name].family]


@pytest.mark.parametrize(
    "name", ["erow new", "groups added", "disent norm", "pythae mnist", "antixk", "google training"]
)
def test_a_file_in_its_container(name: str, tmp_path: Path, examples: dict[str, Example]) -> None:
    example = examples[name]
    source = unwrap(read_contents(write(tmp_path, example)), example.config)
    assert set(source.weights) == set(example.weights)
    x = images_for(example.image_shape)
    torch.testing.assert_close(encoded(candidates(source)[0], x), encoded(candidates(example)[0], x))


@pytest.mark.parametrize("name", KNOWN_HEADS)
def test_a_known_head_reads_as_it_was_set(name: str, examples: dict[str, Example]) -> None:
    example, layers = examples[name], KNOWN_HEADS[name]
    mean = np.arange(LATENTS, dtype=np.float32) + 0.5
    values = np.split(np.concatenate([mean, -mean - 1]), len(layers))
    weight, bias = ("/kernel", "/bias") if example.family == "google" else (".weight", ".bias")
    changes = {f"{layer}{bias}": value for layer, value in zip(layers, values, strict=True)}
    changes |= {f"{layer}{weight}": np.zeros_like(example.weights[f"{layer}{weight}"]) for layer in layers}
    got_mean, got_logvar = candidates(example.source(**changes))[0].encode(images_for(example.image_shape))
    np.testing.assert_allclose(got_mean.detach(), np.tile(mean, (3, 1)), atol=1e-6)
    np.testing.assert_allclose(got_logvar.detach(), np.tile(-mean - 1, (3, 1)), atol=1e-6)


def test_candidates_name_what_the_weights_leave_open(examples: dict[str, Example]) -> None:
    def readings(name: str, what: str, **options: Any) -> list[tuple[str, str]]:
        return [said(vae, what) for vae in candidates(examples[name], **options)]

    mixed = "relu in the encoder, leaky_relu in the decoder"
    assert readings("erow old", "activation") == [(name, "a guess") for name in ("relu", "leaky_relu", mixed)]
    assert readings("erow old", "activation", activation="tanh") == [("tanh", "an option")]
    for name in ("erow normalised", "erow fc", "erow new", "erow dense"):
        assert readings(name, "activation") == [("relu", "the code base")]
    assert readings("groups 2021-04", "activation") == [("leaky_relu", "a guess"), ("relu", "a guess")]
    assert readings("groups 2021-04", "stage") == [("2", "the code base")] * 2
    assert readings("groups 2021", "stage") == [("2", "a guess")]
    assert readings("groups 2021", "stage", stage=1) == [("1", "an option")]
    assert readings("groups 2022-05", "stage") == [("1", "the file")]
    assert readings("groups 2022-05", "projection") == [("logvar + W2", "the code base")]
    assert readings("groups added", "projection") == [("logvar + W2", "a guess"), ("logvar x exp(W2)", "a guess")]
    assert readings("groups first", "stage") == [("0", "the file")]
    assert len(readings("groups first", "stage")) == 1
    assert {value for value, _ in readings("disent norm", "activation")} == {"leaky_relu", "swish", "relu"}
    losses = [value for value, _ in readings("disent conv", "likelihood")]
    assert losses[:2] == ["gaussian: the squared error", "bernoulli"]
    assert readings("disent conv", "likelihood")[1][1] == "a guess"
    scaled = [value for value, _ in readings("disent conv", "input")][::2]
    assert scaled[0] == "pixels in [0, 1]"
    assert ["dSprites" in value or "smallNORB" in value for value in scaled] == [False, True, True]


OF_SUMS = {"framework": {"name": "betavae", "cfg": {"beta": 4, "recon_loss": "bce", "loss_reduction": "mean_sum"}}}


@pytest.mark.parametrize(
    ("example", "likelihood", "beta"),
    [
        (erow("new", config={"vae.beta": 4}), "bernoulli", 4.0),
        (erow("new", config={"deft1.betas": [70, 30]}), "bernoulli", None),
        (erow_dense(), "gaussian", 4.0),
        (google("conv"), "bernoulli", 6.0),
        (pythae_dense(), "gaussian", 4.0),
        (pythae_dense({"name": "BetaVAEConfig", "beta": 2.0, "reconstruction_loss": "bce"}), "bernoulli", 2.0),
        (pythae_dense({"name": "FactorVAEConfig", "reconstruction_loss": "mse"}), "gaussian", 2.0),
        (pythae_dense({"name": "BetaTCVAEConfig", "beta": 2.0}), "gaussian", None),
        (antixk(), "gaussian", None),
        (
            antixk(
                config={
                    "model_params": {"name": "BetaVAE", "beta": 10.0, "loss_type": "H"},
                    "exp_params": {"kld_weight": 0.00025},
                }
            ),
            "gaussian",
            10 * 0.00025 * 12288,
        ),
        (disent("conv", config=OF_SUMS), "bernoulli", 4.0),
    ],
)  # fmt: skip
def test_likelihood_and_beta_in_our_units(example: Example, likelihood: str, beta: float | None) -> None:
    for vae in candidates(Source(Path("x"), "torch zip", example.weights, example.config)):
        assert vae.likelihood == likelihood
        assert said(vae, "likelihood")[0].startswith(likelihood)
        assert vae.beta is None if beta is None else vae.beta == pytest.approx(beta)


def test_what_belongs_to_nothing_is_listed(examples: dict[str, Example]) -> None:
    for name in ("erow new", "disent conv", "pythae mnist", "antixk", "google conv"):
        (vae, *_) = candidates(examples[name].source(**{"somewhere.else": np.ones(2)}))
        assert vae.unused == ("somewhere.else",)
    (vae,) = candidates(examples["google training"])
    assert said(vae, "left aside") == ("54 arrays of the optimiser, 1 array of the discriminator", "the file")


def test_a_learnt_prior_is_said(examples: dict[str, Example]) -> None:
    for name, array in (("pythae mnist", "pseudo_inputs.0.weight"), ("antixk", "embed_pseudo.0.weight")):
        (vae,) = candidates(examples[name].source(**{array: np.ones((2, 2))}))
        assert "VampPrior" in said(vae, "prior")[0]
        assert vae.unused == ()
