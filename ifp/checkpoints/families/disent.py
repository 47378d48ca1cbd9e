"""nmichlo/disent: EncoderConv64, EncoderConv64Norm, EncoderFC and EncoderLinear with their decoders.

Its own experiments standardise the images, (x - mean) / std per channel, with numbers for each data set; scripts often
leave them in [0, 1]. The numbers are taken from the hyper-parameters in the file, else each possibility is a candidate.
The order of activation and normalisation shows in the numbers of the layers; the activation itself does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.sequential import layer_kinds, read_sequential, sequential_image
from ifp.checkpoints.rebuild.assemble import Habits, assemble, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape
from ifp.checkpoints.rebuild.user_choices import chosen_pixels, hidden_activations, scaled_input
from ifp.checkpoints.settings_values import finite, lookup, number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

ENCODER, DECODER = "_encoder.model", "_decoder.model"
STANDARDISATIONS: dict[int, dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    1: {
        "dSprites": ((0.042494423521889584,), (0.19516645880626055,)),
        "smallNORB": ((0.7520918401088603,), (0.09563879016827262,)),
    },
    3: {
        "cars3d": (
            (0.8976676149976628, 0.8891658020067508, 0.885147515814868),
            (0.22503195531503034, 0.2399461278981261, 0.24792106319684404),
        ),
        "shapes3d": (
            (0.502584966788819, 0.5787597566089667, 0.6034499731859578),
            (0.2940814043555559, 0.3443979087517214, 0.3661685981524748),
        ),
    },
}
"""Channels -> data set -> (mean, std) per channel, the constants of disent's configurations."""
_BESIDE = ("_recon_handler",)
_NORM_ACTIVATIONS = ("leaky_relu", "swish", "relu")  # the class's default, the configuration's, the third choice
_LOSS = ("framework.cfg.recon_loss", "settings.framework.recon_loss")
_DISTRIBUTION = ("framework.cfg.latent_distribution", "settings.framework_opt.latent_distribution")
_KL_FRAMEWORKS = ("betavae", "adavae", "adagvae_minimal", "dfcvae", "dipvae", "tvae", "adanegtvae")
"""Frameworks in which beta weighs the whole KL (adagvae_minimal, ... start with these names)."""


@dataclass(frozen=True)
class _Scaling:
    """(x - mean) / std per channel, and where that comes from."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    said: Assumption


def _recognises(source: Source) -> bool:
    return any(f"{ENCODER}.{number}.weight" in source.weights for number in (0, 1))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    _refuse_what_cannot_be_read(source)
    images = sequential_image(source.weights, ENCODER, _convolution, source.image_shape)
    return [
        _read(source, options, images, activation, scaling, loss)
        for scaling in _scalings(source.config, options, images.shape[0])
        for activation in _activations(source, options)
        for loss in _losses(source)
    ]


def _refuse_what_cannot_be_read(source: Source) -> None:
    """An autoencoder (one row a latent), Laplace latents, and instance normalisation."""
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
            "give its codes with --codes file.npz."
        )
    if rows != 2 * latents:
        raise ShapeMismatch(f"{head!r} should have 2 x {latents} rows and has {rows}.")
    distribution = word_at(source.config, *_DISTRIBUTION)
    if distribution not in (None, "normal"):
        raise IfpError(f"{source.path} has {distribution} latents, and only Gaussian ones (normal) are read here.")
    # three layers a step, of which only the convolution has arrays
    if kinds.get(0) == kinds.get(3) == "conv" and 1 not in kinds and 2 not in kinds:
        raise IfpError(
            f"{source.path} has instance normalisation, of which nothing is in the file; give its encoder with "
            "--encoder package.module:function, or its codes with --codes file.npz."
        )


def _convolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    return 2, kernel // 2


def _deconvolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    return 2, 1


def _is_norm(weights: Weights) -> bool:
    """Whether it is EncoderConv64Norm: only its last convolutions are 2 x 2."""
    kinds = layer_kinds(weights, ENCODER)
    return any(
        kind == "conv" and weights[f"{ENCODER}.{number}.weight"].shape[-1] == 2 for number, kind in kinds.items()
    )


def _activations(source: Source, options: ReadingOptions) -> list[Assumption]:
    if not _is_norm(source.weights):
        return hidden_activations(options, "relu")
    said = word_at(source.config, "model.meta.activation")
    if said is not None and options.activation is None:
        return [Assumption("activation", said, "the file")]
    return hidden_activations(options, *_NORM_ACTIVATIONS)


def _losses(source: Source) -> list[str | None]:
    """The file's, else each that changes what the decoder's values are; None is the code base's default, mse."""
    loss = word_at(source.config, *_LOSS)
    has_decoder = any(name.startswith(f"{DECODER}.") for name in source.weights)
    return [loss] if loss is not None or not has_decoder else [None, "bce"]


