"""erow/disentanglement_lib, the code of the DEFT paper: one convolutional or fully connected encoder, and DeVAE's.

Three layouts of the convolutional encoder over the years: two linear layers after four convolutions; the same with the
last one called `fc`; five convolutions and one linear layer (or two). Its activation was LeakyReLU from April to July
2021 and ReLU otherwise, which the arrays do not show where the layout is the first. Encoders of several groups are read
by `ifp.checkpoints.families.erow_groups`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.families.reading import (
    Decoder,
    latents_of_halves,
    leftovers,
    number_at,
    plain_pixels,
    read_decoder,
    usual_assumptions,
    word_at,
)
from ifp.checkpoints.families.sequential import convolved_image, flat_image, layer_kinds, read_sequential
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

HEAD = "halves: all means, then all log variances"
_FIRST_DOWN_TO_4 = 8
"""Number of the layer, a 4 x 4 convolution without stride, that the later layouts add after the four that halve."""
_COLOURFUL = ("color", "noisy", "scream", "shapes3d", "celeba", "finger", "imagenet", "cars3d", "mpi3d")


def convolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """(stride, padding) of the encoder's convolution with this number."""
    return (1, 0) if number >= _FIRST_DOWN_TO_4 else (2, 1)


def deconvolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """(stride, padding) of the decoder's: the one that starts from a single pixel has no stride."""
    return (1, 0) if side == 1 else (2, 1)


def encoder_image(weights: Weights, prefix: str) -> tuple[int, int, int]:
    """Shape of the images that the encoder under `prefix` takes."""
    kinds = layer_kinds(weights, prefix)
    if "conv" in kinds.values():
        return convolved_image(weights, prefix, convolution)
    first = f"{prefix}.{next(iter(kinds), 1)}"
    shape = weights[f"{first}.weight"].shape if f"{first}.weight" in weights else ()
    if len(shape) != 2:
        raise ShapeMismatch(f"{first!r} should be a convolution or a linear layer and has the shape {list(shape)}.")
    return flat_image(shape[1], first)


def read_encoder(chain: ChainBuilder, prefix: str, activation: str) -> ChainBuilder:
    """One encoder: `prefix`.net and, in the second layout, `prefix`.fc."""
    read_sequential(chain, f"{prefix}.net", activation, convolution)
    if f"{prefix}.fc.weight" in chain.weights:
        chain.activation(activation).linear(f"{prefix}.fc")
    return chain


def read_erow_decoder(
    source: Source, weights: Weights, latents: int, image_shape: tuple[int, int, int], activation: str
) -> Decoder:
    """The decoder `decode.net`, which gives logits."""

    def read(chain: ChainBuilder) -> None:
        output = word_at(source.config, "reconstruction_loss.activation")
        if output not in (None, "logits"):
            raise ShapeMismatch(f"Its reconstruction_loss.activation is {output!r}, and only 'logits' is read.")
        read_sequential(chain, "decode.net", activation, deconvolution, transposed=True)

    return read_decoder(weights, latents, image_shape, read)


def likelihood_and_beta(config: Mapping[str, Any]) -> tuple[str, float | None, tuple[Assumption, ...]]:
    """Likelihood, beta in our units, and where they are from, by the run's gin configuration."""
    loss = word_at(config, "reconstruction_loss.loss_fn") or ""
    data = word_at(config, "dataset.name") or ""
    if "l2" in loss or "bernoulli" in loss:
        likelihood, origin = ("gaussian" if "l2" in loss else "bernoulli"), "the file"
    elif any(word in data for word in _COLOURFUL):
        likelihood, origin = "gaussian", "a guess"  # what the configurations of coloured data choose
    else:
        likelihood, origin = "bernoulli", "the code base"
    beta = number_at(config, "vae.beta")
    if beta is not None:
        beta = to_nats(beta, "erow-bernoulli" if likelihood == "bernoulli" else "erow-l2").beta
        said = Assumption("beta", f"{beta:g}", "the file")
    elif any(name.startswith("deft") for name in config):
        said = Assumption("beta", "fell in stages (DEFT)", "the file")
    else:
        said = Assumption("beta", "not said", "the file")
    return likelihood, beta, (Assumption("likelihood", likelihood, origin), said)


