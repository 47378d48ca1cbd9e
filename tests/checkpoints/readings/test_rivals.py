"""Forks: files that are read otherwise than their code base reads them, because the decoder says so."""

from __future__ import annotations

import copy
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import encode_images
from ifp.checkpoints.readings.bench import Bench
from ifp.checkpoints.readings.candidates import load_candidates
from ifp.checkpoints.readings.choose_reading import choose
from ifp.checkpoints.readings.verdicts import Choice
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

from . import trained_vaes as trained
from .trained_vaes import Fork

CPU = torch.device("cpu")
WITHIN_NATS = 0.2
"""How much the KL of each latent may differ from that of the model's own code."""
DIGITS = trained.digit_images()[np.random.default_rng(0).permutation(1797)]


def choice_of(path: Path, images: np.ndarray = DIGITS, **options: str) -> Choice:
    return choose(load_candidates(locate(path).files[-1], ReadingOptions(**options)), images, CPU)  # type: ignore[arg-type]


def kl_nats_D(vae: Vae, images: np.ndarray) -> np.ndarray:
    return trained.kl_nats_D(*encode_images(vae.encode, images, CPU, lambda *_: None))


FORKS = {
    "as it is": (Fork(), set()),
    "log sigma": (Fork(spread="log sigma"), {"variance"}),
    "softplus sigma": (Fork(spread="softplus sigma"), {"variance"}),
    "collapsed, softplus sigma": (Fork(spread="softplus sigma", beta=6.0), {"variance"}),
    "leaky, softplus sigma": (
        Fork(trained.leaky(0.2), trained.leaky(0.2), "softplus sigma"), {"activation", "variance"},
    ),
    "pixels from -1 to 1": (Fork(pixel=(0.5, 0.5)), {"input"}),
    "Gaussian, elu, log sigma": (
        Fork(F.elu, F.elu, "log sigma", likelihood="gaussian", sigma=0.2), {"activation", "variance"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("beta_is_stated", [True, False])
@pytest.mark.parametrize("name", FORKS)
def test_a_fork_trained_on_grey_digits_is_read_rightly(name: str, beta_is_stated: bool, tmp_path: Path) -> None:
    fork, changed = FORKS[name]
    model = trained.train(fork)
    choice = choice_of(model.write(tmp_path / "model.pt", beta=None if beta_is_stated else -1.0))
    assert (choice.vae.beta is None) != beta_is_stated
    assert choice.trusted, choice.warning
    decided = {entry.what for entry in choice.vae.assumptions if entry.source == "the self-test"}
    assert decided == changed, choice.note
    assert bool(choice.note) == bool(changed)
    truth_D = trained.kl_nats_D(model.mean_ND, model.logvar_ND)
    np.testing.assert_allclose(kl_nats_D(choice.vae, trained.digit_images()), truth_D, atol=WITHIN_NATS)


@pytest.mark.parametrize("name", ["log sigma", "leaky, softplus sigma"])
def test_what_the_user_states_stays_and_is_tested(name: str, tmp_path: Path) -> None:
    fork = FORKS[name][0]
    path = trained.train(fork).write(tmp_path / "model.pt")
    wrong = choice_of(path, variance="log variance", activation="relu")
    said = {entry.what: entry.value for entry in wrong.vae.assumptions}
    assert (wrong.vae.variance, said["activation"]) == ("log variance", "relu")
    assert not wrong.trusted
    assert "an option states does not fit" in wrong.warning
    right = choice_of(path, variance=fork.spread, activation="leaky_relu_0.2" if "leaky" in name else "relu")
    assert right.trusted
    assert right.note == ""


def test_log_variances_to_base_2_are_doubted_where_beta_is_stated(tmp_path: Path) -> None:
    model = trained.train(Fork(likelihood="gaussian", sigma=0.2))
    assert choice_of(model.write(tmp_path / "own.pt")).factor == 1
    head = copy.deepcopy(model.layers["encoder.logvar"])
    with torch.no_grad():
        for parameter in head.parameters():
            parameter /= math.log(2)
    other = dataclasses.replace(model, layers={**model.layers, "encoder.logvar": head})
    choice = choice_of(other.write(tmp_path / "other.pt"))
    assert (choice.factor, choice.trusted) == (0.7, False)
    assert "logarithms to another base" in choice.warning


def test_the_beta_of_a_trained_model_is_found_from_its_draws(tmp_path: Path) -> None:
    for name in ("as it is", "Gaussian, elu, log sigma"):
        choice = choice_of(trained.train(FORKS[name][0]).write(tmp_path / "model.pt"))
        own = Bench(DIGITS, CPU, lambda *_: None).own_beta(choice.reading)
        assert own == pytest.approx(choice.vae.beta, rel=0.25)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_loss_of_disent_without_settings_is_found(likelihood: str, tmp_path: Path) -> None:
    model = trained.train(Fork(decoder=torch.tanh, likelihood=likelihood, sigma=0.2))
    choice = choice_of(model.write_disent(tmp_path / "last.ckpt"))
    assert choice.trusted
    assert choice.vae.likelihood == likelihood
    assert choice.vae.output == ("values" if likelihood == "gaussian" else "logits")
    (said,) = [entry for entry in choice.vae.assumptions if entry.what == "likelihood"]
    assert said.source == ("the self-test" if likelihood == "bernoulli" else "the code base")
    truth_D = trained.kl_nats_D(model.mean_ND, model.logvar_ND)
    np.testing.assert_allclose(kl_nats_D(choice.vae, trained.digit_images()), truth_D, atol=WITHIN_NATS)


def test_laplace_latents_of_disent_without_settings_are_refused(tmp_path: Path) -> None:
    model = trained.train(Fork(decoder=torch.tanh, likelihood="gaussian", sigma=0.2, spread="log scale"))
    path = model.write_disent(tmp_path / "last.ckpt")
    with pytest.raises(IfpError, match=r"has Laplace latents by the self-test.*ifp\.Codes"):
        choice_of(path)
    # what the user states stays, and its moments are off
    assert not choice_of(path, variance="log variance").reading.test.passed
