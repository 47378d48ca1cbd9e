"""Forks of public models: the same model with its head in another order, or log sigma in place of log variance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import encode_images
from ifp.checkpoints.readings.candidates import load_candidates
from ifp.checkpoints.readings.choose_reading import choose
from ifp.checkpoints.readings.verdicts import Choice
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.datasets.sprites import Sprites

from . import trained_vaes as trained

CPU = torch.device("cpu")
FEW = 100
"""Number of images by which a reading of a public model is chosen; its KL is then compared on all that were drawn."""


def choice_of(path: Path, images: np.ndarray, **options: str) -> Choice:
    return choose(load_candidates(locate(path).files[-1], ReadingOptions(**options)), images, CPU)  # type: ignore[arg-type]


def kl_nats_D(vae: Vae, images: np.ndarray) -> np.ndarray:
    return trained.kl_nats_D(*encode_images(vae.encode, images, CPU, lambda *_: None))


@pytest.mark.slow
def test_a_head_cut_in_halves_beside_log_sigma_is_read(tmp_path: Path, fixtures_dir: Path) -> None:
    """A public model with its rows reordered and its log variances halved: the same model in another dress."""
    path = fixtures_dir / "public-checkpoints" / "betaH_dsprites" / "model.pt"
    weights = torch.load(path, weights_only=True)
    for name in ("encoder.mu_logvar_gen.weight", "encoder.mu_logvar_gen.bias"):
        weights[name] = torch.cat([weights[name][0::2], 0.5 * weights[name][1::2]])
    torch.save(weights, tmp_path / "model.pt")
    data = Sprites()
    images = data.render(*data.sample_images(300, 0))
    choice = choice_of(tmp_path / "model.pt", images[:FEW])
    assert choice.trusted
    assert (choice.vae.head, choice.vae.variance) == ("halves", "log sigma")
    # the log of its training: 15.35 in all
    assert kl_nats_D(choice.vae, images).sum() == pytest.approx(15.35, rel=0.05)


@pytest.mark.slow
def test_a_capacity_that_the_settings_state_tells_the_kind_of_variance(tmp_path: Path, fixtures_dir: Path) -> None:
    """A model whose KL was held at 25 nats: neither its moments nor a beta say how its head is to be read."""
    folder = fixtures_dir / "public-checkpoints" / "betaB_dsprites"
    weights = torch.load(folder / "model.pt", weights_only=True)
    for name in ("encoder.mu_logvar_gen.weight", "encoder.mu_logvar_gen.bias"):
        weights[name][1::2] *= 0.5
    torch.save(weights, tmp_path / "model.pt")
    data = Sprites()
    images = data.render(*data.sample_images(300, 0))
    alone = choice_of(tmp_path / "model.pt", images[:FEW])
    assert not alone.trusted
    assert "log variance or log sigma cannot be told" in alone.warning
    (tmp_path / "specs.json").write_text((folder / "specs.json").read_text())
    choice = choice_of(tmp_path / "model.pt", images[:FEW])
    assert choice.trusted
    assert choice.vae.variance == "log sigma"
    assert "held at 25 nats" in choice.note
    assert kl_nats_D(choice.vae, images).sum() == pytest.approx(25, rel=0.03)
