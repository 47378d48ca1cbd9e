"""AntixK/PyTorch-VAE: 3 x 3 convolutions of stride 2 with batch normalisation and LeakyReLU, two separate heads.

Its TC-VAE has no normalisation and one linear layer more. The models with other latents (VQ, categorical, joint, gamma,
conditional, ladder) are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch, image_side, square_side
from ifp.checkpoints.families.reading import (
    leftovers,
    number_at,
    pixels_of,
    read_decoder,
    usual_assumptions,
    word_at,
)
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

_STRIDE, _PADDING = 2, 1
_ENCODER = ("encoder.", "fc.", "fc_mu.", "fc_var.")
_DECODER = ("decoder.", "decoder_input.", "final_layer.")
_REFUSED = {
    "vq_layer.embedding.weight": "discrete codes (VQ-VAE)",
    "fc_z.weight": "no variances, or categorical latents beside the Gaussian ones",
    "fc_mu.0.weight": "gamma distributed latents",
    "embed_class.weight": "a decoder that sees the class (conditional VAE)",
    "encoders.0.encoder_mu.weight": "latents on several levels (LVAE)",
    "encoder_z1_layers.0.0.weight": "latents on several levels (HVAE)",
}
_MIXTURE_PRIOR = "embed_pseudo."
_BESIDE = ("discriminator.", _MIXTURE_PRIOR, "encoder2.", "decoder2.", "fc_mu2.", "fc_var2.", "feature_network.")
"""Beginnings of names of networks that belong to training or to a second model, not to encoder and decoder."""


def _recognises(source: Source) -> bool:
    plain = {"fc_mu.weight", "fc_var.weight", "encoder.0.0.weight"} <= set(source.weights)
    return plain or _refused(source.weights) is not None


def _refused(weights: Weights) -> str | None:
    ours = any(name.startswith(("decoder_input.", "final_layer.", "vq_layer.")) for name in weights)
    return next((what for name, what in _REFUSED.items() if ours and name in weights), None)


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if what := _refused(source.weights):
        raise IfpError(
            f"{source.path} is a model of {FAMILY.title} with {what}, which has no Gaussian posterior per latent to "
            "diagnose; give codes of your own with --codes file.npz."
        )
    activation = options.activation or "leaky_relu"
    weights = source.weights
    blocks = _blocks(weights, "encoder")
    image_shape = _image_shape(weights, blocks)
    used: set[str] = set()
    encoder = ChainBuilder(weights, image_shape, used)
    for block in blocks:
        encoder.conv(f"{block}.0", _STRIDE, _PADDING)
        _normalise(encoder, f"{block}.1").activation(activation)
    encoder.flatten()
    if "fc.weight" in weights:
        encoder.linear("fc")
    latents = int(encoder.take("fc_mu.weight", 2).shape[0])
    encoder.stacked_linear(["fc_mu", "fc_var"])
    if encoder.shape != (2 * latents,):
        raise ShapeMismatch(f"'fc_mu' has {latents} rows and 'fc_var' {encoder.shape[0] - latents}.")
    decoder = read_decoder(weights, latents, image_shape, lambda chain: _read_decoder(chain, activation), _DECODER)
    beside = {name for name in weights if name.startswith(_BESIDE)}
    beta, said = _beta(source, image_shape)
    pixels = pixels_of(options)
    return [
        Vae(
            family=FAMILY.title,
            encoder=encoder.module(),
            decoder=decoder.module,
            num_latents=latents,
            image_shape=image_shape,
            head="halves",
            output="values",
            likelihood="gaussian",
            beta=beta,
            pixel_mean=pixels.mean,
            pixel_std=pixels.std,
            assumptions=(
                *usual_assumptions(image_shape, latents, "two layers: fc_mu and fc_var"),
                Assumption("activation", activation, "an option" if options.activation else "the code base"),
                pixels.said,
                Assumption("likelihood", "gaussian (squared error)", "the code base"),
                *_prior(weights),
                said,
                decoder.assumption("pixel values in (-1, 1), by tanh"),
            ),
            unused=leftovers(weights, used | decoder.used, _ENCODER, beside),
        )
    ]


def _blocks(weights: Weights, prefix: str) -> list[str]:
    """The names PREFIX.0, PREFIX.1, ... of the convolutions with what follows them."""
    count = 0
    while f"{prefix}.{count}.0.weight" in weights:
        count += 1
    return [f"{prefix}.{number}" for number in range(count)]


def _image_shape(weights: Weights, blocks: Sequence[str]) -> tuple[int, int, int]:
    head = "fc.weight" if "fc.weight" in weights else "fc_mu.weight"
    shapes = [weights[f"{block}.0.weight"].shape for block in blocks]
    if not shapes or any(len(shape) != 4 for shape in shapes) or head not in weights or weights[head].ndim != 2:
        raise ShapeMismatch(f"'encoder' should have convolutions, and {head!r} two axes.")
    layers = [(shape[-1], _STRIDE, _PADDING) for shape in shapes]
    side = image_side(weights[head].shape[1], shapes[-1][0], layers)
    return int(shapes[0][1]), side, side


def _normalise(chain: ChainBuilder, name: str) -> ChainBuilder:
    return chain.batch_norm(name) if f"{name}.weight" in chain.weights else chain


def _read_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder_input")
    blocks = [*_blocks(chain.weights, "decoder"), "final_layer"]
    channels = chain.take(f"{blocks[0]}.0.weight", 4).shape[0]
    side = square_side(chain.shape[0], int(channels), "decoder_input")
    chain.reshape(int(channels), side, side)
    for block in blocks:
        chain.conv_transpose(f"{block}.0", _STRIDE, _PADDING, output_padding=1)
        _normalise(chain, f"{block}.1").activation(activation)
    # final_layer: transposed convolution, (normalisation,) activation, convolution, tanh
    last = "final_layer.3" if "final_layer.1.running_mean" in chain.weights else "final_layer.2"
    chain.conv(last, 1, 1).activation("tanh")


def _prior(weights: Weights) -> tuple[Assumption, ...]:
    if not any(name.startswith(_MIXTURE_PRIOR) for name in weights):
        return ()
    return (Assumption("prior", "N(0, 1) here; a learnt mixture (VampPrior) in training", "the file"),)


def _beta(source: Source, image_shape: tuple[int, int, int]) -> tuple[float | None, Assumption]:
    """beta of the configuration, by loss type H; of a plain VAE it is 1."""
    config = source.config
    name = word_at(config, "model_params.name") or ""
    theirs = number_at(config, "model_params.beta")
    by_type_h = name == "BetaVAE" and word_at(config, "model_params.loss_type") == "H" and theirs is not None
    if not (by_type_h or name == "VanillaVAE"):
        return None, Assumption("beta", "not said (a configuration's beta holds for loss type H only)", "the file")
    weight = number_at(config, "exp_params.kld_weight")
    beta = to_nats(theirs if by_type_h and theirs is not None else 1.0, "antixk", shape=image_shape, kld_weight=weight)
    return beta.beta, Assumption("beta", f"{beta.beta:g} on summed squared errors", "the file")


FAMILY = Family("antixk", "AntixK/PyTorch-VAE", _recognises, _build)
