"""google-research/disentanglement_lib: its convolutional and fully connected networks, as TensorFlow variables.

TensorFlow keeps images as [rows, columns, channels], the kernels of convolutions as [k, k, in, out], those of
transposed convolutions as [k, k, out, in], and those of dense layers as [in, out]. They are permuted to PyTorch's order
here, and so are the rows or columns of dense layers that take or give a grid. For images with even sides, padding
'same' at stride 2 means a padding of 1 for 4 x 4 kernels and of 0 for 2 x 2 kernels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.gin import check_output, stated_likelihood
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image, square_side
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, array_of
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Training, stated_beta
from ifp.checkpoints.vae import Assumption, Vae

_PREFIXES = ("", "module/")
"""Prefixes of the names of variables, the second in exported modules."""
_CONVOLUTIONS = ("encoder/e1", "encoder/e2", "encoder/e3", "encoder/e4")
"""The convolutions of the encoder."""
_OPTIMISER = re.compile(r"/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?)$|(^|/)(beta[12]_power|global_step)(_\d+)?$")
"""Matches the names of variables of optimisers."""
_DISCRIMINATOR = re.compile(r"(^|/)discriminator/")
"""Matches the names of variables of FactorVAE's discriminator."""


def _prefix(weights: Weights) -> str | None:
    return next((prefix for prefix in _PREFIXES if f"{prefix}encoder/e1/kernel" in weights), None)


def _recognises(source: Source) -> bool:
    return _prefix(source.weights) is not None


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    prefix = _prefix(source.weights)
    if prefix is None:
        raise ShapeMismatch("The array 'encoder/e1/kernel' is missing.")
    aside = {name for name in source.weights if _OPTIMISER.search(name) or _DISCRIMINATOR.search(name)}
    permuted = replace(source, weights=_in_torch_order(source.weights, prefix, aside))
    (activation,) = hidden_activations(options, "relu")
    convolutional = permuted.weights["encoder/e1.weight"].ndim == 4
    encoder, images = (_conv_encoder if convolutional else _dense_encoder)(permuted.weights, activation.value)
    heads = ["encoder/means", "encoder/log_var"] if convolutional else ["encoder/dense", "encoder/dense_1"]
    encoder.stacked_linear(heads)
    in_decoder = activation.value if activation.source == "an option" else None

    def decode(chain: ChainBuilder) -> None:
        check_output(source.config)
        _decode(chain, images.shape, in_decoder)

    habits = Habits(
        about_head=f", of the two layers {heads[0]} and {heads[1]}",
        named_head=True,
        encoder=("encoder/",),
        decoder=("decoder/",),
    )
    return [
        assemble(
            FAMILY.title, permuted, options, encoder, images, activation, decode, habits, _training,
            notes=_left_aside(aside),
        )
    ]  # fmt: skip


def _in_torch_order(weights: Weights, prefix: str, aside: set[str]) -> dict[str, np.ndarray]:
    """The arrays under PyTorch's names and with its order of axes, without those in `aside`.

    encoder/e1/kernel becomes encoder/e1.weight, and encoder/e1/bias becomes encoder/e1.bias.
    """
    permuted: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        inner = name.removeprefix(prefix)
        layer, _, part = inner.rpartition("/")
        if name in aside:
            continue
        if not (name.startswith(prefix) and inner.startswith(("encoder/", "decoder/"))):
            permuted[name] = array
        elif part == "kernel":
            # [k, k, in, out] -> [out, in, k, k]; transposed: [k, k, out, in] -> [in, out, k, k]; dense: [in, out]
            permuted[f"{layer}.weight"] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        else:
            permuted[f"{layer}.bias" if part == "bias" else inner] = array
    return permuted