def _scalings(config: Mapping[str, Any], options: ReadingOptions, channels: int) -> list[_Scaling]:
    """The standardisations to try, the most likely first."""
    chosen = chosen_pixels(options)
    if chosen.said.source == "an option":
        return [_Scaling((chosen.mean,) * channels, (chosen.std,) * channels, chosen.said)]
    for place in ("dataset.transform.mean", "dataset.transform.std"), ("dataset.meta.vis_mean", "dataset.meta.vis_std"):
        mean, std = (_per_channel(lookup(config, path), channels) for path in place)
        if mean is not None and std is not None and min(std) > 0:
            return [_Scaling(mean, std, scaled_input(mean, std, "the file"))]
    return [
        _Scaling((0.0,) * channels, (1.0,) * channels, Assumption("input", "pixels in [0, 1]", "a guess")),
        *(
            _Scaling(mean, std, scaled_input(mean, std, "a guess", f", disent's numbers for {name}"))
            for name, (mean, std) in STANDARDISATIONS.get(channels, {}).items()
        ),
    ]


def _per_channel(value: object, channels: int) -> tuple[float, ...] | None:
    values = value if isinstance(value, list | tuple) else [value]
    numbers = tuple(number for number in map(finite, values) if number is not None)
    if len(numbers) != len(values):
        return None
    return numbers * channels if len(numbers) == 1 else numbers if len(numbers) == channels else None


def _read(
    source: Source,
    options: ReadingOptions,
    images: Images,
    activation: Assumption,
    scaling: _Scaling,
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
        notes=(scaling.said,),
    )
    is_open = word_at(source.config, *_DISTRIBUTION) is None
    return replace(_scaled(vae, scaling), may_be_laplace=is_open)


def _decode(chain: ChainBuilder, activation: str) -> None:
    convolutional = "conv" in layer_kinds(chain.weights, DECODER).values()
    read_sequential(chain, DECODER, activation if convolutional else "tanh", _deconvolution, transposed=True)


def _scaled(vae: Vae, scaling: _Scaling) -> Vae:
    """The same model on images that are scaled so; a scale for each channel becomes part of the networks."""
    if len(set(scaling.mean)) == len(set(scaling.std)) == 1:
        return replace(vae, pixel_mean=scaling.mean[0], pixel_std=scaling.std[0])
    shifts = [-mean / std for mean, std in zip(scaling.mean, scaling.std, strict=True)]
    encoder = nn.Sequential(_per_channel_layer([1 / std for std in scaling.std], shifts), vae.encoder)
    decoder = vae.decoder
    if decoder is not None and vae.output == "values":
        decoder = nn.Sequential(decoder, _per_channel_layer(scaling.std, scaling.mean))
    return replace(vae, encoder=encoder, decoder=decoder)


def _per_channel_layer(scales: Sequence[float], shifts: Sequence[float]) -> nn.Conv2d:
    """Channel c -> scales[c] x + shifts[c]."""
    layer = nn.Conv2d(len(scales), len(scales), 1, groups=len(scales))
    layer.weight.data = torch.tensor(scales, dtype=torch.float32).reshape(-1, 1, 1, 1)
    layer.bias = nn.Parameter(torch.tensor(shifts, dtype=torch.float32))
    return layer


def _training(
    source: Source, image_shape: ImageShape, latents: int, std: Sequence[float], loss: str | None
) -> Training:
    likelihood = {"mae": "laplace", "mse": "gaussian", None: "gaussian"}.get(loss, "bernoulli")
    beta = _beta(source.config, image_shape, latents, likelihood, std)
    whose = "the file" if word_at(source.config, *_LOSS) is not None else "a guess" if loss else "the code base"
    return Training(likelihood, whose, beta)


def _beta(
    config: Mapping[str, Any], image_shape: ImageShape, latents: int, likelihood: str, std: Sequence[float]
) -> Beta:
    """beta beside errors summed over pixels in [0, 1]."""
    name = word_at(config, "framework.name") or ""
    reduction = word_at(config, "framework.cfg.loss_reduction", "settings.framework.loss_reduction") or "mean"
    convention = "disent-mean" if reduction == "mean" else "disent-mean-sum"
    if name != "vae" and not name.startswith(_KL_FRAMEWORKS):
        return no_beta("not said (no framework.name whose beta weighs the whole KL)")
    if likelihood == "laplace":
        return no_beta("has no counterpart here, beside absolute errors")
    said, value = "framework.cfg.beta", number_at(config, "framework.cfg.beta", "settings.framework.beta")
    if name == "vae":
        said, value = "framework vae: beta", 1.0
    if likelihood == "bernoulli":
        return stated_beta(value, said, f"{convention}-bce", image_shape, latents)
    variance = sum(one * one for one in std) / len(std)
    note = "" if variance == 1 else f", whose images were standardised: x std^2 = {variance:g}"
    return stated_beta(value, said, convention, image_shape, latents, note, pixel_variance=variance)


FAMILY = Family("disent", "nmichlo/disent", _recognises, _build)
