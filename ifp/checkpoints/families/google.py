"""google-research/disentanglement_lib: TensorFlow variables by name, its convolutional and fully connected networks.

TensorFlow keeps images as [rows, columns, channels] and kernels as [k, k, in, out] (transposed ones [k, k, out, in]),
dense layers as [in, out]. They are turned into PyTorch's order here, with them the rows or columns of dense layers that
meet a grid. Its padding 'same' at stride 2 is, for even sides, 1 on every side for 4 x 4 kernels and none for 2 x 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.gin import check_output, stated_likelihood
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder, ShapeMismatch, array_of
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image, square_side
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Training, stated_beta
from ifp.checkpoints.vae import Assumption, Vae

_PREFIXES = ("", "module/")
_CONVOLUTIONS = ("encoder/e1", "encoder/e2", "encoder/e3", "encoder/e4")
_OPTIMISER = re.compile(r"/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?)$|(^|/)(beta[12]_power|global_step)(_\d+)?$")
_DISCRIMINATOR = re.compile(r"(^|/)discriminator/")


def _prefix(weights: Weights) -> str | None:
    return next((prefix for prefix in _PREFIXES if f"{prefix}encoder/e1/kernel" in weights), None)


def _recognises(source: Source) -> bool:
    return _prefix(source.weights) is not None


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    prefix = _prefix(source.weights)
    if prefix is None:
        raise ShapeMismatch("The array 'encoder/e1/kernel' is missing.")
    aside = {name for name in source.weights if _OPTIMISER.search(name) or _DISCRIMINATOR.search(name)}
    turned = replace(source, weights=_in_torch_order(source.weights, prefix, aside))
    (activation,) = hidden_activations(options, "relu")
    convolutional = turned.weights["encoder/e1.weight"].ndim == 4
    encoder, images = (_conv_encoder if convolutional else _dense_encoder)(turned.weights, activation.value)
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
            FAMILY.title, turned, options, encoder, images, activation, decode, habits, _training,
            notes=_left_aside(aside),
        )
    ]  # fmt: skip


def _in_torch_order(weights: Weights, prefix: str, aside: set[str]) -> dict[str, np.ndarray]:
    """encoder/e1/kernel -> encoder/e1.weight with its axes turned; /bias -> .bias; without the arrays in `aside`."""
    turned: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        inner = name.removeprefix(prefix)
        layer, _, part = inner.rpartition("/")
        if name in aside:
            continue
        if not (name.startswith(prefix) and inner.startswith(("encoder/", "decoder/"))):
            turned[name] = array
        elif part == "kernel":
            # [k, k, in, out] -> [out, in, k, k]; transposed: [k, k, out, in] -> [in, out, k, k]; dense [in, out]
            turned[f"{layer}.weight"] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        else:
            turned[f"{layer}.bias" if part == "bias" else inner] = array
    return turned


def _conv_encoder(weights: Weights, activation: str) -> tuple[ChainBuilder, Images]:
    dense = "encoder/e5"
    kernels = {name: int(array_of(weights, f"{name}.weight", 4).shape[-1]) for name in _CONVOLUTIONS}
    if wrong := [name for name, kernel in kernels.items() if kernel not in (2, 4)]:
        raise ShapeMismatch(f"{wrong[0]!r} is no layer of the convolutional encoder, which are 2 or 4 pixels wide.")
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
    """The same weights where `name` takes a grid flattened as channels, rows, columns, not rows, columns, channels."""
    weight = weights[f"{name}.weight"]
    side = square_side(weight.shape[1], channels, name)
    turned = weight.reshape(-1, side, side, channels).transpose(0, 3, 1, 2).reshape(weight.shape)
    return {**weights, f"{name}.weight": turned}


def _columns_to_grid(weights: Weights, name: str, channels: int) -> dict[str, np.ndarray]:
    """The same weights where `name` gives a grid flattened as channels, rows, columns."""
    turned = {}
    for part, axes in (("weight", 2), ("bias", 1)):
        array = array_of(weights, f"{name}.{part}", axes)
        side = square_side(array.shape[0], channels, name)
        grid = array.reshape(side, side, channels, -1).transpose(2, 0, 1, 3)
        turned[f"{name}.{part}"] = grid.reshape(array.shape)
    return {**weights, **turned}


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