def _conv_encoder(weights: Weights, activation: str) -> tuple[ChainBuilder, Images]:
    dense = "encoder/e5"
    kernels = {name: int(array_of(weights, f"{name}.weight", 4).shape[-1]) for name in _CONVOLUTIONS}
    if wrong := [name for name, kernel in kernels.items() if kernel not in (2, 4)]:
        raise ShapeMismatch(f"{wrong[0]!r} is no layer of the convolutional encoder, whose kernels are 2 or 4 wide.")
    layers = [(name, 2, kernel // 2 - 1) for name, kernel in kernels.items()]
    images = convolved_image(weights, layers, dense)
    if images.shape[1] % 16:
        raise ShapeMismatch(f"Images of side {images.shape[1]} are not halved evenly by {_CONVOLUTIONS}.")
    channels = int(weights[f"{_CONVOLUTIONS[-1]}.weight"].shape[0])
    encoder = ChainBuilder(_rows_from_grid(weights, dense, channels), images.shape, set())
    for layer in layers:
        encoder.conv(*layer).activation(activation)
    return encoder.flatten().linear(dense).activation(activation), images


def _dense_encoder(weights: Weights, activation: str) -> tuple[ChainBuilder, Images]:
    first = "encoder/e1"
    images = flat_image(weights, first)
    encoder = ChainBuilder(_rows_from_grid(weights, first, images.shape[0]), images.shape, set()).flatten()
    for layer in (first, "encoder/e2"):
        encoder.linear(layer).activation(activation)
    return encoder, images


def _rows_from_grid(weights: Weights, name: str, channels: int) -> dict[str, np.ndarray]:
    """The same weights, but the layer `name` takes a grid flattened as (channels, rows, columns) as PyTorch does it.

    TensorFlow flattens it as (rows, columns, channels).
    """
    weight = weights[f"{name}.weight"]
    side = square_side(weight.shape[1], channels, name)
    permuted = weight.reshape(-1, side, side, channels).transpose(0, 3, 1, 2).reshape(weight.shape)
    return {**weights, f"{name}.weight": permuted}


def _columns_to_grid(weights: Weights, name: str, channels: int) -> dict[str, np.ndarray]:
    """The same weights, but the layer `name` gives a grid flattened as (channels, rows, columns)."""
    permuted = {}
    for part, axes in (("weight", 2), ("bias", 1)):
        array = array_of(weights, f"{name}.{part}", axes)
        side = square_side(array.shape[0], channels, name)
        grid = array.reshape(side, side, channels, -1).transpose(2, 0, 1, 3)
        permuted[f"{name}.{part}"] = grid.reshape(array.shape)
    return {**weights, **permuted}


def _decode(chain: ChainBuilder, image_shape: ImageShape, activation: str | None) -> None:
    """Two dense layers and four transposed convolutions with ReLU, or four dense layers with tanh."""
    names = ["decoder/conv2d_transpose", *(f"decoder/conv2d_transpose_{number}" for number in (1, 2, 3))]
    if f"{names[0]}.weight" not in chain.weights:
        dense = ["decoder/dense", *(f"decoder/dense_{number}" for number in (1, 2, 3))]
        chain.weights = _columns_to_grid(chain.weights, dense[-1], image_shape[0])
        for name in dense:
            chain.linear(name)
            if name != dense[-1]:
                chain.activation(activation or "tanh")
        return
    channels = int(array_of(chain.weights, f"{names[0]}.weight", 4).shape[0])
    chain.weights = _columns_to_grid(chain.weights, "decoder/dense_1", channels)
    for name in ("decoder/dense", "decoder/dense_1"):
        chain.linear(name).activation(activation or "relu")
    side = square_side(chain.shape[0], channels, "decoder/dense_1")
    chain.reshape(channels, side, side)
    for name in names:
        chain.conv_transpose(name, 2, 1)
        if name != names[-1]:
            chain.activation(activation or "relu")


def _left_aside(names: set[str]) -> tuple[Assumption, ...]:
    """A note on the arrays that are not part of the model; () if there are none."""
    if not names:
        return ()
    discriminator = sum(bool(_DISCRIMINATOR.search(name)) for name in names)
    parts = [(len(names) - discriminator, "the optimiser"), (discriminator, "the discriminator")]
    words = ", ".join(f"{count} array{'s' * (count != 1)} of {what}" for count, what in parts if count)
    return (Assumption("left aside", words, "the file"),)


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    stated = stated_likelihood(source.config)
    likelihood = stated or "bernoulli"
    convention = f"disentanglement-lib-{'bernoulli' if likelihood == 'bernoulli' else 'l2'}"
    beta = stated_beta(number_at(source.config, "vae.beta"), "vae.beta", convention, image_shape, latents)
    return Training(likelihood, "the file" if stated else "the code base", beta)


FAMILY = Family("google", "google-research/disentanglement_lib", _recognises, _build)
