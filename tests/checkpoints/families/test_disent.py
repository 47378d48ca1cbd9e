"""nmichlo/disent: images are standardised as its settings say."""

from __future__ import annotations

import pytest
import torch

from .code_bases.array_networks import LATENTS
from .code_bases.disent import disent
from .reading_files import candidates, encoded, images_for, said

STANDARD = {
    "dataset": {"meta": {"vis_mean": [0.25], "vis_std": [0.5]}, "transform": {"mean": "${dataset.meta.vis_mean}"}}
}


def test_disent_sees_standardised_images() -> None:
    config = {
        **STANDARD,
        "settings": {"framework": {"beta": 0.0316, "recon_loss": "mse", "loss_reduction": "mean"}},
        "framework": {"name": "betavae", "cfg": {"beta": "${settings.framework.beta}"}},
    }
    example = disent("conv", config=config)
    (vae,) = candidates(example)
    x = images_for((1, 64, 64))
    with torch.inference_mode():
        torch.testing.assert_close(encoded(vae, x), example.encode((x - 0.25) / 0.5), rtol=1e-4, atol=1e-5)
        z = torch.ones(2, LATENTS)
        torch.testing.assert_close(vae.decode(z), example.decode(z) * 0.5 + 0.25, rtol=1e-4, atol=1e-5)
    assert said(vae, "input")[1] == "the file"
    # 0.0316 x 4096 pixels / 4 latents beside errors of standardised pixels, 4 times as large as those in [0, 1]
    assert vae.beta == pytest.approx(0.0316 * 4096 / 4 * 0.25)
    scaled, _ = candidates(disent("conv"), pixel_mean=0.25, pixel_std=0.5)
    assert said(scaled, "input")[1] == "an option"
    torch.testing.assert_close(encoded(scaled, x), encoded(vae, x))


def test_disent_scales_each_channel_by_its_own_numbers() -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    example = disent("conv", channels=3, config={"dataset": {"meta": {"vis_mean": mean, "vis_std": std}}})
    vae, _ = candidates(example)
    x = images_for((3, 64, 64))
    shift, scale = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (mean, std))
    with torch.inference_mode():
        torch.testing.assert_close(encoded(vae, x), example.encode((x - shift) / scale), rtol=1e-4, atol=1e-5)
        z = torch.ones(2, LATENTS)
        torch.testing.assert_close(vae.decode(z), example.decode(z) * scale + shift, rtol=1e-4, atol=1e-5)
