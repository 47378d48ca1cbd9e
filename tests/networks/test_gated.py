"""Gated networks: one network is a plain one at each beta, its gates are differentiable, and linear ones are exact."""

from __future__ import annotations

import math

import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from ifp.networks.fully_connected import LinearNetwork, MlpNetwork, Parameters, PixelStatistics
from ifp.networks.gated import SOFT, BetaRange, GatedNetwork, vanishing_gate

RANGE = BetaRange(0.5, 20.0)
PIXELS, LATENTS = 12, 3


def parameters_of(network: GatedNetwork, members: int = 2) -> Parameters:
    """Fresh parameters with every weight moved from its start, so that no term is 0."""
    generator = torch.Generator().manual_seed(1)
    statistics = PixelStatistics(torch.ones(PIXELS), torch.full((PIXELS,), 0.4), torch.full((PIXELS,), 0.4))
    fresh = [network.initial(statistics, generator) for _ in range(members)]
    stacked = {name: torch.stack([one[name] for one in fresh]) for name in fresh[0]}
    return {
        name: value + (0.3 * torch.randn(value.shape, generator=generator) if "scale" not in name else 0)
        for name, value in stacked.items()
    }


def test_places_in_the_range_are_uniform_in_ln_beta() -> None:
    unit = torch.linspace(0, 1, 5, dtype=torch.float64)
    beta = RANGE.beta_at(unit)
    assert_allclose(beta[[0, 2, 4]], [0.5, math.sqrt(10), 20])
    assert_allclose([RANGE.unit_of(float(one)) for one in beta], unit, atol=1e-12)
    many = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    eta = RANGE.eta_at(many)
    assert_allclose([float(eta.mean()), float(eta.var())], [0, 1], atol=1e-4)
    # slope: that of ln(beta) in eta
    rise = (RANGE.beta_at(many).log()[-1] - RANGE.beta_at(many).log()[0]) / (eta[-1] - eta[0])
    assert_allclose(RANGE.slope, float(rise), rtol=1e-9)


