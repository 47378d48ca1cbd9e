"""Our own checkpoints, written by `ifp.checkpoints.native`.

Shapes: P = C x H x W pixels, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.family import Family
from ifp.checkpoints.native import FORMAT, VERSION
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption, Vae
from ifp.conv import DECODER_LAYERS, ENCODER_LAYERS


def _recognises(source: Source) -> bool:
    return source.config.get("format") == FORMAT


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if source.config.get("format_version") != VERSION:
        raise ShapeMismatch(
            f"It is of format version {source.config.get('format_version')!r}, and this ifp reads {VERSION}."
        )
    shape = source.config.get("image_shape")
    if not (isinstance(shape, list) and len(shape) == 3 and all(isinstance(n, int) and 0 < n < 10**4 for n in shape)):
        raise ShapeMismatch(f"Its image_shape should be [channels, rows, columns] and is {shape!r}.")
    channels, rows, columns = shape
    used: set[str] = set()
    is_conv = "encoder.head.weight" in source.weights
    parts = _conv_chains if is_conv else _mlp_chains
    encoder, decoder = parts(source.weights, (channels, rows, columns), used)
    if decoder.shape != (channels, rows, columns):
        raise ShapeMismatch(f"The decoder gives images of {list(decoder.shape)}, the encoder takes {shape}.")
    gaussian = source.config.get("likelihood") == "gaussian"
    beta, sigma = source.config.get("beta"), source.config.get("sigma", 1.0)
    in_file = "the file"
    return [
        Vae(
            family=FAMILY.title,
            encoder=encoder.module(),
            decoder=decoder.module(),
            num_latents=encoder.shape[0] // 2,
            image_shape=(channels, rows, columns),
            head="halves",
            output="values" if gaussian else "logits",
            likelihood="gaussian" if gaussian else "bernoulli",
            # our sigma in the unit of squared errors, sigma^2 = 1/2
            beta=None if beta is None else float(beta) * (2 * float(sigma) ** 2 if gaussian else 1.0),
            assumptions=(
                Assumption("head", "halves: all means, then all log variances", "the code base"),
                Assumption("variance", "log variance", "the code base"),
                Assumption("activation", "relu", "the code base"),
                Assumption("input", "pixels in [0, 1]", "the code base"),
                Assumption("likelihood", "gaussian" if gaussian else "bernoulli", in_file),
                Assumption("beta", "not said" if beta is None else f"{float(beta):g}", in_file),
            ),
            unused=tuple(sorted(set(source.weights) - used)),
        )
    ]


def _conv_chains(
    weights: Weights, image_shape: tuple[int, int, int], used: set[str]
) -> tuple[ChainBuilder, ChainBuilder]:
    encoder = ChainBuilder(weights, image_shape, used)
    for name, _, _, stride, padding in ENCODER_LAYERS:
        encoder.conv(f"encoder.{name}", stride, padding).activation("relu")
    encoder.flatten().linear("encoder.head")
    decoder = ChainBuilder(weights, (encoder.shape[0] // 2,), used).linear("decoder.head").activation("relu")
    decoder.reshape(decoder.shape[0], 1, 1)
    for name, _, _, stride, padding in DECODER_LAYERS:
        decoder.conv_transpose(f"decoder.{name}", stride, padding)
        if name != DECODER_LAYERS[-1][0]:
            decoder.activation("relu")
    return encoder, decoder


def _mlp_chains(
    weights: Weights, image_shape: tuple[int, int, int], used: set[str]
) -> tuple[ChainBuilder, ChainBuilder]:
    """The member's input centring and output scale are folded into its first and last layer."""
    folded: dict[str, np.ndarray] = {}
    try:
        scale_P1 = weights["input_scale_P"].reshape(-1, 1)
        mean_P = weights["mean_P"].reshape(-1)
        output_scale = weights["output_scale"].reshape(())
        for layer in (
            "encoder.0",
            "encoder.1",
            "encoder.mean",
            "encoder.logvar",
            "decoder.0",
            "decoder.1",
            "decoder.out",
        ):
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
    used.update(("input_scale_P", "mean_P", "output_scale"))
    encoder = ChainBuilder(folded, image_shape, used).flatten()
    encoder.linear("encoder.0").activation("relu").linear("encoder.1").activation("relu")
    encoder.stacked_linear(["encoder.mean", "encoder.logvar"])
    decoder = ChainBuilder(folded, (encoder.shape[0] // 2,), used)
    decoder.linear("decoder.0").activation("relu").linear("decoder.1").activation("relu").linear("decoder.out")
    return encoder, decoder.reshape(*image_shape)


FAMILY = Family("ifp", "ifp", _recognises, _build)
