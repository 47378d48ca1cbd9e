"""ChainBuilder: networks equal to PyTorch's own, and every misfit named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import image_side, square_side
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def test_a_rebuilt_network_equals_the_original() -> None:
    torch.manual_seed(0)
    original = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.LayerNorm([4, 4]),
        nn.Tanh(), nn.Flatten(), nn.Linear(128, 6, bias=False), nn.ELU(), nn.Linear(6, 16), nn.Unflatten(1, (4, 2, 2)),
        nn.ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1), nn.Sigmoid(),
    )  # fmt: skip
    original[1].running_mean.normal_()
    original[1].running_var.uniform_(0.5, 2)
    original.eval()
    used: set[str] = set()
    chain = ChainBuilder(arrays(original), (1, 16, 16), used)
    chain.conv("0", 2, 1).batch_norm("1").activation("leaky_relu").conv("3", 2, 1).layer_norm("4").activation("tanh")
    chain.flatten().linear("7").activation("elu").linear("9").reshape(4, 2, 2).conv_transpose("11", 2, 1, 1)
    rebuilt = chain.activation("sigmoid").module()
    x = torch.randn(5, 1, 16, 16)
    assert torch.equal(rebuilt(x), original(x))
    assert chain.shape == tuple(original(x).shape[1:])
    assert used == set(arrays(original))


def test_linear_layers_side_by_side() -> None:
    mean, logvar = nn.Linear(3, 2), nn.Linear(3, 2)
    weights = {f"mean.{k}": v for k, v in arrays(mean).items()} | {f"logvar.{k}": v for k, v in arrays(logvar).items()}
    head = ChainBuilder(weights, (3,), set()).stacked_linear(["mean", "logvar"]).module()
    x = torch.randn(4, 3)
    torch.testing.assert_close(head(x), torch.cat([mean(x), logvar(x)], dim=1))


@pytest.mark.parametrize(
    ("weights", "layer", "named"),
    [
        ({}, lambda chain: chain.linear("a"), "'a.weight' is missing"),
        ({"a.weight": np.zeros((2, 4))}, lambda chain: chain.linear("a"), "takes 4 channels or features"),
        ({"a.weight": np.zeros((2, 3)), "a.bias": np.zeros(3)}, lambda chain: chain.linear("a"), "bias of 'a'"),
        ({"a.weight": np.zeros((2, 3, 4, 4))}, lambda chain: chain.conv("a", 2, 1), "is a convolution"),
        ({"a.weight": np.zeros(3)}, lambda chain: chain.linear("a"), "should have 2 axes"),
        ({}, lambda chain: chain.reshape(2, 2), "cannot take the shape"),
    ],
)
def test_a_misfit_is_named(weights, layer, named) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ShapeMismatch, match=named):
        layer(ChainBuilder(weights, (3,), set()))


def test_an_image_that_vanishes_is_refused() -> None:
    weights = {"a.weight": np.zeros((2, 1, 5, 5))}
    with pytest.raises(ShapeMismatch, match="leaves nothing of an image"):
        ChainBuilder(weights, (1, 3, 3), set()).conv("a", 1, 0)


def test_image_sides_from_flattened_sizes() -> None:
    assert image_side(512, 32, [(4, 2, 1)] * 4) == 64
    assert image_side(512, 32, [(4, 2, 1)] * 3) == 32
    assert square_side(3 * 28 * 28, 3, "fc") == 28
    with pytest.raises(ShapeMismatch):
        image_side(500, 32, [(4, 2, 1)] * 4)
    with pytest.raises(ShapeMismatch):
        square_side(4097, 1, "fc")
