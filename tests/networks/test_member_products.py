"""Convolutions by batched products are the convolutions, and bfloat16 stays within float32's answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ifp.networks import convolution_choice
from ifp.networks.convolution_choice import faster_network, pass_seconds
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import Parameters, PixelStatistics
from ifp.networks.member_products import ProductConvNetwork
from ifp.networks.stacked import StackedVaes

NOTHING = PixelStatistics(torch.zeros(0), torch.zeros(0), torch.zeros(0))


def member(network: ConvNetwork, seed: int) -> Parameters:
    return network.initial(NOTHING, torch.Generator().manual_seed(seed))


def passes(network: ConvNetwork, parameters: Parameters, x_MNP: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Outputs and the gradients of all parameters."""
    leaves = {name: value.to(dtype).requires_grad_() for name, value in parameters.items()}
    mean, logvar = network.encode(leaves, x_MNP.to(dtype))
    out = network.decode(leaves, mean + (0.5 * logvar).exp())
    found = torch.autograd.grad(out.square().mean() + mean.pow(3).sum(), list(leaves.values()))
    return [mean.detach(), logvar.detach(), out.detach(), *found]


@pytest.mark.parametrize("channels", [1, 3])
def test_products_are_the_convolutions(channels: int) -> None:
    shape = (channels, 64, 64)
    grouped, products = ConvNetwork(shape, 2), ProductConvNetwork(shape, 2)
    members = [member(grouped, seed) for seed in range(2)]
    parameters = {name: torch.stack([one[name] for one in members]) for name in members[0]}
    x_MNP = torch.rand(2, 2, channels * 64 * 64, generator=torch.Generator().manual_seed(0))
    expected = passes(grouped, parameters, x_MNP, torch.float64)
    for one, other in zip(passes(products, parameters, x_MNP, torch.float64), expected, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


def test_products_in_bfloat16_through_the_engine() -> None:
    network = ProductConvNetwork((1, 64, 64), 1)
    x_MNP = torch.rand(2, 2, 64 * 64, generator=torch.Generator().manual_seed(0))
    found = {}
    for precision in ("float32", "bfloat16"):
        vaes = StackedVaes(
            network, [member(network, seed) for seed in range(2)], device=torch.device("cpu"), learning_rate=1e-3,
            precision=precision,
        )  # fmt: skip
        mean, logvar = vaes.encode(x_MNP)
        out = vaes.decode(mean)
        assert {mean.dtype, logvar.dtype, out.dtype} == {torch.float32}
        found[precision] = out.detach()
    # some ten layers of products, each rounded to 8 bits
    error = (found["bfloat16"] - found["float32"]).abs().max() / found["float32"].abs().max()
    assert 0 < error < 10 * 2**-8


def test_only_the_convolutional_network_on_a_gpu_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution_choice, "IMAGES", 2)
    monkeypatch.setattr(convolution_choice, "REPEATS", 1)
    network = ConvNetwork((1, 64, 64), 1)
    parameters = {name: value[None] for name, value in member(network, 0).items()}
    assert faster_network(network, parameters, "float32") is network
    seconds = pass_seconds(network, parameters, "float32")
    assert {type(form) for form in seconds} == {ConvNetwork, ProductConvNetwork}
    assert all(0 < value < 60 for value in seconds.values())


def test_a_form_that_the_device_cannot_do_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN finds no kernel for some numbers of groups, and says so by an error."""
    monkeypatch.setattr(convolution_choice, "IMAGES", 2)
    monkeypatch.setattr(convolution_choice, "REPEATS", 1)
    network = ConvNetwork((1, 64, 64), 1)
    parameters = {name: value[None] for name, value in member(network, 0).items()}
    encode = ConvNetwork.encode

    def refuse(self: ConvNetwork, *arguments: object) -> object:
        if type(self) is ConvNetwork:
            raise RuntimeError("unable to find an engine to execute this computation")
        return encode(self, *arguments)  # type: ignore[arg-type]

    before = torch.get_rng_state()
    monkeypatch.setattr(ConvNetwork, "encode", refuse)
    seconds = {type(form): value for form, value in pass_seconds(network, parameters, "float32").items()}
    assert seconds[ConvNetwork] == float("inf") > seconds[ProductConvNetwork]
    # and the user's random numbers are untouched
    assert torch.equal(torch.get_rng_state(), before)
