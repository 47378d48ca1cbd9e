"""pythae (benchmark_VAE): its default fully connected networks, and the convolutional ones it ships for benchmarks.

Other networks are known to pythae only through encoder.pkl, which is code and is never unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch, image_side
from ifp.checkpoints.families.reading import (
    leftovers,
    lookup,
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
from ifp.errors import IfpError

_CONVOLUTION = (4, 2, 1)  # kernel, stride, padding of every convolution in the encoders
_DECODERS = {  # kernel -> side of the first grid, and (stride, padding, output padding) of each transposed convolution
    3: (4, ((2, 1, 0), (2, 1, 1), (2, 1, 1))),  # MNIST
    4: (8, ((2, 1, 0), (2, 1, 1), (1, 2, 0))),  # CIFAR
    5: (8, ((2, 2, 0), (2, 1, 0), (2, 2, 1), (1, 1, 0))),  # CelebA
}
_MEAN, _LOGVAR = "encoder.embedding", "encoder.log_var"
_BESIDE = ("discriminator.", "pseudo_inputs.", "iaf_flow.", "net.", "metric.")
_MIXTURE_PRIOR = "pseudo_inputs."
_PLAIN = {"VAEConfig": 1.0, "FactorVAEConfig": 1.0}
"""Models whose KL has this weight; FactorVAE adds its total correlation."""


def _recognises(source: Source) -> bool:
    names = source.weights
    shipped = f"{_MEAN}.weight" in names and any(name.startswith("encoder.layers.") for name in names)
    named = str(source.config.get("name", "")).endswith("Config") and "latent_dim" in source.config
    return shipped or (named and any(name.startswith("encoder.") for name in names))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    weights = source.weights
    _refuse_what_cannot_be_read(source)
    activation = options.activation or "relu"
    image_shape = _image_shape(source)
    used: set[str] = set()
    encoder = ChainBuilder(weights, image_shape, used)
    blocks = _blocks(weights, "encoder")
    if weights[f"{blocks[0]}.0.weight"].ndim == 2:
        encoder.flatten()
        for block in blocks:
            encoder.linear(f"{block}.0").activation(activation)
    else:
        for block in blocks:
            encoder.conv(f"{block}.0", *_CONVOLUTION[1:]).batch_norm(f"{block}.1").activation(activation)
        encoder.flatten()
    latents = int(encoder.take(f"{_MEAN}.weight", 2).shape[0])
    encoder.stacked_linear([_MEAN, _LOGVAR])
    if encoder.shape != (2 * latents,):
        raise ShapeMismatch(f"{_MEAN!r} has {latents} rows and {_LOGVAR!r} {encoder.shape[0] - latents}.")
    decoder = read_decoder(weights, latents, image_shape, lambda chain: _read_decoder(chain, activation), "decoder.")
    likelihood, beta, said = _likelihood_and_beta(source)
    pixels = pixels_of(options)
    beside = {name for name in weights if name.startswith(_BESIDE)}
    return [
        Vae(
            family=FAMILY.title,
            encoder=encoder.module(),
            decoder=decoder.module,
            num_latents=latents,
            image_shape=image_shape,
            head="halves",
            output="probabilities",
            likelihood=likelihood,
            beta=beta,
            pixel_mean=pixels.mean,
            pixel_std=pixels.std,
            assumptions=(
                *usual_assumptions(image_shape, latents, "two layers: embedding and log_var"),
                Assumption("activation", activation, "an option" if options.activation else "the code base"),
                pixels.said,
                *said,
                *_prior(weights),
                decoder.assumption("probabilities, by a sigmoid"),
            ),
            unused=leftovers(weights, used | decoder.used, "encoder.", beside),
        )
    ]


def _refuse_what_cannot_be_read(source: Source) -> None:
    weights, name = source.weights, str(source.config.get("name", ""))
    is_shipped = f"{_MEAN}.weight" in weights and f"{_LOGVAR}.weight" in weights
    if any("log_concentration" in array for array in weights):
        raise IfpError(f"{source.path} has von Mises-Fisher latents (SVAE), and only Gaussian ones are read here.")
    if any(array.startswith("quantizer.") for array in weights):
        raise IfpError(f"{source.path} has discrete codes (a codebook), and only Gaussian latents are read here.")
    if f"{_MEAN}.weight" in weights and not is_shipped:
        raise IfpError(
            f"{source.path} is an autoencoder without variances{f' ({name})' if name else ''}; "
            "give its codes with --codes file.npz."
        )
    if not is_shipped or not _is_known(weights):
        raise IfpError(
            f"{source.path} has an encoder of its own, which pythae keeps in encoder.pkl: that is arbitrary code and "
            "is never unpickled; give --encoder package.module:function, which returns mean and logvar, or "
            "--codes file.npz."
        )


def _is_known(weights: Weights) -> bool:
    """Whether the encoder has only layers of the kinds that the shipped networks have."""
    blocks = _blocks(weights, "encoder")
    if not blocks:
        return False
    shapes = [weights[f"{block}.0.weight"].shape for block in blocks]
    known = {f"{block}.{part}" for block in blocks for part in ("0", "1")} | {_MEAN, _LOGVAR}
    theirs = {name.rpartition(".")[0] for name in weights if name.startswith("encoder.")}
    linear = all(len(shape) == 2 for shape in shapes)
    convolutional = all(len(shape) == 4 and shape[-1] == _CONVOLUTION[0] for shape in shapes)
    normalised = all(f"{block}.1.weight" in weights for block in blocks)
    return theirs <= known and (linear or (convolutional and normalised))


def _blocks(weights: Weights, prefix: str) -> list[str]:
    """The names PREFIX.layers.0, PREFIX.layers.1, ... of the blocks that start with a layer with arrays."""
    count = 0
    while f"{prefix}.layers.{count}.0.weight" in weights:
        count += 1
    return [f"{prefix}.layers.{number}" for number in range(count)]


def _image_shape(source: Source) -> tuple[int, int, int]:
    """From the file's input_dim where it is an image's and fits, else from the shapes."""
    weights = source.weights
    blocks = _blocks(weights, "encoder")
    first = weights[f"{blocks[0]}.0.weight"].shape
    said = lookup(source.config, "input_dim")
    if len(first) == 2:
        if _is_image(said) and math.prod(said) == first[1]:
            return said[0], said[1], said[2]
        return flat_image(first[1], f"{blocks[0]}.0")
    if _is_image(said) and said[0] == first[1]:
        return said[0], said[1], said[2]
    mean = weights[f"{_MEAN}.weight"]
    channels = weights[f"{blocks[-1]}.0.weight"].shape[0]
    side = image_side(mean.shape[-1], channels, [_CONVOLUTION] * len(blocks))
    return int(first[1]), side, side


def _is_image(shape: object) -> bool:
    return (
        isinstance(shape, (list, tuple))
        and len(shape) == 3
        and all(isinstance(size, int) and 0 < size < 10**4 for size in shape)
    )


def _read_decoder(chain: ChainBuilder, activation: str) -> None:
    weights = chain.weights
    # a single linear layer stands in a block of its own in two of the networks and alone in the others
    first = "decoder.layers.0.0" if "decoder.layers.0.0.weight" in weights else "decoder.layers.0"
    chain.linear(first)
    rest: list[str] = []
    while f"decoder.layers.{len(rest) + 1}.0.weight" in weights:
        rest.append(f"decoder.layers.{len(rest) + 1}")
    if not rest:
        raise ShapeMismatch("The array 'decoder.layers.1.0.weight' is missing.")
    shape = weights[f"{rest[0]}.0.weight"].shape
    if len(shape) == 2:
        for block in rest:
            chain.activation(activation).linear(f"{block}.0")
        chain.activation("sigmoid")
        return
    side, steps = _DECODERS.get(shape[-1], (0, ()))
    if len(steps) != len(rest):
        raise ShapeMismatch(
            f"{len(rest)} blocks that begin with {rest[0] + '.0'!r} {list(shape)} are no shipped decoder."
        )
    chain.reshape(int(shape[0]), side, side)
    for block, (stride, padding, output_padding) in zip(rest, steps, strict=True):
        chain.conv_transpose(f"{block}.0", stride, padding, output_padding)
        if block != rest[-1]:
            chain.batch_norm(f"{block}.1").activation(activation)
    chain.activation("sigmoid")


def _prior(weights: Weights) -> tuple[Assumption, ...]:
    if not any(name.startswith(_MIXTURE_PRIOR) for name in weights):
        return ()
    return (Assumption("prior", "N(0, 1) here; a learnt mixture (VampPrior) in training", "the file"),)


def _likelihood_and_beta(source: Source) -> tuple[str, float | None, tuple[Assumption, ...]]:
    loss = word_at(source.config, "reconstruction_loss")
    likelihood = "bernoulli" if loss == "bce" else "gaussian"
    kind = Assumption(
        "likelihood",
        "bernoulli" if loss == "bce" else "gaussian (half the squared error)",
        "the code base" if loss is None else "the file",
    )
    name = str(source.config.get("name", ""))
    theirs = number_at(source.config, "beta") if name == "BetaVAEConfig" else _PLAIN.get(name)
    if theirs is None:
        words = f"not one weight of the KL in {name}" if name else "not said"
        return likelihood, None, (kind, Assumption("beta", words, "the file"))
    beta = to_nats(theirs, "pythae-bce" if loss == "bce" else "pythae-mse").beta
    half = (
        ""
        if loss == "bce"
        else " on summed squared errors (half of it for pythae up to 0.1.1, which did not halve them)"
    )
    return likelihood, beta, (kind, Assumption("beta", f"{beta:g}{half}", "the file"))


FAMILY = Family("pythae", "pythae (benchmark_VAE)", _recognises, _build)
