"""AntixK/PyTorch-VAE: 3 x 3 convolutions of stride 2 with batch normalisation and LeakyReLU, and two separate heads.

Its TC-VAE has no normalisation and one more linear layer. Models with other latents (VQ, categorical, joint, gamma,
conditional, ladder) are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.sequential import numbered_blocks
from ifp.checkpoints.families.unknown import CODES_OF_DISCRETE
from ifp.checkpoints.rebuild.assemble import Habits, assemble, learnt_prior, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import ImageShape, convolved_image, square_side
from ifp.checkpoints.rebuild.named_arrays import array_of
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

_STRIDE, _PADDING = 2, 1
"""Stride and padding of every convolution except the last of the decoder."""
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
"""Arrays by which models are recognised that are refused, and what such a model has."""
_MIXTURE_PRIOR = "embed_pseudo."
"""Beginning of the names of the arrays of a VampPrior."""
_BESIDE = ("discriminator.", _MIXTURE_PRIOR, "encoder2.", "decoder2.", "fc_mu2.", "fc_var2.", "feature_network.")
"""Beginnings of the names of arrays that belong to training or to a second model, not to encoder and decoder."""


def _recognises(source: Source) -> bool:
    has_vae = {"fc_mu.weight", "fc_var.weight", "encoder.0.0.weight"} <= set(source.weights)
    return has_vae or _refused(source.weights) is not None


def _refused(weights: Weights) -> str | None:
    """What a model has for which it is refused; None if it is not."""
    is_antixk = any(name.startswith(("decoder_input.", "final_layer.", "vq_layer.")) for name in weights)
    return next((what for name, what in _REFUSED.items() if is_antixk and name in weights), None)


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if what := _refused(source.weights):
        raise IfpError(
            f"{source.path} is a model of {FAMILY.title} with {what}, which has no Gaussian posterior per latent to "
            "diagnose; "
            + (f"{CODES_OF_DISCRETE}." if "discrete" in what else "give your codes as ifp.Codes(mean, logvar).")
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
    """The beta that the configuration states for loss type H; 1 for a plain VAE."""
    config = source.config
    name, beta_name = word_at(config, "model_params.name"), "model_params.beta"
    weight = number_at(config, "exp_params.kld_weight")
    if weight == 0:
        return no_beta("none: its kld_weight is 0")
    note = "" if weight is None else f"; its kld_weight is {weight:g}"
    if name == "VanillaVAE":
        return stated_beta(1.0, "VanillaVAE: beta", "antixk", image_shape, latents, note, kld_weight=weight)
    if name == "BetaVAE" and word_at(config, "model_params.loss_type") == "H":
        value = number_at(config, beta_name)
        return stated_beta(value, beta_name, "antixk", image_shape, latents, note, kld_weight=weight)
    return no_beta("not stated (a configuration's beta holds for loss type H only)")


FAMILY = Family("antixk", "AntixK/PyTorch-VAE", _recognises, _build)
