"""AnnealConfig: what it refuses, its presets, and its way through JSON."""

from __future__ import annotations

import json

import pytest

from ifp.annealing.config import PRESETS, AnnealConfig, preset_config
from ifp.errors import IfpError


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"contexts": 0}, "contexts must be a whole number of at least 1, got 0"),
        ({"threshold_nats": 0.0}, "threshold_nats must be a positive number, got 0.0"),
        ({"threshold_nats": 1e-300}, "threshold_nats must be a number of nats from 1e-09 to 1e\\+09, got 1e-300"),
        ({"threshold_nats": 1e300}, "threshold_nats must be a number of nats from"),
        ({"threshold_nats": float("nan")}, "threshold_nats must be a positive number"),
        ({"sigma": -1.0}, "sigma must be a positive number, got -1.0"),
        ({"beta_max": 1.0, "beta_min": 2.0}, "upside down: beta_max 1 must be above beta_min 2"),
        ({"beta_max": 0.0}, "beta_max must be a positive number or 'auto', got 0.0"),
        ({"law": "cosine"}, "Unknown law 'cosine'"),
        ({"likelihood": "poisson"}, "Unknown likelihood 'poisson'"),
        ({"architecture": "convv"}, "did you mean 'conv'"),
        ({"method": "guess"}, "Unknown method 'guess'"),
        ({"direction": "up"}, "Unknown direction 'up'"),
        ({"nuisance": "none"}, "Unknown nuisance mode 'none'"),
        ({"steps": 50, "records": 60}, "records must be at most the number of steps, 50, got"),
        ({"latents": 0}, "latents must be"),
        ({"epochs": 3}, "Unknown setting 'epochs'"),
        ({"steps": "many"}, "steps must be a whole number, got 'many'"),
        ({"contexts": 2.5}, "contexts must be a whole number"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(IfpError, match=sentence.replace("(", r"\(")):
        preset_config("standard", dataset="sprites", **settings)


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(IfpError, match="quick, standard, author"):
        preset_config("fast", dataset="sprites")


@pytest.mark.parametrize("preset", PRESETS)
def test_config_survives_json(preset: str) -> None:
    config = preset_config(preset, dataset="sprites", factors=["posX"], beta_max=300.0)
    again = AnnealConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.digest() == config.digest()


def test_every_setting_changes_the_digest() -> None:
    digests = {preset_config("standard", dataset="sprites").digest()}
    for change in ({"seed": 1}, {"contexts": 9}, {"factors": ["posX"]}, {"sigma": 2.0}, {"beta_min": 0.5}):
        digests.add(preset_config("standard", dataset="sprites", **change).digest())
    assert len(digests) == 6


def test_author_preset_is_the_published_protocol() -> None:
    # deft examples/IFP.py at c875207: 70 exp(-15 t / 8000) + 1 over 8,000 steps, batch 64, Adam 5e-4, one latent,
    # conv_encoder / deconv_decoder, stop below 1 nat, seed 99; one cooling, no hold
    config = preset_config("author", dataset="dsprites")
    assert (config.law, config.steps, config.batch, config.learning_rate) == ("author", 8000, 64, 5e-4)
    assert (config.latents, config.architecture, config.likelihood) == (1, "conv", "bernoulli")
    assert (config.stop_recon_nats, config.seed, config.hold_steps) == (1.0, 99, 0)
    assert (config.method, config.direction, config.nuisance) == ("train", "cool", "random")
    assert config.threshold_nats == 0.1
