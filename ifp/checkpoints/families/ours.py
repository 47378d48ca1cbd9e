"""Our own checkpoints, written by `ifp.checkpoints.native`.

Shapes: P = C x H x W pixels, H hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ifp.checkpoints.assemble import Habits, assemble
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.choices import hidden_activations
from ifp.checkpoints.family import Family
from ifp.checkpoints.image_shapes import ImageShape, stated_image
from ifp.checkpoints.native import FORMAT, VERSION
from ifp.checkpoints.settings import number_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training import Beta, Training, no_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.conv import DECODER_LAYERS, ENCODER_LAYERS

_LINEAR = ("encoder.0", "encoder.1", "encoder.mean", "encoder.logvar", "decoder.0", "decoder.1", "decoder.out")
_FOLDED = ("input_scale_P", "mean_P", "output_scale")


def _recognises(source: Source) -> bool:
    return source.config.get("format") == FORMAT


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if source.config.get("format_version") != VERSION:
        raise ShapeMismatch(
            f"It is of format version {source.config.get('format_version')!r}, and this ifp reads {VERSION}."
        )
    images = stated_image(source.config.get("image_shape"))
    if images is None:
        raise ShapeMismatch(
            f"Its image_shape should be [channels, rows, columns] and is {source.config.get('image_shape')!r}."
        )
    (activation,) = hidden_activations(options, "relu")
    is_conv = "encoder.head.weight" in source.weights
    plain = source if is_conv else replace(source, weights=_folded(source.weights))
    encoder = ChainBuilder(plain.weights, images.shape, set())
    (_conv_encoder if is_conv else _mlp_encoder)(encoder, activation.value)
    output = "values" if _likelihood(source) == "gaussian" else "logits"
    return [
        assemble(
            FAMILY.title, plain, options, encoder, images, activation,
            lambda chain: (_conv_decoder if is_conv else _mlp_decoder)(chain, activation.value),
            Habits(output=output), _training,
        )
    ]  # fmt: skip


def _conv_encoder(chain: ChainBuilder, activation: str) -> None:
    for name, _, _, stride, padding in ENCODER_LAYERS:
        chain.conv(f"encoder.{name}", stride, padding).activation(activation)
    chain.flatten().linear("encoder.head")


def _conv_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.head")
    chain.reshape(chain.shape[0], 1, 1)
    for name, _, _, stride, padding in DECODER_LAYERS:
        chain.activation(activation).conv_transpose(f"decoder.{name}", stride, padding)


def _mlp_encoder(chain: ChainBuilder, activation: str) -> None:
    chain.flatten().linear("encoder.0").activation(activation).linear("encoder.1").activation(activation)
    chain.stacked_linear(["encoder.mean", "encoder.logvar"])


def _mlp_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.0").activation(activation).linear("decoder.1").activation(activation).linear("decoder.out")


def _folded(weights: Weights) -> Weights:
    """Those of the linear networks, the member's input centring and output scale made part of first and last layer."""
    folded = {name: array for name, array in weights.items() if name not in _FOLDED}
    try:
        scale_P1 = weights["input_scale_P"].reshape(-1, 1)
        mean_P = weights["mean_P"].reshape(-1)
        output_scale = weights["output_scale"].reshape(())
        for layer in _LINEAR:
            # ours are [in, out]; PyTorch's linear layers hold [out, in]
            folded[f"{layer}.weight"] = weights[f"{layer}.weight"].T
            folded[f"{layer}.bias"] = weights[f"{layer}.bias"].reshape(-1)
        first_PH = weights["encoder.0.weight"] * scale_P1
        folded["encoder.0.weight"] = first_PH.T
        folded["encoder.0.bias"] = folded["encoder.0.bias"] - mean_P @ first_PH
        folded["decoder.out.weight"] = folded["decoder.out.weight"] * output_scale
        folded["decoder.out.bias"] = folded["decoder.out.bias"] * output_scale
    except (KeyError, ValueError) as error:
        raise ShapeMismatch(f"The arrays of its network do not fit together ({error}).") from error
    return folded


def _likelihood(source: Source) -> str:
    return "gaussian" if source.config.get("likelihood") == "gaussian" else "bernoulli"


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    """Ours divides the squared error by 2 sigma^2, where 1 is the unit in which `Vae` gives beta."""
    likelihood, beta, sigma = _likelihood(source), number_at(source.config, "beta"), 0.0
    spread = 1.0
    if likelihood == "gaussian":
        sigma = number_at(source.config, "sigma") or 0.0
        spread = 2 * sigma * sigma
    if beta is None or not 0 < spread < math.inf or not beta * spread < math.inf:
        return Training(likelihood, "the file", no_beta("not said (beta or sigma is missing or no number)"))
    units = f" (beta = {beta:g} where sigma = {sigma:g})" if likelihood == "gaussian" else ""
    said = Assumption("beta", f"{beta * spread:g}{units}", "the file")
    return Training(likelihood, "the file", Beta(beta * spread, said), 1 / spread)


FAMILY = Family("ifp", "ifp", _recognises, _build)
