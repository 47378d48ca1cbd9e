"""google-research/disentanglement_lib: TensorFlow variables by name, its convolutional and fully connected networks.

TensorFlow keeps images as [rows, columns, channels] and kernels as [k, k, in, out] (transposed ones [k, k, out, in]),
dense layers as [in, out]. They are turned into PyTorch's order here, with them the rows or columns of dense layers that
meet a grid. Its padding 'same' at stride 2 is, for even sides, 1 on every side for 4 x 4 kernels and none for 2 x 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch, image_side
from ifp.checkpoints.families.reading import (
    leftovers,
    number_at,
    pixels_of,
    read_decoder,
    usual_assumptions,
    word_at,
)
from ifp.checkpoints.families.sequential import flat_image
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source, Weights
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
    weights = _in_torch_order(source.weights, prefix)
    activation = options.activation or "relu"
    used: set[str] = set()
    if weights["encoder/e1.weight"].ndim == 4:
        encoder, image_shape, heads = _convolutional_encoder(weights, activation, used)
    else:
        encoder, image_shape, heads = _dense_encoder(weights, activation, used)
    latents = int(encoder.take(f"{heads[0]}.weight", 2).shape[0])
    encoder.stacked_linear(heads)
    if encoder.shape != (2 * latents,):
        raise ShapeMismatch(f"{heads[0]!r} has {latents} columns and {heads[1]!r} {encoder.shape[0] - latents}.")
    output_activation = word_at(source.config, "reconstruction_loss.activation")

    def read(chain: ChainBuilder) -> None:
        if output_activation not in (None, "logits"):
            raise ShapeMismatch(
                f"Its reconstruction_loss.activation is {output_activation!r}, and only 'logits' is read."
            )
        _read_decoder(chain, image_shape, activation if options.activation else None)

    decoder = read_decoder(weights, latents, image_shape, read, "decoder/")
    aside = {name for name in source.weights if _OPTIMISER.search(name) or _DISCRIMINATOR.search(name)}
    likelihood, beta, said = _likelihood_and_beta(source)
    pixels = pixels_of(options)
    return [
        Vae(
            family=FAMILY.title,
            encoder=encoder.module(),
            decoder=decoder.module,
            num_latents=latents,
            image_shape=image_shape,
            head="halves",
            likelihood=likelihood,
            beta=beta,
            pixel_mean=pixels.mean,
            pixel_std=pixels.std,
            assumptions=(
                *usual_assumptions(image_shape, latents, f"two layers: {heads[0]} and {heads[1]}"),
                Assumption("activation", activation, "an option" if options.activation else "the code base"),
                pixels.said,
                *said,
                decoder.assumption("logits"),
                *_left_aside(aside),
            ),
            unused=leftovers(
                source.weights, _in_tensorflow_names(used | decoder.used, prefix), f"{prefix}encoder/", aside
            ),
        )
    ]


def _in_torch_order(weights: Weights, prefix: str) -> dict[str, np.ndarray]:
    """encoder/e1/kernel -> encoder/e1.weight with its axes turned; /bias -> .bias."""
    turned: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        layer, _, part = name.removeprefix(prefix).rpartition("/")
        if name.startswith(prefix) and part == "kernel":
            # [k, k, in, out] -> [out, in, k, k]; transposed: [k, k, out, in] -> [in, out, k, k]; dense [in, out]
            turned[f"{layer}.weight"] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        elif name.startswith(prefix) and part == "bias":
            turned[f"{layer}.bias"] = array
    return turned


def _in_tensorflow_names(names: set[str] | frozenset[str], prefix: str) -> set[str]:
    """The names of arrays in the file from those of `_in_torch_order`."""
    parts = {"weight": "kernel", "bias": "bias"}
    return {f"{prefix}{name.rpartition('.')[0]}/{parts[name.rpartition('.')[2]]}" for name in names}


def _convolutional_encoder(
    weights: dict[str, np.ndarray], activation: str, used: set[str]
) -> tuple[ChainBuilder, tuple[int, int, int], list[str]]:
    dense = "encoder/e5"
    shapes = [weights[f"{name}.weight"].shape if f"{name}.weight" in weights else () for name in _CONVOLUTIONS]
    wrong = [
        name
        for name, shape in zip(_CONVOLUTIONS, shapes, strict=True)
        if len(shape) != 4 or shape[2:] not in ((2, 2), (4, 4))
    ]
    if wrong or weights.get(f"{dense}.weight", np.empty(0)).ndim != 2:
        raise ShapeMismatch(f"{wrong[0] if wrong else dense!r} is missing or is no layer of the convolutional encoder.")
    layers = [(shape[-1], 2, shape[-1] // 2 - 1) for shape in shapes]
    side = image_side(weights[f"{dense}.weight"].shape[1], shapes[-1][0], layers)
    if side % 16:
        raise ShapeMismatch(
            f"Images of {side} x {side} are not halved evenly by {_CONVOLUTIONS[0]!r} and those after it."
        )
    image_shape = (int(shapes[0][1]), side, side)
    encoder = ChainBuilder(_rows_from_grid(weights, dense, int(shapes[-1][0])), image_shape, used)
    for name, (_, stride, padding) in zip(_CONVOLUTIONS, layers, strict=True):
        encoder.conv(name, stride, padding).activation(activation)
    encoder.flatten().linear(dense).activation(activation)
    return encoder, image_shape, ["encoder/means", "encoder/log_var"]


def _dense_encoder(
    weights: dict[str, np.ndarray], activation: str, used: set[str]
) -> tuple[ChainBuilder, tuple[int, int, int], list[str]]:
    first = "encoder/e1"
    if weights[f"{first}.weight"].ndim != 2:
        raise ShapeMismatch(f"{first!r} should be a convolution or a dense layer.")
    image_shape = flat_image(weights[f"{first}.weight"].shape[-1], first)
    encoder = ChainBuilder(_rows_from_grid(weights, first, image_shape[0]), image_shape, used).flatten()
    encoder.linear(first).activation(activation).linear("encoder/e2").activation(activation)
    return encoder, image_shape, ["encoder/dense", "encoder/dense_1"]


def _rows_from_grid(weights: dict[str, np.ndarray], name: str, channels: int) -> dict[str, np.ndarray]:
    """The same weights where `name` takes a grid flattened as channels, rows, columns, not rows, columns, channels."""
    weight = weights[f"{name}.weight"]
    side = _side(weight.shape[1], channels, name)
    turned = weight.reshape(-1, side, side, channels).transpose(0, 3, 1, 2).reshape(weight.shape)
    return {**weights, f"{name}.weight": turned}


def _columns_to_grid(weights: Weights, name: str, channels: int) -> dict[str, np.ndarray]:
    """The same weights where `name` gives a grid flattened as channels, rows, columns."""
    found = {part: weights[f"{name}.{part}"] for part in ("weight", "bias") if f"{name}.{part}" in weights}
    turned = {}
    for part, array in found.items():
        side = _side(array.shape[0], channels, name)
        grid = array.reshape(side, side, channels, -1).transpose(2, 0, 1, 3)
        turned[f"{name}.{part}"] = grid.reshape(array.shape)
    return {**weights, **turned}


def _side(features: int, channels: int, name: str) -> int:
    side = round((features / max(channels, 1)) ** 0.5)
    if side < 1 or side * side * channels != features:
        raise ShapeMismatch(f"{name!r} has {features} values where a square grid of {channels} channels is flattened.")
    return side


def _read_decoder(chain: ChainBuilder, image_shape: tuple[int, int, int], activation: str | None) -> None:
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
    channels = int(chain.take(f"{names[0]}.weight", 4).shape[0])
    chain.weights = _columns_to_grid(chain.weights, "decoder/dense_1", channels)
    for name in ("decoder/dense", "decoder/dense_1"):
        chain.linear(name).activation(activation or "relu")
    side = _side(chain.shape[0], channels, "decoder/dense_1")
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


def _likelihood_and_beta(source: Source) -> tuple[str, float | None, tuple[Assumption, ...]]:
    loss = word_at(source.config, "reconstruction_loss.loss_fn") or ""
    likelihood = "gaussian" if "l2" in loss else "bernoulli"
    kind = Assumption("likelihood", likelihood, "the file" if loss else "the code base")
    theirs = number_at(source.config, "vae.beta")
    if theirs is None:
        return likelihood, None, (kind, Assumption("beta", "not said", "the file"))
    beta = to_nats(theirs, "disentanglement-lib-l2" if "l2" in loss else "disentanglement-lib-bernoulli").beta
    return likelihood, beta, (kind, Assumption("beta", f"{beta:g}", "the file"))


FAMILY = Family("google", "google-research/disentanglement_lib", _recognises, _build)
