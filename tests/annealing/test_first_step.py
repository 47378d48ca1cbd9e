"""A fresh network's first step follows the data, not the rounding of a gradient that vanishes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ifp.annealing.config import preset_config
from ifp.annealing.member_noise import MemberNoise
from ifp.annealing.members import Member, fresh_parameters, make_network, member_data, padded_width, stack_data
from ifp.annealing.mlp_ensemble import MlpEnsemble

STEPS = 50


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_float32_and_float64_agree_after_fifty_steps(likelihood: str) -> None:
    images = np.zeros((8, 1, 6, 30), dtype=np.uint8)
    for n in range(8):
        images[n, :, :4, n + 2 : n + 9] = 255
    member = Member("posX", (-1,), 0, "cool", images, 20.0, 22.0)
    settings = preset_config("standard", dataset="made", likelihood=likelihood, sigma=0.3)
    data = member_data(images, settings)
    width = padded_width(data.values_NP.shape[1])
    network = make_network(settings, images.shape[1:])
    fresh = fresh_parameters(member, data, network, settings, width)
    values, weight = stack_data([data], width, "cpu")
    values = values.double() / 255 if values.dtype == torch.uint8 else values.double()
    noise = MemberNoise([member], settings, len(images), "cpu").block(STEPS)
    kl, bias = [], []
    for dtype in (torch.float32, torch.float64):
        ensemble = MlpEnsemble(
            network, [{name: value.to(dtype) for name, value in fresh.items()}], values.to(dtype), weight.to(dtype),
            likelihood=settings.pixel_likelihood, learning_rate=settings.learning_rate,
        )  # fmt: skip
        ensemble.train(noise.to(dtype), torch.full((STEPS, 1), 2.0, dtype=dtype))
        kl.append(ensemble.evaluate(noise[0].to(dtype))[1].double())
        bias.append(ensemble.parameters["decoder.out.bias"].double())
    assert kl[1].item() > 0.5
    # a step is 1e-3, so that a first step of random signs leaves the biases that far apart
    torch.testing.assert_close(bias[0], bias[1], rtol=0, atol=0.01 * settings.learning_rate)
    torch.testing.assert_close(kl[0], kl[1], rtol=1e-5, atol=0)
