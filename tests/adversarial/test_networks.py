"""The networks of GANs against PyTorch's own modules with the same arrays, in the layout of the public code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from ifp.adversarial.drawing import code_drawer
from ifp.adversarial.networks import GanNetworks
from ifp.adversarial.spectral import iterate
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.training.state import MemberState
from tests.adversarial.conftest import gan_setup

PUBLIC = GanNetworks((1, 64, 64), "conv", 256, codes=5, noise=5, complex_codes=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def under(arrays: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def test_sizes_are_those_of_the_public_networks() -> None:
    parameters, _ = PUBLIC.initial(generator())
    count = {p: sum(v.numel() for v in under(parameters, p).values()) for p in ("netG.", "discriminator.", "netD.")}
    # convolutions 2 to 4 of the trunk have no bias
    assert count == {"netG.": 251_264, "discriminator.": 246_592 - 160, "netD.": 129}
    assert sum(v.numel() for v in under(parameters, "netQ.").values()) == 17_802


def test_generator_and_trunk_equal_modules_with_the_same_arrays() -> None:
    parameters, buffers = PUBLIC.initial(generator())
    arrays = parameters | buffers
    noise, codes = torch.randn(6, 5, generator=generator(1)), torch.rand(6, 5, generator=generator(2))
    bn1, bn2 = nn.BatchNorm1d(128), nn.BatchNorm1d(1024)
    maps = [nn.BatchNorm2d(n) for n in (64, 32, 32)]
    for name, module in {"bn_lin1": bn1, "bn_lin2": bn2, "bn1": maps[0], "bn2": maps[1], "bn3": maps[2]}.items():
        module.load_state_dict({k: v.clone() for k, v in under(arrays, f"netG.{name}.").items()}, strict=False)
    for training in (True, False):
        for module in (bn1, bn2, *maps):
            module.train(training)
        x = torch.cat([noise, codes], 1)
        for n, bn in ((1, bn1), (2, bn2)):
            x = F.relu(bn(F.linear(x, arrays[f"netG.lin{n}.weight"], arrays[f"netG.lin{n}.bias"])))
        x = x.view(6, 64, 4, 4)
        for n, module in enumerate(maps, start=1):
            x = F.leaky_relu(module(F.conv_transpose2d(x, arrays[f"netG.tconv{n}.weight"], None, 2, 1)), 0.1)
        wanted = torch.sigmoid(F.conv_transpose2d(x, arrays["netG.tconv4.weight"], None, 2, 1)).flatten(1)
        # the running statistics of the first pass are used in the second
        torch.testing.assert_close(PUBLIC.generate(arrays, noise, codes, training=training), wanted)

    convolutions = [
        spectral_norm(nn.Conv2d(i, o, 4, 2, 1, bias=n == 0))
        for n, (i, o) in enumerate([(1, 32), (32, 32), (32, 64), (64, 64)])
    ]
    named = {f"conv{n}": c for n, c in enumerate(convolutions, start=1)} | {"lin1": spectral_norm(nn.Linear(1024, 128))}
    for name, module in named.items():
        module.load_state_dict(under(arrays, f"discriminator.{name}."))
    trunk = nn.Sequential(
        *[layer for c in convolutions for layer in (c, nn.LeakyReLU(0.1))], nn.Flatten(), named["lin1"]
    )
    images = torch.rand(6, 4096, generator=generator(3))
    trunk.train()  # one round of power iteration
    wanted = F.leaky_relu(trunk(images.view(6, 1, 64, 64)), 0.1)
    iterate(arrays, buffers)
    torch.testing.assert_close(PUBLIC.features(arrays, images), wanted)
    torch.testing.assert_close(arrays["discriminator.conv3.weight_u"], named["conv3"].weight_u)


@pytest.mark.parametrize(
    ("shape", "architecture"), [((1, 8, 8), "conv"), ((3, 16, 16), "conv"), ((3, 32, 32), "conv"), ((2, 5, 7), "mlp")]
)
def test_other_images_and_complex_codes(shape: tuple[int, int, int], architecture: str) -> None:
    networks = GanNetworks(shape, architecture, 32, codes=3, noise=4, complex_codes=2)
    parameters, buffers = networks.initial(generator())
    arrays = parameters | buffers
    codes = torch.rand(8, 3, generator=generator(1)) * 2 - 1
    images = networks.generate(arrays, torch.randn(8, 4, generator=generator(2)), codes, training=True)
    assert images.shape == (8, shape[0] * shape[1] * shape[2])
    assert ((images > 0) & (images < 1)).all()
    features = networks.features(arrays, images)
    assert networks.real_logit(arrays, features).shape == (8,)
    assert [part.shape for part in networks.posterior(arrays, features)] == [(8, 3), (8, 3)]
    assert networks.complex_of(arrays, codes).shape == (8, 2)
    assert networks.complex_of(arrays, codes).std(0).min() > 0.1  # h sees the codes


def test_images_that_the_convolutions_do_not_take() -> None:
    with pytest.raises(IfpError, match=r"8, 16, 32, 64, ... pixels a side, got 28 x 28; choose `architecture='mlp'`"):
        GanNetworks((1, 28, 28), "conv", 32, 2, 2, 0)


def test_pictures_of_a_training_show_one_code_after_the_other_moving(two_bars: FactorDataset) -> None:
    setup = gan_setup(two_bars, hidden=8)
    parameters, buffers = setup.networks.initial(torch.Generator().manual_seed(0))
    parameters = {name: 40 * value if name.startswith("netG.lin") else value for name, value in parameters.items()}
    images = code_drawer(setup)(MemberState(0, parameters, {}, buffers, {}))
    assert images.shape == (2, 9, 1, 8, 8)
    np.testing.assert_allclose(images[0, 4], images[1, 4], atol=1e-6)  # rows of one product may be rounded apart
    for code in range(2):
        # a moving code changes the picture at every step, and its own ends are not the other's
        assert (np.abs(np.diff(images[code], axis=0)).max(axis=(1, 2, 3)) > 1e-3).all()
    assert np.abs(images[0, 0] - images[1, 0]).max() > 1e-3
    np.testing.assert_array_equal(images, code_drawer(setup)(MemberState(9, parameters, {}, buffers, {})))