def _recognises(source: Source) -> bool:
    return "encode.net.0.weight" in source.weights or "encode.net.1.weight" in source.weights


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    return [_read(source, *choice) for choice in _activations(source.weights, options)]


def _activations(weights: Weights, options: ReadingOptions) -> list[tuple[str, str]]:
    """(activation, where it is from), the most likely first."""
    if options.activation is not None:
        return [(options.activation, "an option")]
    kinds = layer_kinds(weights, "encode.net")
    first_layout = kinds.get(_FIRST_DOWN_TO_4 + 1) == "linear" and "encode.fc.weight" not in weights
    # the decoders with batch normalisation came after the time of LeakyReLU
    if first_layout and "batch_norm" not in layer_kinds(weights, "decode.net").values():
        return [("relu", "a guess"), ("leaky_relu", "a guess")]
    return [("relu", "the code base")]


def _read(source: Source, activation: str, origin: str) -> Vae:
    weights = source.weights
    image_shape = encoder_image(weights, "encode.net")
    used: set[str] = set()
    encoder = read_encoder(ChainBuilder(weights, image_shape, used), "encode", activation)
    if "encode.head.weight" in weights or len(encoder.shape) != 1:
        raise IfpError(
            f"{source.path} holds an encoder that gives codes without variances (ConvEncoder), which is no VAE's; "
            "give its codes with --codes file.npz."
        )
    latents = latents_of_halves(encoder.shape[0], "encode.net")
    stages, aside = "decode.stage_embed.weight", set[str]()
    layers: tuple[Assumption, ...] = ()
    decoder_weights = weights
    if stages in weights:
        aside = {stages, *(name for name in weights if name.startswith("encode.projs."))}
        layers = (Assumption("layer", "0 of DeVAE's, the one without a projection", "the code base"),)
        decoder_weights = _decoder_of_layer_0(weights, latents)
    decoder = read_erow_decoder(source, decoder_weights, latents, image_shape, activation)
    likelihood, beta, said = likelihood_and_beta(source.config)
    return Vae(
        family=FAMILY.title,
        encoder=encoder.module(),
        decoder=decoder.module,
        num_latents=latents,
        image_shape=image_shape,
        head="halves",
        likelihood=likelihood,
        beta=beta,
        assumptions=(
            *usual_assumptions(image_shape, latents, HEAD),
            Assumption("activation", activation, origin),
            *layers,
            plain_pixels(),
            *said,
            decoder.assumption("logits"),
        ),
        unused=leftovers(weights, used | decoder.used, aside),
    )


def _decoder_of_layer_0(weights: Weights, latents: int) -> dict[str, np.ndarray]:
    """DeVAE's decoder sees the code and a learnt vector for the layer: that of layer 0 becomes part of the bias."""
    stages, first = "decode.stage_embed.weight", "decode.net.0"
    layer, weight, bias = weights[stages], weights.get(f"{first}.weight"), weights.get(f"{first}.bias")
    if weight is None or bias is None or layer.ndim != 2 or weight.shape[1:] != (latents + layer.shape[1],):
        raise ShapeMismatch(
            f"{first!r} should take {latents} latents and a row of {stages!r} {list(layer.shape)}, and has the shape "
            f"{[] if weight is None else list(weight.shape)}."
        )
    rest = {name: array for name, array in weights.items() if name != stages}
    return {
        **rest,
        f"{first}.weight": weight[:, :latents],
        f"{first}.bias": bias + weight[:, latents:] @ layer[0],
    }


FAMILY = Family("erow", "erow/disentanglement_lib", _recognises, _build)
