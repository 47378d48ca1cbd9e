"""nmichlo/disent: EncoderConv64, EncoderConv64Norm, EncoderFC and EncoderLinear with their decoders.

The order of activation and normalisation shows in the numbers of the layers; the activation itself does not. How images
are scaled is a matter of `ifp.checkpoints.families.disent_images`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ifp.checkpoints.families.disent_images import Standardisation, standardisations, standardised
from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.sequential import layer_kinds, read_sequential, sequential_image
from ifp.checkpoints.rebuild.assemble import Habits, assemble, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

ENCODER, DECODER = "_encoder.model", "_decoder.model"
"""The sequences of layers of encoder and decoder."""
_BESIDE = ("_recon_handler",)
"""Beginnings of the names of arrays that belong to neither."""
_NORM_ACTIVATIONS = ("leaky_relu", "swish", "relu")
"""The activations that EncoderConv64Norm may have: the default of the class, that of the configurations, and ReLU."""
_LOSS = ("framework.cfg.recon_loss", "settings.framework.recon_loss")
"""Where the settings name the loss."""
_DISTRIBUTION = ("framework.cfg.latent_distribution", "settings.framework_opt.latent_distribution")
"""Where the settings name the distribution of the latents."""
_KL_FRAMEWORKS = ("betavae", "adavae", "adagvae_minimal", "dfcvae", "dipvae", "tvae", "adanegtvae")
"""Beginnings of the names of frameworks in which beta weighs the whole KL."""


def _recognises(source: Source) -> bool:
    return any(f"{ENCODER}.{number}.weight" in source.weights for number in (0, 1))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    _refuse_other_models(source)
    images = sequential_image(source.weights, ENCODER, _convolution, source.image_shape)
    return [
        _read(source, options, images, activation, scaling, loss)
        for scaling in standardisations(source.config, options, images.shape[0])
        for activation in _activations(source, options)
        for loss in _losses(source)
    ]


def _refuse_other_models(source: Source) -> None:
    """Refuse an autoencoder (with one row per latent), Laplace latents, and instance normalisation."""
    kinds = layer_kinds(source.weights, ENCODER)
    linear = [number for number, kind in kinds.items() if kind == "linear"]
    if not linear:
        raise ShapeMismatch(f"{ENCODER!r} has no linear layer to give the latents.")
    head = f"{ENCODER}.{linear[-1]}"
    rows = source.weights[f"{head}.weight"].shape[0]
    first = source.shape(f"{DECODER}.0.weight")
    latents = first[1] if len(first) == 2 else rows // 2
    if rows == latents or number_at(source.config, "framework.meta.model_z_multiplier") == 1:
        raise IfpError(
            f"{source.path} is an autoencoder without variances: {head!r} has {rows} rows for {latents} latents; "
            "give its codes as ifp.Codes(mean, logvar)."
        )
    if rows != 2 * latents:
        raise ShapeMismatch(f"{head!r} should have 2 x {latents} rows and has {rows}.")
    distribution = word_at(source.config, *_DISTRIBUTION)
    if distribution not in (None, "normal"):
        raise IfpError(f"{source.path} has {distribution} latents, and only Gaussian ones (normal) are read here.")
    # convolution, normalisation and activation in each block, of which only the convolution has arrays
    if kinds.get(0) == kinds.get(3) == "conv" and 1 not in kinds and 2 not in kinds:
        raise IfpError(
            f"{source.path} has instance normalisation, of which nothing is in the file; give its encoder with "
            "`model='package.module:function'`, or its codes as ifp.Codes(mean, logvar)."
        )


def _convolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    return 2, kernel // 2


def _deconvolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    return 2, 1


def _is_norm(weights: Weights) -> bool:
    """Whether the encoder is EncoderConv64Norm, the only one in which convolutions are 2 x 2."""
    kinds = layer_kinds(weights, ENCODER)
    return any(
        kind == "conv" and weights[f"{ENCODER}.{number}.weight"].shape[-1] == 2 for number, kind in kinds.items()
    )


def _activations(source: Source, options: ReadingOptions) -> list[Assumption]:
    if not _is_norm(source.weights):
        return hidden_activations(options, "relu")
    stated = word_at(source.config, "model.meta.activation")
    if stated is not None and options.activation is None:
        return [Assumption("activation", stated, "the file")]
    return hidden_activations(options, *_NORM_ACTIVATIONS)


def _losses(source: Source) -> list[str | None]:
    """The losses to try: the file's, else each that changes the meaning of the decoder's output.

    None stands for the code base's default, mse.
    """
    loss = word_at(source.config, *_LOSS)
    has_decoder = any(name.startswith(f"{DECODER}.") for name in source.weights)
    return [loss] if loss is not None or not has_decoder else [None, "bce"]


def _read(
    source: Source,
    options: ReadingOptions,
    images: Images,
    activation: Assumption,
    scaling: Standardisation,
    loss: str | None,
) -> Vae:
    """The candidate with this activation, scaling and loss."""
    chain = ChainBuilder(source.weights, images.shape, set())
    output = "values" if loss in (None, "mae", "mse") else "logits"
    vae = assemble(
        FAMILY.title,
        set_aside(source, _BESIDE),
        options,
        read_sequential(chain, ENCODER, activation.value, _convolution),
        images,
        activation,
        lambda chain: _decode(chain, activation.value),
        Habits(output=output, encoder=("_encoder.",), decoder=("_decoder.",)),
        lambda source, shape, latents: _training(source, shape, latents, scaling.std, loss),
        notes=(scaling.assumption,),
    )
    is_open = word_at(source.config, *_DISTRIBUTION) is None
    return replace(standardised(vae, scaling), may_be_laplace=is_open)


def _decode(chain: ChainBuilder, activation: str) -> None:
    convolutional = "conv" in layer_kinds(chain.weights, DECODER).values()
    read_sequential(chain, DECODER, activation if convolutional else "tanh", _deconvolution, transposed=True)


def _training(
    source: Source, image_shape: ImageShape, latents: int, std: Sequence[float], loss: str | None
) -> Training:
    likelihood = {"mae": "laplace", "mse": "gaussian", None: "gaussian"}.get(loss, "bernoulli")
    beta = _beta(source.config, image_shape, latents, likelihood, std)
    is_stated = word_at(source.config, *_LOSS) is not None
    return Training(likelihood, "the file" if is_stated else "a guess" if loss else "the code base", beta)


def _beta(
    config: Mapping[str, Any], image_shape: ImageShape, latents: int, likelihood: str, std: Sequence[float]
) -> Beta:
    """The beta beside errors that are summed over pixels in [0, 1]."""
    name = word_at(config, "framework.name") or ""
    reduction = word_at(config, "framework.cfg.loss_reduction", "settings.framework.loss_reduction") or "mean"
    convention = "disent-mean" if reduction == "mean" else "disent-mean-sum"
    if name != "vae" and not name.startswith(_KL_FRAMEWORKS):
        return no_beta("not stated (no framework.name whose beta weighs the whole KL)")
    if likelihood == "laplace":
        return no_beta("has no counterpart here, beside absolute errors")
    setting, value = "framework.cfg.beta", number_at(config, "framework.cfg.beta", "settings.framework.beta")
    if name == "vae":
        setting, value = "framework vae: beta", 1.0
    if likelihood == "bernoulli":
        return stated_beta(value, setting, f"{convention}-bce", image_shape, latents)
    variance = sum(channel_std * channel_std for channel_std in std) / len(std)
    note = "" if variance == 1 else f", whose images were standardised: x std^2 = {variance:g}"
    return stated_beta(value, setting, convention, image_shape, latents, note, pixel_variance=variance)


FAMILY = Family("disent", "nmichlo/disent", _recognises, _build)
