"""GANs with informative codes: files in the public layouts against the modules that wrote them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from ifp.checkpoints.encoded_runs import read_last
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.source import ReadingOptions
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Network(nn.Module):
    """Named layers."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


def read(path: Path) -> Vae:
    return read_last(locate(path), ReadingOptions())


def write(path: Path, networks: dict[str, nn.Module], **params: Any) -> Path:
    """A file as both public train.py write it."""
    for network in networks.values():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.running_mean, layer.running_var = (
                    torch.randn(layer.num_features) / 9,
                    torch.rand(layer.num_features),
                )
    optimizer = torch.optim.Adam(networks["netQ"].parameters())
    content = {name: network.state_dict() for name, network in networks.items()}
    torch.save({**content, "optimD": optimizer.state_dict(), "params": {"num_z": 3, **params}}, path)
    for network in networks.values():
        network.eval()
    return path


def conv(inputs: int, outputs: int, kernel: int = 4, *, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, *((2, 1) if kernel == 4 else (1, 0)), bias=bias)


def up(inputs: int, outputs: int, kernel: int = 4) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, kernel, *((2, 1) if kernel == 4 else (1, 0)), bias=False)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


def test_spectrally_normalised_networks_for_dsprites(tmp_path: Path) -> None:
    trunk = Network(
        **{f"conv{n}": spectral_norm(conv(i, o, bias=n == 1)) for n, (i, o) in enumerate([(1, 4), (4, 4)], start=1)},
        lin1=spectral_norm(nn.Linear(64, 16)),
    )
    head = Network(
        lin1=spectral_norm(nn.Linear(16, 16)),
        lin_disc=nn.Linear(16, 1),
        lin_mu=nn.Linear(16, 2),
        lin_var=nn.Linear(16, 2),
    )
    generator = Network(
        lin1=nn.Linear(5, 8), bn_lin1=nn.BatchNorm1d(8), lin2=nn.Linear(8, 64), bn_lin2=nn.BatchNorm1d(64),
        tconv1=up(4, 4), bn1=nn.BatchNorm2d(4), tconv2=up(4, 1),
    )  # fmt: skip
    with torch.no_grad():  # power iteration: fresh singular vectors are random
        head.lin1(trunk.lin1(trunk.conv2(trunk.conv1(torch.rand(2, 1, 16, 16))).flatten(1)))
    path = write(
        tmp_path / "model_final_dSprites",
        {"netG": generator, "discriminator": trunk, "netD": Network(lin=spectral_norm(nn.Linear(16, 1))), "netQ": head},
        num_dis_c=0, dis_c_dim=3, num_con_c=2,
    )  # fmt: skip
    vae = read(path)
    images = torch.rand(5, 1, 16, 16)
    x = leaky(trunk.conv2(leaky(trunk.conv1(images)))).flatten(1)
    x = leaky(head.lin1(leaky(trunk.lin1(x))))
    mean, logvar = vae.encode(images)
    torch.testing.assert_close(mean, math.sqrt(3) * head.lin_mu(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logvar, head.lin_var(x) + math.log(3), rtol=1e-4, atol=1e-5)
    assert (vae.image_shape, vae.num_latents, vae.decoder) == ((1, 16, 16), 2, None)
    assert vae.code_bounds is not None
    assert len(vae.code_bounds()) == 2
    assert vae.generator is not None
    latents = torch.randn(6, 5)
    # a latent of N(0, 1) is the code 2 Phi - 1; the public generator takes noise first
    inputs = torch.cat([latents[:, 2:], torch.erf(latents[:, :2] / math.sqrt(2))], 1)
    x = F.relu(generator.bn_lin2(generator.lin2(F.relu(generator.bn_lin1(generator.lin1(inputs))))))
    drawn = generator.tconv2(leaky(generator.bn1(generator.tconv1(x.reshape(6, 4, 4, 4))))).sigmoid()
    torch.testing.assert_close(vae.generator(latents), drawn, rtol=1e-4, atol=1e-5)
    said = {entry.what: entry.value for entry in vae.assumptions}
    assert "sqrt(3)" in said["scale"]
    assert said["generator"].startswith("takes 3 values of noise, 2 continuous codes; ")


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutional_heads_of_infogan(tmp_path: Path, channels: int) -> None:
    """MNIST: 28 x 28, a last convolution of kernel 7; SVHN: 32 x 32, whose head has a kernel of 4."""
    if channels == 1:
        trunk = Network(
            conv1=conv(1, 4, bias=True),
            conv2=conv(4, 4),
            bn2=nn.BatchNorm2d(4),
            conv3=conv(4, 8, 7),
            bn3=nn.BatchNorm2d(8),
        )
        head_kernel, first = 1, {"tconv1": up(3 + 10 + 2, 8, 1), "bn1": nn.BatchNorm2d(8), "tconv2": up(8, 4, 7)}
    else:
        trunk = Network(
            conv1=conv(3, 4, bias=True),
            conv2=conv(4, 4),
            bn2=nn.BatchNorm2d(4),
            conv3=conv(4, 8),
            bn3=nn.BatchNorm2d(8),
        )
        head_kernel, first = 4, {"tconv1": up(3 + 10 + 2, 8, 2), "bn1": nn.BatchNorm2d(8), "tconv2": up(8, 4)}
    last = {"bn2": nn.BatchNorm2d(4), "tconv3": up(4, 4), "tconv4": up(4, 4 if channels == 3 else 1)}
    last |= {"tconv5": up(4, 3)} if channels == 3 else {}
    head = Network(
        conv1=conv(8, 8, head_kernel) if head_kernel == 1 else nn.Conv2d(8, 8, 4, bias=False), bn1=nn.BatchNorm2d(8),
        conv_disc=nn.Conv2d(8, 10, 1), conv_mu=nn.Conv2d(8, 2, 1), conv_var=nn.Conv2d(8, 2, 1),
    )  # fmt: skip
    networks = {
        "netG": Network(**first, **last),
        "discriminator": trunk,
        "netD": Network(conv=nn.Conv2d(8, 1, head_kernel)),
        "netQ": head,
    }
    vae = read(write(tmp_path / "model_final", networks, num_dis_c=1, dis_c_dim=10, num_con_c=2))
    side = 28 if channels == 1 else 32
    assert vae.image_shape == (channels, side, side)
    images = torch.rand(5, channels, side, side)
    x = leaky(trunk.bn3(trunk.conv3(leaky(trunk.bn2(trunk.conv2(leaky(trunk.conv1(images))))))))
    x = leaky(head.bn1(head.conv1(x)))
    mean, logvar = vae.encode(images)
    torch.testing.assert_close(mean, math.sqrt(3) * head.conv_mu(x).flatten(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logvar, head.conv_var(x).flatten(1) + math.log(3), rtol=1e-4, atol=1e-5)
    assert vae.code_bounds is not None
    assert all(map(math.isfinite, vae.code_bounds()))
    assert vae.generator is not None
    generator = networks["netG"]
    discrete = F.one_hot(torch.zeros(6, dtype=torch.long), 10)
    latents = torch.randn(6, 5)
    x = torch.cat([latents[:, 2:], discrete, torch.erf(latents[:, :2] / math.sqrt(2))], 1)[:, :, None, None]
    for n in range(1, 5 if channels == 1 else 6):
        x = getattr(generator, f"tconv{n}")(x)
        x = getattr(generator, f"bn{n}")(x) if hasattr(generator, f"bn{n}") else x
        x = F.relu(x) if hasattr(generator, f"tconv{n + 1}") else x
    drawn = x.sigmoid() if channels == 1 else (x.tanh() + 1) / 2
    torch.testing.assert_close(vae.generator(latents), drawn, rtol=1e-4, atol=1e-5)


def test_discrete_codes_alone_are_refused(tmp_path: Path) -> None:
    head = Network(lin1=nn.Linear(8, 8), lin_mu=nn.Linear(8, 1), lin_var=nn.Linear(8, 1))
    networks = {"netG": Network(), "discriminator": Network(lin1=nn.Linear(64, 8)), "netQ": head}
    path = write(tmp_path / "model", networks, num_con_c=0)
    with pytest.raises(IfpError, match=r"discrete codes alone \(num_con_c = 0\)"):
        read(path)


def test_layers_that_are_left_over_are_refused(tmp_path: Path) -> None:
    head = Network(lin1=nn.Linear(8, 8), lin2=nn.Linear(8, 8), lin_mu=nn.Linear(8, 1), lin_var=nn.Linear(8, 1))
    path = write(tmp_path / "model", {"netG": Network(), "discriminator": Network(lin1=nn.Linear(64, 8)), "netQ": head})
    with pytest.raises(IfpError, match=r"no place for: netQ\.lin2\.bias"):
        read(path)
