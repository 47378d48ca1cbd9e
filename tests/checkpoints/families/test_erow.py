"""erow/disentanglement_lib: stages, activations, and what its gin files state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ifp.checkpoints.arrays.unwrap import unwrap
from ifp.checkpoints.files.contents import read_contents
from ifp.checkpoints.folders.locate import locate
from ifp.errors import IfpError

from .code_bases.array_networks import LATENTS, Example
from .code_bases.erow import erow
from .reading_files import candidates, encoded, images_for, said


@pytest.mark.parametrize("stage", [-1, 4])
def test_a_stage_that_is_not_there(stage: int, examples: dict[str, Example]) -> None:
    with pytest.raises(IfpError, match="from 0 to the number of groups, 3"):
        candidates(examples["groups added"], stage=stage)


def test_relu_in_the_encoder_and_leaky_relu_in_the_decoder(examples: dict[str, Example]) -> None:
    """erow at commit c875207: the plain encoder's third candidate."""
    x, z = images_for((1, 64, 64)), torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(2))
    relu, leaky, mixed = candidates(examples["erow old"])
    with torch.inference_mode():
        assert torch.equal(encoded(mixed, x), encoded(relu, x))
        assert torch.equal(mixed.decode(z), leaky.decode(z))
        assert not torch.allclose(mixed.decode(z), relu.decode(z), atol=1e-4)
    without = {name: None for name in examples["erow old"].weights if name.startswith("decode.")}
    assert len(candidates(examples["erow old"].source(**without))) == 2


def test_groups_after_the_stage_give_the_prior(examples: dict[str, Example]) -> None:
    x = images_for((1, 64, 64))
    mean, logvar = candidates(examples["groups added"], stage=0)[0].encode(x)
    assert not mean[:, 2:].any()
    assert not logvar[:, 2:].any()
    assert mean[:, :2].std() > 0


def test_the_loss_of_a_gin_file_is_seen(tmp_path: Path, examples: dict[str, Example]) -> None:
    example = examples["erow new"]
    torch.save({name: torch.from_numpy(array) for name, array in example.weights.items()}, tmp_path / "model.pt")
    for loss, likelihood in (("l2_loss", "gaussian"), ("bernoulli_loss", "bernoulli")):
        (tmp_path / "train.gin").write_text(f"reconstruction_loss.loss_fn = @{loss}\nvae.beta = 4.\n")
        (file,) = locate(tmp_path).files
        (vae,) = candidates(unwrap(read_contents(file.path), file.config))
        assert (vae.likelihood, vae.beta, said(vae, "likelihood")[1]) == (likelihood, 4.0, "the file")


def test_another_output_activation_leaves_no_decoder() -> None:
    (vae,) = candidates(erow("new", config={"reconstruction_loss.activation": "tanh"}))
    assert vae.decoder is None
    assert "tanh" in said(vae, "decoder")[0]
