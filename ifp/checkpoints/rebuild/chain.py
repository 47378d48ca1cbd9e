"""ChainBuilder: rebuilds a network from named arrays, layer by layer, and checks every shape against the one before.

Shapes are those of one image or code: (C, H, W) or (features,).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import nn

from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, WidthMismatch, array_of
from ifp.checkpoints.source import Weights
from ifp.errors import unknown_name

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01, PyTorch's default, which the code bases use
    "leaky_relu_0.2": partial(nn.LeakyReLU, 0.2),  # the default of TensorFlow and of GANs
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "sigmoid": nn.Sigmoid,
    "swish": nn.SiLU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}
"""The activations that a rebuilt network may have, by name."""


class ChainBuilder:
    """Adds layers to an `nn.Sequential`.

    Each method takes the name of a layer ("encoder.conv1"), returns the builder, and raises ShapeMismatch if the
    arrays of the layer are missing or do not fit the layer before.

    Parameters
    ----------
    weights : the arrays of the checkpoint.
    shape : shape of the input.
    used : a set to which the names of arrays are added as they are read; the chains of a model may share one.

    Attributes
    ----------
    shape : shape of the output of the layers so far.
    """

    def __init__(self, weights: Weights, shape: tuple[int, ...], used: set[str]) -> None:
        self.weights, self.shape, self.used = weights, shape, used
        self._layers: list[nn.Module] = []

    def module(self) -> nn.Sequential:
        """The network so far."""
        return nn.Sequential(*self._layers)

    @property
    def learnt(self) -> bool:
        """Whether a layer with arrays has been added, which means that it took its input."""
        return any(True for layer in self._layers for _ in layer.parameters())

    def take(self, name: str, ndim: int) -> torch.Tensor:
        """The array `name` as a float32 tensor, marked as used."""
        array = array_of(self.weights, name, ndim)
        self.used.add(name)
        return torch.from_numpy(np.array(array, dtype=np.float32))

    def conv(self, name: str, stride: int, padding: int) -> ChainBuilder:
        """Add a convolution: `name`.weight [out, in, k, k] and, if there is one, `name`.bias."""
        weight = self.take(f"{name}.weight", 4)
        self._expect(name, weight.shape[1])
        self._grid(name)
        kernel = (int(weight.shape[2]), int(weight.shape[3]))
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, stride, padding, bias=self._has_bias(name))
        sides = [(side + 2 * padding - k) // stride + 1 for side, k in zip(self.shape[1:], kernel, strict=True)]
        return self._add(name, layer, weight, (int(weight.shape[0]), *sides))

    def conv_transpose(self, name: str, stride: int, padding: int, output_padding: int = 0) -> ChainBuilder:
        """Add a transposed convolution: `name`.weight [in, out, k, k] and, if there is one, `name`.bias."""
        weight = self.take(f"{name}.weight", 4)
        self._expect(name, weight.shape[0])
        self._grid(name)
        kernel = (int(weight.shape[2]), int(weight.shape[3]))
        layer = nn.ConvTranspose2d(
            weight.shape[0], weight.shape[1], kernel, stride, padding, output_padding, bias=self._has_bias(name)
        )
        sides = [
            (side - 1) * stride - 2 * padding + k + output_padding
            for side, k in zip(self.shape[1:], kernel, strict=True)
        ]
        return self._add(name, layer, weight, (int(weight.shape[1]), *sides))

    def linear(self, name: str) -> ChainBuilder:
        """Add a linear layer: `name`.weight [out, in] and, if there is one, `name`.bias."""
        return self.stacked_linear([name])

    def stacked_linear(self, names: Iterable[str]) -> ChainBuilder:
        """Add linear layers of the same shape that take the same input; their outputs are concatenated."""
        names = list(names)
        parts = [self.take(f"{name}.weight", 2) for name in names]
        for name, part in zip(names, parts, strict=True):
            if part.shape != parts[0].shape:
                raise ShapeMismatch(
                    f"{names[0]!r} {list(parts[0].shape)} and {name!r} {list(part.shape)} differ in shape."
                )
        weight = torch.cat(parts)
        if len(self.shape) != 1:
            raise ShapeMismatch(f"{names[0]!r} is a linear layer, but the layer before gives {list(self.shape)}.")
        self._expect(names[0], weight.shape[1])
        bias = any(self._has_bias(name) for name in names)
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias)
        if bias:
            layer.bias.data = torch.cat([self.take(f"{name}.bias", 1) for name in names])
            if len(layer.bias) != len(weight):
                raise ShapeMismatch(f"The bias of {names[0]!r} does not fit its weight {list(weight.shape)}.")
        layer.weight.data = weight
        self._layers.append(layer)
        self.shape = (int(weight.shape[0]),)
        return self

    def batch_norm(self, name: str, eps: float = 1e-5) -> ChainBuilder:
        """Add a batch normalisation by the running statistics of training, which must be in the checkpoint."""
        weight, bias = self.take(f"{name}.weight", 1), self.take(f"{name}.bias", 1)
        mean, variance = self.take(f"{name}.running_mean", 1), self.take(f"{name}.running_var", 1)
        if f"{name}.num_batches_tracked" in self.weights:
            self.used.add(f"{name}.num_batches_tracked")
        self._expect(name, len(weight))
        if not len(weight) == len(bias) == len(mean) == len(variance):
            raise ShapeMismatch(f"The arrays of the batch normalisation {name!r} differ in length.")
        layer = nn.BatchNorm2d(len(weight), eps) if len(self.shape) == 3 else nn.BatchNorm1d(len(weight), eps)
        layer.weight.data, layer.bias.data = weight, bias
        layer.running_mean, layer.running_var = mean, variance
        self._layers.append(layer.eval())
        return self

    def layer_norm(self, name: str, eps: float = 1e-5) -> ChainBuilder:
        """Add a layer normalisation over the last axes, as many as its weight has."""
        array = self.weights.get(f"{name}.weight")
        axes = array.ndim if array is not None else 1
        weight, bias = self.take(f"{name}.weight", axes), self.take(f"{name}.bias", axes)
        if tuple(weight.shape) != self.shape[len(self.shape) - axes :] or bias.shape != weight.shape:
            raise ShapeMismatch(
                f"{name!r} normalises {list(weight.shape)}, but the layer before gives {list(self.shape)}."
            )
        layer = nn.LayerNorm(list(weight.shape), eps)
        layer.weight.data, layer.bias.data = weight, bias
        self._layers.append(layer)
        return self

    def activation(self, name: str) -> ChainBuilder:
        """Add one of ACTIVATIONS; raises IfpError for another name."""
        if name not in ACTIVATIONS:
            raise unknown_name("activation", name, ACTIVATIONS)
        self._layers.append(ACTIVATIONS[name]())
        return self

    def flatten(self) -> ChainBuilder:
        """Flatten (C, H, W) to (C x H x W,)."""
        self._layers.append(nn.Flatten())
        self.shape = (math.prod(self.shape),)
        return self

    def reshape(self, *shape: int) -> ChainBuilder:
        """Reshape (features,) to `shape`."""
        if math.prod(shape) != math.prod(self.shape):
            raise ShapeMismatch(f"{list(self.shape)} values cannot take the shape {list(shape)}.")
        self._layers.append(nn.Unflatten(1, shape))
        self.shape = shape
        return self

    def layer(self, module: nn.Module, shape: tuple[int, ...]) -> ChainBuilder:
        """Add a layer whose arrays are already in it and whose output has `shape`."""
        self._layers.append(module)
        self.shape = shape
        return self

    def _add(self, name: str, layer: nn.Module, weight: torch.Tensor, shape: tuple[int, ...]) -> ChainBuilder:
        if min(shape) < 1:
            raise ShapeMismatch(f"{name!r} leaves nothing of an image of {list(self.shape)}.")
        layer.weight.data = weight
        if self._has_bias(name):
            layer.bias.data = self.take(f"{name}.bias", 1)
            if len(layer.bias.data) != shape[0]:
                raise ShapeMismatch(f"The bias of {name!r} does not fit its weight {list(weight.shape)}.")
        self._layers.append(layer)
        self.shape = shape
        return self

    def _has_bias(self, name: str) -> bool:
        return f"{name}.bias" in self.weights

    def _grid(self, name: str) -> None:
        if len(self.shape) != 3:
            raise ShapeMismatch(f"{name!r} is a convolution, but the layer before gives {list(self.shape)}.")

    def _expect(self, name: str, features: int) -> None:
        if self.shape[0] != features:
            raise WidthMismatch(name, features, self.shape[0])
