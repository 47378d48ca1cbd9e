"""AntixK/PyTorch-VAE: 3 x 3 convolutions of stride 2 with batch normalisation and LeakyReLU, two separate heads.

Its TC-VAE has no normalisation and one linear layer more. The models with other latents (VQ, categorical, joint, gamma,
conditional, ladder) are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.sequential import numbered_blocks
from ifp.checkpoints.families.unknown import CODES_OF_DISCRETE
from ifp.checkpoints.rebuild.assemble import Habits, assemble, learnt_prior, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder, array_of
from ifp.checkpoints.rebuild.image_shapes import ImageShape, convolved_image, square_side
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

_STRIDE, _PADDING = 2, 1
_HABITS = Habits(
    output="values",
    about_head=", of the two layers fc_mu and fc_var",
    named_head=True,
    encoder=("encoder.", "fc.", "fc_mu.", "fc_var."),
    decoder=("decoder.", "decoder_input.", "final_layer."),
)
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
            "diagnose; "
            + (f"{CODES_OF_DISCRETE}." if "discrete" in what else "give codes of your own with --codes file.npz.")
        )
    (activation,) = hidden_activations(options, "leaky_relu")
    weights = source.weights
    layers = [(f"{block}.0", _STRIDE, _PADDING) for block in numbered_blocks(weights, "encoder")]
    images = convolved_image(weights, layers, "fc" if "fc.weight" in weights else "fc_mu", user=source.image_shape)
    encoder = ChainBuilder(weights, images.shape, set())
    for number, layer in enumerate(layers):
        _normalise(encoder.conv(*layer), f"encoder.{number}.1").activation(activation.value)
    encoder.flatten()
    if "fc.weight" in weights:
        encoder.linear("fc")
    encoder.stacked_linear(["fc_mu", "fc_var"])
    return [
        assemble(
            FAMILY.title, set_aside(source, _BESIDE), options, encoder, images, activation,
            lambda chain: _decode(chain, activation.value), _HABITS, _training,
            notes=learnt_prior(source, _MIXTURE_PRIOR),
        )
    ]  # fmt: skip


def _normalise(chain: ChainBuilder, name: str) -> ChainBuilder:
    return chain.batch_norm(name) if f"{name}.weight" in chain.weights else chain


def _decode(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder_input")
    blocks = [*numbered_blocks(chain.weights, "decoder"), "final_layer"]
    channels = int(array_of(chain.weights, f"{blocks[0]}.0.weight", 4).shape[0])
    side = square_side(chain.shape[0], channels, "decoder_input")
    chain.reshape(channels, side, side)
    for block in blocks:
        chain.conv_transpose(f"{block}.0", _STRIDE, _PADDING, output_padding=1)
        _normalise(chain, f"{block}.1").activation(activation)
    # final_layer: transposed convolution, (normalisation,) activation, convolution, tanh
    last = "final_layer.3" if "final_layer.1.running_mean" in chain.weights else "final_layer.2"
    chain.conv(last, 1, 1).activation("tanh")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    return Training("gaussian", "the code base", _beta(source, image_shape, latents))


def _beta(source: Source, image_shape: ImageShape, latents: int) -> Beta:
    """beta of the configuration, by loss type H; of a plain VAE it is 1."""
    config = source.config
    name, theirs = word_at(config, "model_params.name"), "model_params.beta"
    weight = number_at(config, "exp_params.kld_weight")
    if weight == 0:
        return no_beta("none: its kld_weight is 0")
    note = "" if weight is None else f"; its kld_weight is {weight:g}"
    if name == "VanillaVAE":
        return stated_beta(1.0, "VanillaVAE: beta", "antixk", image_shape, latents, note, kld_weight=weight)
    if name == "BetaVAE" and word_at(config, "model_params.loss_type") == "H":
        value = number_at(config, theirs)
        return stated_beta(value, theirs, "antixk", image_shape, latents, note, kld_weight=weight)
    return no_beta("not said (a configuration's beta holds for loss type H only)")


FAMILY = Family("antixk", "AntixK/PyTorch-VAE", _recognises, _build)
