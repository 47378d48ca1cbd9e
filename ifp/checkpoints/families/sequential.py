"""Rebuilds networks that were one `nn.Sequential`: arrays named PREFIX.<number>.weight, in the order of their numbers.

A number for which there are no arrays is a layer without arrays: a flattening or reshaping if the next layer needs it,
otherwise an activation.

Shapes are those of one image or code: (C, H, W) or (features,).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image, square_side
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.source import Weights

MAX_LAYERS = 100
"""Layers must have numbers smaller than this."""

Convolution = Callable[[int, int, int], tuple[int, int]]
"""Gives stride and padding of a convolution by the number of the layer, its kernel and the side of its input."""


def layer_kinds(weights: Weights, prefix: str) -> dict[int, str]:
    """The kinds of the layers under `prefix` that have arrays, by number and in order.

    The kinds are "conv", "linear", "batch_norm", "layer_norm", and "view" for erow's View, which stores its shape as an
    array.

    Raises
    ------
    ShapeMismatch : if a number is not smaller than MAX_LAYERS, or a layer has no weight.
    """
    numbered = re.compile(re.escape(prefix) + r"\.([0-9]{1,9})\.")
    numbers = {int(match[1]) for match in map(numbered.match, weights) if match}
    if max(numbers, default=0) >= MAX_LAYERS:
        raise ShapeMismatch(f"{prefix!r} has a layer numbered {max(numbers)}, and at most {MAX_LAYERS} are read.")
    return {number: _kind(weights, f"{prefix}.{number}") for number in sorted(numbers)}


def _kind(weights: Weights, name: str) -> str:
    if f"{name}.shape" in weights:
        return "view"
    if f"{name}.weight" not in weights:
        raise ShapeMismatch(f"The array {name + '.weight'!r} is missing.")
    ndim = weights[f"{name}.weight"].ndim
    bias_ndim = weights[f"{name}.bias"].ndim if f"{name}.bias" in weights else 1
    if ndim == 4:
        return "conv"
    if ndim == 3 or bias_ndim > 1:
        return "layer_norm"
    return "linear" if ndim == 2 else "batch_norm"


def read_sequential(
    chain: ChainBuilder, prefix: str, activation: str, convolution: Convolution, transposed: bool = False
) -> ChainBuilder:
    """Add the layers under `prefix` to `chain`; `transposed` says whether its convolutions are transposed.

    Raises
    ------
    ShapeMismatch : if there are no such arrays, or they do not fit together.
    """
    kinds = layer_kinds(chain.weights, prefix)
    if not kinds:
        raise ShapeMismatch(f"There is no array {prefix + '.<number>.weight'!r}.")
    for number in range(max(kinds) + 1):
        name, kind = f"{prefix}.{number}", kinds.get(number)
        if kind == "conv":
            stride, padding = convolution(number, chain.weights[f"{name}.weight"].shape[-1], chain.shape[-1])
            (chain.conv_transpose if transposed else chain.conv)(name, stride, padding)
        elif kind == "linear":
            chain.linear(name)
        elif kind == "batch_norm":
            chain.batch_norm(name)
        elif kind == "layer_norm":
            chain.layer_norm(name)
        elif kind == "view":
            _view(chain, f"{name}.shape")
        else:
            _layer_without_arrays(chain, f"{prefix}.{number + 1}.weight", kinds.get(number + 1), activation)
    return chain


def _layer_without_arrays(chain: ChainBuilder, next_weight: str, next_kind: str | None, activation: str) -> None:
    if next_kind == "linear" and len(chain.shape) == 3:
        chain.flatten()
    elif next_kind == "conv" and len(chain.shape) == 1:
        channels = int(chain.weights[next_weight].shape[0])
        side = square_side(chain.shape[0], channels, next_weight)
        chain.reshape(channels, side, side)
    else:
        chain.activation(activation)


def _view(chain: ChainBuilder, name: str) -> None:
    shape = [int(size) for size in chain.take(name, 1)[1:]]  # the first size is that of the batch
    if min(shape, default=0) < 1:
        raise ShapeMismatch(f"{name!r} holds {shape}, which is not a shape.")
    chain.reshape(*shape)


def sequential_image(weights: Weights, prefix: str, convolution: Convolution, user: ImageShape | None = None) -> Images:
    """The images that the layers under `prefix` take, with convolutions before the first linear layer or without.

    Parameters
    ----------
    convolution : must not depend on the side of the input.
    user : the shape that the user states.

    Raises
    ------
    ShapeMismatch : if there are no such layers, or no images fit.
    """
    kinds = layer_kinds(weights, prefix)
    convolutions = [number for number, kind in kinds.items() if kind == "conv"]
    linear = f"{prefix}.{next((number for number, kind in kinds.items() if kind == 'linear'), 0)}"
    if not convolutions:
        return flat_image(weights, linear, user=user)
    kernels = [int(weights[f"{prefix}.{number}.weight"].shape[-1]) for number in convolutions]
    layers = [
        (f"{prefix}.{number}", *convolution(number, kernel, 0))
        for number, kernel in zip(convolutions, kernels, strict=True)
    ]
    return convolved_image(weights, layers, linear, user=user)


def numbered_blocks(weights: Weights, prefix: str, first: int = 0) -> list[str]:
    """The names of the blocks PREFIX.0, PREFIX.1, ... (from `first` on) whose first layer has arrays."""
    end = first
    while f"{prefix}.{end}.0.weight" in weights:
        end += 1
    return [f"{prefix}.{number}" for number in range(first, end)]
