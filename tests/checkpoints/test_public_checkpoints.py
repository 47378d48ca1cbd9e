"""Four public checkpoints on `sprites`: read with no option, they give the numbers that their trainer logged."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import ifp
from ifp.checkpoints.run_records import Record
from ifp.datasets.catalog import load_dataset
from ifp.datasets.sprites import Sprites

MODELS = ("VAE", "betaH", "betaB", "btcvae")
IMAGES = 1200


@pytest.fixture(scope="module", params=MODELS)
def read(request: pytest.FixtureRequest, fixtures_dir: Path) -> tuple[str, Record, dict[str, float]]:
    """The model's name, what was read, and the last epoch of its log."""
    folder = fixtures_dir / "public-checkpoints" / f"{request.param}_dsprites"
    with open(folder / "train_losses.log") as file:
        rows = list(csv.DictReader(file))
    last = {row["Loss"]: float(row["Value"]) for row in rows if row["Epoch"] == rows[-1]["Epoch"]}
    return request.param, ifp.read_checkpoints(folder, Sprites(), images=IMAGES).last, last


def test_the_family_is_found_and_everything_is_used(read: tuple[str, Record, dict[str, float]]) -> None:
    _, record, _ = read
    assert record.choice is not None
    vae = record.choice.vae
    assert (record.family, vae.head, vae.variance) == ("yanndubs", "interleaved", "log variance")
    assert (vae.image_shape, vae.num_latents, vae.likelihood) == ((1, 64, 64), 10, "bernoulli")
    assert vae.decoder is not None
    assert vae.unused == ()
    assert record.codes.factor_names == ("shape", "scale", "orientation", "posX", "posY")


def test_kl_is_that_of_the_log(read: tuple[str, Record, dict[str, float]]) -> None:
    _, record, log = read
    logged = np.array([log[f"kl_loss_{latent}"] for latent in range(10)])
    np.testing.assert_allclose(record.codes.kl_nats_D(), logged, rtol=0, atol=0.2)
    assert record.codes.kl_nats_D().sum() == pytest.approx(log["kl_loss"], rel=0.05)


def test_reconstruction_is_that_of_the_log(read: tuple[str, Record, dict[str, float]]) -> None:
    _, record, log = read
    assert record.reconstruction_nats is not None
    value, error = record.reconstruction_nats
    # measured on 2,000 images: 17.4, 35.8, 79.9, 41.9 against 18.0, 35.6, 81.1, 42.2
    # the log is a running mean over the last epoch
    assert value == pytest.approx(log["recon_loss"], rel=0.05)
    assert error < 0.02 * value


def test_the_self_test_does_not_fail(read: tuple[str, Record, dict[str, float]]) -> None:
    name, record, _ = read
    assert record.choice is not None
    reading = record.choice.reading
    assert reading.confirmed
    assert reading.explained is not None
    assert reading.explained > 0.85
    if name == "betaB":  # its KL was held at a capacity, so the moments need not be 1
        assert "read correctly" in record.choice.note
    else:
        assert reading.passed
        assert record.choice.note == ""
    assert record.doubts == []
    assert record.data_test is not None
    assert record.data_test.trained_on == "dsprites"
    assert record.data_test.prior.share < 0.2


@pytest.mark.parametrize(
    ("model", "base", "words"), [("betaB", 2, "held at 25 nats"), ("VAE", 10, "stated beta of 1 ")]
)
def test_logarithms_to_another_base_are_doubted(
    model: str, base: float, words: str, fixtures_dir: Path, tmp_path: Path
) -> None:
    folder = fixtures_dir / "public-checkpoints" / f"{model}_dsprites"
    arrays = torch.load(folder / "model.pt", weights_only=True)
    for part in ("weight", "bias"):
        arrays[f"encoder.mu_logvar_gen.{part}"][1::2] /= math.log(base)
    torch.save(arrays, tmp_path / "model.pt")
    shutil.copy(folder / "specs.json", tmp_path)
    doubts = ifp.read_checkpoints(tmp_path, Sprites(), images=150).last.doubts
    assert any("logarithms to another base" in doubt and words in doubt for doubt in doubts), doubts


def test_arrows_are_not_what_a_model_of_dsprites_knows(fixtures_dir: Path, tmp_path: Path) -> None:
    """Without its settings, which would say so."""
    shutil.copy(fixtures_dir / "public-checkpoints" / "betaH_dsprites" / "model.pt", tmp_path)
    doubts = ifp.read_checkpoints(tmp_path / "model.pt", load_dataset("arrow"), images=200).last.doubts
    assert any("reconstructs too little" in doubt for doubt in doubts)
