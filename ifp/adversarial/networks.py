"""GanNetworks: generator, trunk, and the heads D and Q on it; convolutional as in the public code, or fully connected.

Arrays are named as in the public code (wangruoyu1126/TC-GAN, models/dsprite_model_modified.py, 64 x 64): `netG.`,
`discriminator.` (the trunk), `netD.`, `netQ.`; and `netC.`, which that code lacks, for the complex codes Z_C = h(Z_A).
The convolutional networks take images of 8, 16, 32, ... pixels a side, with as many convolutions of stride 2 as lead to
4 x 4.

Shapes: B images, P pixels, D atomic codes, R complex codes, N values of noise, C H W channels, rows, columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ifp.adversarial.spectral import LEFT, ORIGINAL, RIGHT, initial_vectors, normalised
from ifp.errors import IfpError

Arrays = Mapping[str, Tensor]
"""Parameters and buffers by name, without a member axis."""
GENERATOR = ("netG.", "netC.", "netQ.")
"""How the names of the arrays begin that learn at the generator's rate; trunk and D learn at the discriminator's."""
LEAK = 0.1
"""Slope of all LeakyReLUs for negative inputs."""
FEATURES = 128
"""Outputs of the convolutional trunk, and units of Q's own layer."""
COMPLEX_HIDDEN = 32
"""Hidden units of h."""
_DEVIATION = 0.02
"""Standard deviation of fresh weights."""
_SIDE, _WIDE, _NARROW = 4, 64, 32
"""Side of the smallest feature map; channels of the convolutions next to it, and of the two next to the image."""
_KERNEL, _STRIDE, _PADDING = 4, 2, 1
_MOMENTUM, _EPS = 0.1, 1e-5
"""Of batch normalisation, PyTorch's."""