def test_the_vanishing_gate_and_its_slope() -> None:
    a = torch.tensor([-30.0, -2.0, -0.5, -0.01, 0.3, 200.0], dtype=torch.float64, requires_grad=True)
    gate = vanishing_gate(a)
    assert_allclose(gate.detach()[:3] ** 2, 1 - a.detach()[:3].exp(), rtol=0, atol=SOFT)  # r - SOFT + ...
    assert (gate[4:] == 0).all()
    (slope,) = torch.autograd.grad(gate.sum(), a)
    step = 1e-6
    with torch.no_grad():
        differences = (vanishing_gate(a + step) - vanishing_gate(a - step)) / (2 * step)
    assert_allclose(slope, differences, rtol=1e-6, atol=1e-9)
    assert slope.isfinite().all()
    closing = torch.zeros((), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(vanishing_gate(closing), closing)[0].isfinite()


@pytest.mark.parametrize("plain", [MlpNetwork(32, LATENTS), LinearNetwork(LATENTS)], ids=["mlp", "linear"])
def test_the_gates_parameters_are_differentiated_rightly(plain: MlpNetwork | LinearNetwork) -> None:
    network = GatedNetwork(plain, RANGE)
    double = {name: value.double() for name, value in parameters_of(network, 1).items()}
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(1, 6, PIXELS, generator=generator, dtype=torch.float64)
    eta = torch.linspace(-1.6, 1.6, 6, dtype=torch.float64)[None]

    def loss(parameters: Parameters) -> Tensor:
        mean, logvar = network.encode_at(parameters, x, eta)
        out = network.decode_at(parameters, mean + (0.5 * logvar).exp(), eta)
        return ((out - x) ** 2).sum() + (mean**2).sum() + (logvar.exp() - logvar).sum()

    names = [name for name in double if ".gate." in name]
    assert len(names) == (10 if isinstance(plain, MlpNetwork) else 2)
    leaves = {name: double[name].clone().requires_grad_() for name in names}
    gradients = torch.autograd.grad(loss({**double, **leaves}), list(leaves.values()))
    for name, gradient in zip(names, gradients, strict=True):
        for at in range(0, double[name].numel(), 7):
            step = torch.zeros_like(double[name])
            step.view(-1)[at] = 1e-6
            rise = loss({**double, name: double[name] + step}) - loss({**double, name: double[name] - step})
            assert_allclose(gradient.reshape(-1)[at], rise / 2e-6, rtol=1e-4, atol=1e-6, err_msg=f"{name} {at}")


@pytest.mark.parametrize("plain", [MlpNetwork(32, LATENTS), LinearNetwork(LATENTS)], ids=["mlp", "linear"])
def test_at_one_beta_it_is_the_plain_network(plain: MlpNetwork | LinearNetwork) -> None:
    network = GatedNetwork(plain, RANGE)
    parameters = parameters_of(network)
    x = torch.rand(2, 5, PIXELS, generator=torch.Generator().manual_seed(4))
    for unit in (0.0, 0.37, 0.9):
        beta = float(RANGE.beta_at(torch.tensor(unit, dtype=torch.float64)))
        eta = RANGE.eta_at(torch.full((2, 5), unit))
        folded = network.at(parameters, beta)
        assert not any("gate" in name for name in folded)
        mean, logvar = network.encode_at(parameters, x, eta)
        for gated, single in zip((mean, logvar), plain.encode(folded, x), strict=True):
            assert_allclose(gated, single, rtol=1e-4, atol=1e-5)
        z = torch.randn(2, 5, LATENTS, generator=torch.Generator().manual_seed(5))
        assert_allclose(network.decode_at(parameters, z, eta), plain.decode(folded, z), rtol=1e-4, atol=1e-4)
        # of one member, without the axis of members, the same bits
        alone = network.at({name: value[1] for name, value in parameters.items()}, beta)
        assert all(torch.equal(alone[name], folded[name][1]) for name in folded)


def test_gates_at_their_exact_values_give_the_exact_response_of_a_linear_vae() -> None:
    """Slope 1 per ln(beta), offset -ln(L): mean, decoder and variance are the optimum's at every beta (module)."""
    eigenvalues, sigma = torch.tensor([12.0, 6.0, 1.5]), 0.3
    network = GatedNetwork(LinearNetwork(3), RANGE)
    weights = torch.linalg.qr(torch.randn(PIXELS, 3, generator=torch.Generator().manual_seed(0)))[0]
    parameters = parameters_of(network, 1)
    middle = (math.log(RANGE.low) + math.log(RANGE.high)) / 2
    parameters |= {
        # the limits for beta -> 0 of v = w / (L sigma^2) and w, in pixels
        "encoder.mean.weight": (weights / (eigenvalues.sqrt() * sigma))[None],
        "decoder.out.weight": (weights * eigenvalues.sqrt() * sigma).T[None],
        "encoder.mean.bias": torch.zeros(1, 1, 3),
        "encoder.logvar.bias": torch.zeros(1, 1, 3),
        "latent.gate.slope": torch.full((1, 1, 3), RANGE.slope),
        "latent.gate.offset": (middle - eigenvalues.log())[None, None],
        "input_scale_P": torch.ones(1, 1, PIXELS),
        "output_scale": torch.ones(1, 1, 1),
    }
    for beta in (0.6, 1.4, 3.0, 11.0, 15.0):
        plain = network.at(parameters, beta)
        share = (1 - beta / eigenvalues).clamp(min=0)
        encoder = weights.T @ plain["encoder.mean.weight"][0]
        assert_allclose(encoder.diagonal(), (share / eigenvalues).sqrt() / sigma, rtol=2e-3, atol=1e-6)
        decoder = plain["decoder.out.weight"][0] @ weights
        assert_allclose(decoder.diagonal(), (share * eigenvalues).sqrt() * sigma, rtol=2e-3, atol=1e-6)
        variance = plain["encoder.logvar.bias"].flatten().exp()
        assert_allclose(variance, (beta / eigenvalues).clamp(max=1), rtol=1e-5)
        # the KL is 1/2 ln(L / beta): mean square of the means 1 - s^2 on data of these eigenvalues
        kl = 0.5 * (share + variance - 1 - variance.log())
        assert_allclose(kl, 0.5 * (eigenvalues / beta).log().clamp(min=0), atol=1e-5)
