"""erow/disentanglement_lib, the code of the DEFT paper: one convolutional or fully connected encoder, and DeVAE's.

Three layouts of the convolutional encoder over the years: two linear layers after four convolutions; the same with the
last one called `fc`; five convolutions and one linear layer (or two). Its activation was LeakyReLU from April to July
2021 and ReLU otherwise, which the arrays do not show where the layout is the first. Encoders of several groups are read
by `ifp.checkpoints.families.erow_groups`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.families.reading import (
    Decoder,
    Pixels,
    latents_of_halves,
    leftovers,
    number_at,
    pixels_of,
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
_LAYER_CODES = "decode.stage_embed.weight"
"""DeVAE's: its decoder sees a learnt code of the layer beside the latents."""
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


def read_erow_decoder(source: Source, latents: int, image_shape: tuple[int, int, int], activation: str) -> Decoder:
    """The decoder `decode.net`, which gives logits."""

    def read(chain: ChainBuilder) -> None:
        output = word_at(source.config, "reconstruction_loss.activation")
        if output not in (None, "logits"):
            raise ShapeMismatch(f"Its reconstruction_loss.activation is {output!r}, and only 'logits' is read.")
        if _LAYER_CODES in chain.weights:
            _take_layer_0(chain)
        read_sequential(chain, "decode.net", activation, deconvolution, transposed=True)

    return read_decoder(source.weights, latents, image_shape, read, "decode.")


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
    elif any(name.startswith(("deft", "devae.")) for name in config):
        said = Assumption("beta", "several, one after the other (DEFT) or one a layer (DeVAE)", "the file")
    else:
        said = Assumption("beta", "not said", "the file")
    return likelihood, beta, (Assumption("likelihood", likelihood, origin), said)


def _recognises(source: Source) -> bool:
    return "encode.net.0.weight" in source.weights or "encode.net.1.weight" in source.weights


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    pixels = pixels_of(options)
    return [_read(source, pixels, *choice) for choice in _activations(source.weights, options)]


def _activations(weights: Weights, options: ReadingOptions) -> list[tuple[str, str]]:
    """(activation, where it is from), the most likely first."""
    if options.activation is not None:
        return [(options.activation, "an option")]
    kinds = layer_kinds(weights, "encode.net")
    first_layout = kinds.get(_FIRST_DOWN_TO_4 + 1) == "linear" and "encode.fc.weight" not in weights
    # the decoders with batch normalisation came after the time of LeakyReLU
    normalised = any(name.startswith("decode.net.") and name.endswith(".running_mean") for name in weights)
    if first_layout and not normalised:
        return [("relu", "a guess"), ("leaky_relu", "a guess")]
    return [("relu", "the code base")]


def _read(source: Source, pixels: Pixels, activation: str, origin: str) -> Vae:
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
    layers: tuple[Assumption, ...] = ()
    if _LAYER_CODES in weights:
        used.update(name for name in weights if name.startswith("encode.projs."))
        layers = (Assumption("layer", "0 of DeVAE's, the one without a projection", "the code base"),)
    decoder = read_erow_decoder(source, latents, image_shape, activation)
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
        pixel_mean=pixels.mean,
        pixel_std=pixels.std,
        assumptions=(
            *usual_assumptions(image_shape, latents, HEAD),
            Assumption("activation", activation, origin),
            *layers,
            pixels.said,
            *said,
            decoder.assumption("logits"),
        ),
        unused=leftovers(weights, used | decoder.used, "encode."),
    )


def _take_layer_0(chain: ChainBuilder) -> None:
    """DeVAE's decoder: what it sees of layer 0 is constant and becomes part of the first layer's bias."""
    first, latents = "decode.net.0", chain.shape[0]
    codes = chain.take(_LAYER_CODES, 2).numpy()
    weight, bias = chain.take(f"{first}.weight", 2).numpy(), chain.take(f"{first}.bias", 1).numpy()
    if len(codes) < 1 or weight.shape != (len(bias), latents + codes.shape[1]):
        raise ShapeMismatch(
            f"{first!r} should take {latents} latents and a row of {_LAYER_CODES!r} {list(codes.shape)}, and has the "
            f"shape {list(weight.shape)}."
        )
    chain.weights = {
        **chain.weights,
        f"{first}.weight": weight[:, :latents],
        f"{first}.bias": bias + weight[:, latents:] @ codes[0],
    }


FAMILY = Family("erow", "erow/disentanglement_lib", _recognises, _build)