@dataclass(frozen=True)
class GanNetworks:
    """The networks of one GAN, as shapes and formulas; their arrays are given to each call.

    Parameters
    ----------
    image_shape : (C, H, W). architecture : "conv" or "mlp". hidden : units per layer of the latter.
    codes, noise, complex_codes : what the generator sees, D, N and R.

    Raises
    ------
    IfpError : "conv" with images that its strides do not lead to 4 x 4.
    """

    image_shape: tuple[int, int, int]
    architecture: str
    hidden: int
    codes: int
    noise: int
    complex_codes: int

    def __post_init__(self) -> None:
        height, width = self.image_shape[1:]
        ratio = height / _SIDE
        if self.architecture == "conv" and (height != width or ratio < 2 or not math.log2(ratio).is_integer()):
            raise IfpError(
                f"The conv network of a GAN takes square images of 8, 16, 32, 64, ... pixels a side, got {height} x "
                f"{width}; choose `architecture='mlp'`."
            )

    @property
    def inputs(self) -> int:
        """Values that the generator sees."""
        return self.noise + self.codes + self.complex_codes

    @property
    def _halvings(self) -> int:
        return int(math.log2(self.image_shape[1] // _SIDE)) if self.architecture == "conv" else 0

    def initial(self, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Fresh parameters and buffers: weights N(0, .02^2), biases 0, batch normalisations near the identity."""
        fresh = _Fresh(generator)
        channels, pixels = self.image_shape[0], math.prod(self.image_shape)
        halvings = self._halvings
        narrow = min(2, halvings - 1)
        units = FEATURES if halvings else self.hidden
        fresh.linear("netG.lin1", self.inputs, units).batch_norm("netG.bn_lin1", units)
        if halvings:
            up = [_WIDE] * (halvings - narrow) + [_NARROW] * narrow + [channels]
            down = [channels] + [_NARROW] * narrow + [_WIDE] * (halvings - narrow)
            flat = _WIDE * _SIDE**2
            fresh.linear("netG.lin2", units, flat).batch_norm("netG.bn_lin2", flat)
            for n in range(1, halvings + 1):
                fresh.weight(f"netG.tconv{n}", up[n - 1], up[n], _KERNEL, _KERNEL)
                if n < halvings:
                    fresh.batch_norm(f"netG.bn{n}", up[n])
                fresh.normalised(f"discriminator.conv{n}", down[n], down[n - 1], _KERNEL, _KERNEL, bias=n == 1)
            fresh.normalised("discriminator.lin1", FEATURES, flat)
        else:
            fresh.linear("netG.lin2", units, units).batch_norm("netG.bn_lin2", units)
            fresh.linear("netG.lin3", units, pixels)
            fresh.normalised("discriminator.lin1", units, pixels)
            fresh.normalised("discriminator.lin2", units, units)
        fresh.normalised("netD.lin", 1, units)
        fresh.normalised("netQ.lin1", units, units)
        fresh.linear("netQ.lin_mu", units, self.codes)
        fresh.linear("netQ.lin_var", units, self.codes)
        if self.complex_codes:
            # unlike the others these see inputs of variance 1/3 and have no normalisation after them
            fresh.linear("netC.lin1", self.codes, COMPLEX_HIDDEN, deviation=math.sqrt(6 / self.codes))
            fresh.linear("netC.lin2", COMPLEX_HIDDEN, self.complex_codes, deviation=math.sqrt(2 / COMPLEX_HIDDEN))
        return fresh.parameters, fresh.buffers

    def complex_of(self, arrays: Arrays, codes_BD: Tensor) -> Tensor:
        """The complex codes h(Z_A), [B, R]."""
        hidden = F.relu(_linear(arrays, "netC.lin1", codes_BD))
        return _linear(arrays, "netC.lin2", hidden)

    def generate(self, arrays: Arrays, noise_BN: Tensor, codes_BD: Tensor, *, training: bool = False) -> Tensor:
        """Images in [0, 1], [B, P].

        training : normalise by the batch, and take its statistics into the running ones in place.
        """
        inputs = [noise_BN, codes_BD]
        if self.complex_codes:
            inputs.append(self.complex_of(arrays, codes_BD))
        x = torch.cat(inputs, 1)
        x = F.relu(_batch_norm(arrays, "netG.bn_lin1", _linear(arrays, "netG.lin1", x), training))
        x = F.relu(_batch_norm(arrays, "netG.bn_lin2", _linear(arrays, "netG.lin2", x), training))
        if not self._halvings:
            return _linear(arrays, "netG.lin3", x).sigmoid()
        x = x.reshape(-1, _WIDE, _SIDE, _SIDE)
        for n in range(1, self._halvings + 1):
            x = F.conv_transpose2d(x, arrays[f"netG.tconv{n}.weight"], stride=_STRIDE, padding=_PADDING)
            if n < self._halvings:
                x = F.leaky_relu(_batch_norm(arrays, f"netG.bn{n}", x, training), LEAK)
        return x.sigmoid().flatten(1)

    def features(self, arrays: Arrays, images_BP: Tensor) -> Tensor:
        """What the trunk gives the heads D and Q, [B, features]."""
        x = images_BP
        if self._halvings:
            x = x.reshape(-1, *self.image_shape)
        for n in range(1, self._halvings + 1):
            name = f"discriminator.conv{n}"
            weight = _weight(arrays, name)
            x = F.leaky_relu(F.conv2d(x, weight, arrays.get(f"{name}.bias"), stride=_STRIDE, padding=_PADDING), LEAK)
        x = F.leaky_relu(_linear(arrays, "discriminator.lin1", x.flatten(1)), LEAK)
        return x if self._halvings else F.leaky_relu(_linear(arrays, "discriminator.lin2", x), LEAK)

    def real_logit(self, arrays: Arrays, features_BF: Tensor) -> Tensor:
        """D's logit of "this is a real image", [B]."""
        return _linear(arrays, "netD.lin", features_BF)[:, 0]

    def posterior(self, arrays: Arrays, features_BF: Tensor) -> tuple[Tensor, Tensor]:
        """Q's mean and log variance of the atomic codes, [B, D] each."""
        x = F.leaky_relu(_linear(arrays, "netQ.lin1", features_BF), LEAK)
        return _linear(arrays, "netQ.lin_mu", x), _linear(arrays, "netQ.lin_var", x)


class _Fresh:
    """Collects fresh arrays under the names of layers."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}

    def weight(self, name: str, *shape: int, deviation: float = _DEVIATION, key: str = ".weight") -> Tensor:
        found = torch.randn(shape, generator=self._generator) * deviation
        self.parameters[name + key] = found
        return found

    def linear(self, name: str, inputs: int, outputs: int, deviation: float = _DEVIATION) -> _Fresh:
        self.weight(name, outputs, inputs, deviation=deviation)
        self.parameters[f"{name}.bias"] = torch.zeros(outputs)
        return self

    def normalised(self, name: str, *shape: int, bias: bool = True) -> _Fresh:
        weight = self.weight(name, *shape, key=ORIGINAL)
        if bias:
            self.parameters[f"{name}.bias"] = torch.zeros(shape[0])
        self.buffers[name + LEFT], self.buffers[name + RIGHT] = initial_vectors(weight, self._generator)
        return self

    def batch_norm(self, name: str, size: int) -> _Fresh:
        self.parameters[f"{name}.weight"] = 1 + torch.randn(size, generator=self._generator) * _DEVIATION
        self.parameters[f"{name}.bias"] = torch.zeros(size)
        self.buffers[f"{name}.running_mean"] = torch.zeros(size)
        self.buffers[f"{name}.running_var"] = torch.ones(size)
        return self


def _weight(arrays: Arrays, name: str) -> Tensor:
    """A layer's weight, normalised where it is to be."""
    if name + ORIGINAL in arrays:
        return normalised(arrays[name + ORIGINAL], arrays[name + LEFT], arrays[name + RIGHT])
    return arrays[f"{name}.weight"]


def _linear(arrays: Arrays, name: str, x: Tensor) -> Tensor:
    return F.linear(x, _weight(arrays, name), arrays[f"{name}.bias"])


def _batch_norm(arrays: Arrays, name: str, x: Tensor, training: bool) -> Tensor:
    mean, variance = arrays[f"{name}.running_mean"], arrays[f"{name}.running_var"]
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    return F.batch_norm(x, mean, variance, weight, bias, training, _MOMENTUM, _EPS)
