"""nmichlo/disent: EncoderConv64, EncoderConv64Norm, EncoderFC and EncoderLinear with their decoders.

Its own experiments standardise the images, (x - mean) / std per channel, with numbers for each data set; scripts often
leave them in [0, 1]. The numbers are taken from the hyper-parameters in the file, else each possibility is a candidate.
The order of activation and normalisation shows in the numbers of the layers; the activation itself does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.families.reading import (
    Decoder,
    leftovers,
    lookup,
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
_NORM_ACTIVATIONS = ("leaky_relu", "swish", "relu")  # the class's default, the configuration's, the third choice
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
    latents = _num_latents(source)
    return [
        _read(source, latents, activation, scaling)
        for scaling in _scalings(source, options)
        for activation in _activations(source, options)
    ]


def _num_latents(source: Source) -> int:
    """Latents of a variational encoder; an error for an autoencoder (one row a latent) and for Laplace latents."""
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
    distribution = word_at(
        source.config, "framework.cfg.latent_distribution", "settings.framework_opt.latent_distribution"
    )
    if distribution not in (None, "normal"):
        raise IfpError(f"{source.path} has {distribution} latents, and only Gaussian ones (normal) are read here.")
    return latents


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
    if options.activation is not None:
        return [Assumption("activation", options.activation, "an option")]
    if not _is_norm(source.weights):
        return [Assumption("activation", "relu", "the code base")]
    said = word_at(source.config, "model.meta.activation")
    if said is not None:
        return [Assumption("activation", said, "the file")]
    return [Assumption("activation", name, "a guess") for name in _NORM_ACTIVATIONS]


def _scalings(source: Source, options: ReadingOptions) -> list[_Scaling]:
    """The standardisations to try, the most likely first."""
    channels = _image_shape(source.weights)[0]
    given = pixels_of(options)
    if given.said.source == "an option":
        return [_Scaling((given.mean,) * channels, (given.std,) * channels, given.said)]
    for place in ("dataset.transform.mean", "dataset.transform.std"), ("dataset.meta.vis_mean", "dataset.meta.vis_std"):
        mean, std = (_per_channel(lookup(source.config, path), channels) for path in place)
        if mean is not None and std is not None and min(std) > 0:
            return [_scaling(mean, std, "", "the file")]
    known = STANDARDISATIONS.get(channels, {})
    return [
        _Scaling((0.0,) * channels, (1.0,) * channels, Assumption("input", "pixels in [0, 1]", "a guess")),
        *(_scaling(mean, std, f", disent's numbers for {name}", "a guess") for name, (mean, std) in known.items()),
    ]


def _per_channel(value: object, channels: int) -> tuple[float, ...] | None:
    values = value if isinstance(value, (list, tuple)) else [value]
    numbers = tuple(float(one) for one in values if isinstance(one, (int, float)) and math.isfinite(one))
    if len(numbers) != len(values):
        return None
    return numbers * channels if len(numbers) == 1 else numbers if len(numbers) == channels else None


def _scaling(mean: tuple[float, ...], std: tuple[float, ...], whose: str, origin: str) -> _Scaling:
    means, stds = (", ".join(f"{one:.4g}" for one in dict.fromkeys(values)) for values in (mean, std))
    return _Scaling(mean, std, Assumption("input", f"(x - mean) / std: mean {means}, std {stds}{whose}", origin))


def _image_shape(weights: Weights) -> tuple[int, int, int]:
    kinds = layer_kinds(weights, ENCODER)
    if "conv" in kinds.values():
        return convolved_image(weights, ENCODER, _convolution)
    first = f"{ENCODER}.{next(iter(kinds))}"
    return flat_image(weights[f"{first}.weight"].shape[-1], first)


def _read(source: Source, latents: int, activation: Assumption, scaling: _Scaling) -> Vae:
    weights = source.weights
    image_shape = _image_shape(weights)
    _refuse_instance_normalisation(source)
    used: set[str] = set()
    chain = read_sequential(ChainBuilder(weights, image_shape, used), ENCODER, activation.value, _convolution)
    if chain.shape != (2 * latents,):
        raise ShapeMismatch(f"{ENCODER!r} should end in {2 * latents} values and ends in {list(chain.shape)}.")
    decoder = _read_decoder(weights, latents, image_shape, activation.value)
    encoder, decoder_module = chain.module(), decoder.module
    loss = word_at(source.config, "framework.cfg.recon_loss", "settings.framework.recon_loss")
    output, likelihood = {
        "mae": ("values", "laplace"),
        "mse": ("values", "gaussian"),
        None: ("values", "gaussian"),
    }.get(loss, ("logits", "bernoulli"))
    one_scale = len(set(scaling.mean)) == len(set(scaling.std)) == 1
    if not one_scale:
        # a scale for each channel becomes part of the networks
        encoder = nn.Sequential(_per_channel_layer([1 / std for std in scaling.std], _shifts(scaling)), encoder)
        if decoder_module is not None and output == "values":
            decoder_module = nn.Sequential(decoder_module, _per_channel_layer(scaling.std, scaling.mean))
    beta, said = _beta(source, image_shape, latents, likelihood, scaling)
    kind = {"gaussian": "gaussian (squared error)", "laplace": "laplace (absolute error)"}.get(likelihood, likelihood)
    return Vae(
        family=FAMILY.title,
        encoder=encoder,
        decoder=decoder_module,
        num_latents=latents,
        image_shape=image_shape,
        head="halves",
        output=output,
        likelihood=likelihood,
        beta=beta,
        pixel_mean=scaling.mean[0] if one_scale else 0.0,
        pixel_std=scaling.std[0] if one_scale else 1.0,
        assumptions=(
            *usual_assumptions(image_shape, latents, "halves: all means, then all log variances"),
            activation,
            scaling.said,
            Assumption("likelihood", kind, "the code base" if loss is None else "the file"),
            said,
            decoder.assumption("logits" if output == "logits" else "pixel values on the scale of the input"),
        ),
        unused=leftovers(
            weights, used | decoder.used, "_encoder.", {name for name in weights if name.startswith("_recon_handler")}
        ),
    )


def _refuse_instance_normalisation(source: Source) -> None:
    kinds = layer_kinds(source.weights, ENCODER)
    # three layers a step, of which only the convolution has arrays
    if kinds.get(0) == kinds.get(3) == "conv" and 1 not in kinds and 2 not in kinds:
        raise IfpError(
            f"{source.path} has instance normalisation, of which nothing is in the file; give its encoder with "
            "--encoder package.module:function, or its codes with --codes file.npz."
        )


def _read_decoder(weights: Weights, latents: int, image_shape: tuple[int, int, int], activation: str) -> Decoder:
    def read(chain: ChainBuilder) -> None:
        convolutional = "conv" in layer_kinds(weights, DECODER).values()
        read_sequential(chain, DECODER, activation if convolutional else "tanh", _deconvolution, transposed=True)

    return read_decoder(weights, latents, image_shape, read, "_decoder.")


def _shifts(scaling: _Scaling) -> list[float]:
    return [-mean / std for mean, std in zip(scaling.mean, scaling.std, strict=True)]


def _per_channel_layer(scales: Sequence[float], shifts: Sequence[float]) -> nn.Conv2d:
    """Channel c -> scales[c] x + shifts[c]."""
    layer = nn.Conv2d(len(scales), len(scales), 1, groups=len(scales))
    layer.weight.data = torch.tensor(scales, dtype=torch.float32).reshape(-1, 1, 1, 1)
    layer.bias = nn.Parameter(torch.tensor(shifts, dtype=torch.float32))
    return layer


def _beta(
    source: Source, image_shape: tuple[int, int, int], latents: int, likelihood: str, scaling: _Scaling
) -> tuple[float | None, Assumption]:
    """beta beside errors summed over pixels in [0, 1]; those of standardised pixels are 1 / std^2 as large."""
    config = source.config
    name = word_at(config, "framework.name") or ""
    theirs = number_at(config, "framework.cfg.beta", "settings.framework.beta")
    if name == "vae":
        theirs = 1.0
    elif not name.startswith(_KL_FRAMEWORKS):
        theirs = None
    if theirs is None or likelihood == "laplace":
        return None, Assumption("beta", "not said" if theirs is None else "has no counterpart here", "the file")
    reduction = word_at(config, "framework.cfg.loss_reduction", "settings.framework.loss_reduction") or "mean"
    convention = "disent-mean" if reduction == "mean" else "disent-mean-sum"
    if likelihood == "bernoulli":
        beta = to_nats(theirs, f"{convention}-bce", shape=image_shape, latents=latents).beta
        return beta, Assumption("beta", f"{beta:g}", "the file")
    summed = to_nats(theirs, convention, shape=image_shape, latents=latents).beta
    beta = summed * sum(std**2 for std in scaling.std) / len(scaling.std)
    scaled = "" if beta == summed else f"; {summed:g} on those of the standardised images"
    return beta, Assumption("beta", f"{beta:g} on squared errors of images in [0, 1]{scaled}", "the file")


FAMILY = Family("disent", "nmichlo/disent", _recognises, _build)
