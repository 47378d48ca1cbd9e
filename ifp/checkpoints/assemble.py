"""From a rebuilt encoder to a `Vae` with everything that was assumed: what the families' readers share.

Shapes: C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ifp.beta_units import to_nats
from ifp.checkpoints.chain import ACTIVATIONS, ChainBuilder, ShapeMismatch
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import HEADS, Assumption, Vae
from ifp.errors import IfpError, unknown_name

ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class Habits:
    """What a code base does in every model: see the attributes of `Vae` of the same names.

    The activation of the hidden layers is for the assumptions' list only; the chains are built with it already.
    """

    head: str
    variance: str = "log variance"
    output: str = "logits"
    activation: str = "relu"


@dataclass(frozen=True)
class Training:
    """How a checkpoint was trained, as far as anything says; likelihood and beta as in `Vae`."""

    likelihood: str
    about_likelihood: Assumption
    beta: float | None
    about_beta: Assumption


def hidden_activation(options: ReadingOptions, habit: str) -> str:
    """The activation to rebuild with: the user's, else the code base's; IfpError for an unknown one."""
    name = options.activation or habit
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return name


def assemble(
    title: str,
    source: Source,
    options: ReadingOptions,
    encoder: ChainBuilder,
    image_shape: ImageShape,
    decode: Callable[[ChainBuilder], object],
    habits: Habits,
    training: Callable[[ImageShape, int], Training],
    *,
    idle: Collection[str] = (),
    notes: Collection[Assumption] = (),
) -> Vae:
    """The model of which `encoder` is the encoder, [N, C, H, W] -> [N, 2D].

    Parameters
    ----------
    decode : adds the decoder's layers to a chain that starts at the codes, (D,), up to the image.
    training : from (C, H, W) and D to likelihood and beta.
    idle : arrays named encoder.* that the code base saves but never uses.
    notes : more assumptions.

    Raises
    ------
    ShapeMismatch : a last layer with an odd number of rows, a layer without its bias, or arrays named encoder.* that
        were not used: a layer that is left out would make every number wrong.
    """
    left = sorted(name for name in source.weights if name.startswith("encoder.") and name not in {*encoder.used, *idle})
    if left:
        raise ShapeMismatch(f"The encoder has arrays that this reader has no place for: {', '.join(left)}.")
    _check_biases(source.weights, encoder.used)
    latents, odd = divmod(encoder.shape[0], 2)
    if odd or len(encoder.shape) != 1:
        raise ShapeMismatch(
            f"The encoder's last layer gives {list(encoder.shape)} values, not a mean and a variance for each latent."
        )
    decoder, about_decoder = build_decoder(source.weights, latents, image_shape, encoder.used, decode)
    trained = training(image_shape, latents)
    scaled = options.pixel_mean is not None or options.pixel_std is not None
    mean, std = options.pixel_mean or 0.0, 1.0 if options.pixel_std is None else options.pixel_std
    if not std > 0:
        raise IfpError(f"The standard deviation of the pixels must be a positive number, got {std!r}.")
    if options.head is not None and options.head not in HEADS:
        raise unknown_name("head", options.head, HEADS)
    assumptions = (
        Assumption("head", options.head or habits.head, "an option" if options.head else "the code base"),
        Assumption("variance", habits.variance, "the code base"),
        Assumption(
            "activation",
            options.activation or habits.activation,
            "an option" if options.activation else "the code base",
        ),
        Assumption("input", f"(pixel - {mean:g}) / {std:g}", "an option")
        if scaled
        else Assumption("input", "pixels in [0, 1]", "the code base"),
        trained.about_likelihood,
        Assumption("image shape", " x ".join(map(str, image_shape)), "the shapes"),
        Assumption("latents", str(latents), "the shapes"),
        trained.about_beta,
        about_decoder,
    )
    named = {note.what for note in notes}
    return Vae(
        family=title,
        encoder=encoder.module(),
        decoder=decoder,
        num_latents=latents,
        image_shape=image_shape,
        head=options.head or habits.head,
        variance=habits.variance,
        output=habits.output,
        likelihood=trained.likelihood,
        beta=trained.beta,
        pixel_mean=mean,
        pixel_std=std,
        assumptions=(*(a for a in assumptions if a.what not in named), *notes),
        unused=tuple(sorted(set(source.weights) - encoder.used)),
    )


def build_decoder(
    weights: Weights,
    latents: int,
    image_shape: ImageShape,
    used: set[str],
    decode: Callable[[ChainBuilder], object],
) -> tuple[nn.Module | None, Assumption]:
    """The decoder and what is known of it; None with the reason where its arrays do not fit, `used` then untouched."""
    own: set[str] = set()
    chain = ChainBuilder(weights, (latents,), own)
    try:
        decode(chain)
        if chain.shape != image_shape:
            raise ShapeMismatch(f"It gives images of {list(chain.shape)}, the encoder takes {list(image_shape)}.")
        _check_biases(weights, own)
        left = sorted(name for name in weights if name.startswith("decoder.") and name not in own)
        if left:
            raise ShapeMismatch(f"It has arrays that this reader has no place for: {', '.join(left)}.")
    except ShapeMismatch as error:
        return None, Assumption("decoder", f"not read: {error}", "the shapes")
    used |= own
    return chain.module(), Assumption("decoder", "read", "the shapes")


def _check_biases(weights: Weights, used: Collection[str]) -> None:
    """Every layer of these code bases has a bias; without it the network would be another one."""
    for name in sorted(used):
        if name.endswith(".weight") and name.removesuffix("weight") + "bias" not in weights:
            raise ShapeMismatch(f"The array {name.removesuffix('weight') + 'bias'!r} is missing.")


def flat_image(source: Source, layer: str, key: str = "") -> tuple[ImageShape, Assumption]:
    """(C, H, W) of the images that the linear `layer` takes flat, and where it is from.

    config[key] where it fits; else square images of one channel or of three, of which at most one can fit.
    """
    shape = source.shape(f"{layer}.weight")
    if len(shape) != 2:
        raise ShapeMismatch(f"{layer + '.weight'!r} should have 2 axes and has the shape {list(shape)}.")
    pixels, said = shape[1], source.config.get(key)
    given = tuple(n for n in said if type(n) is int and n > 0) if isinstance(said, list | tuple) else ()
    if len(given) == 3 and math.prod(given) == pixels:
        return (given[0], given[1], given[2]), Assumption("image shape", " x ".join(map(str, given)), "the file")
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if 0 < side * side * channels == pixels:
            return (channels, side, side), Assumption(
                "image shape", f"{channels} x {side} x {side}, square images of 1 or 3 channels", "a guess"
            )
    raise ShapeMismatch(f"{layer!r} takes {pixels} values, which is no square image of 1 or 3 channels.")


def plain_number(config: Mapping[str, Any], key: str) -> float | None:
    """config[key] where it is a finite number of at least 0, else None."""
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def beta_said(
    value: float | None, name: str, convention: str, image_shape: ImageShape, latents: int, note: str = ""
) -> tuple[float | None, Assumption]:
    """Beta in nats an image from the file's `name` = `value`, and how it was reached."""
    if value is None:
        return None, Assumption("beta", f"not said ({name} is missing or no number)", "the file")
    beta = to_nats(value, convention, shape=image_shape, latents=latents).beta
    return beta, Assumption("beta", f"{beta:g} ({name} = {value:g}, units of {convention}){note}", "the file")


def beta_unknown(why: str, where: str) -> tuple[None, Assumption]:
    """No single beta, and why."""
    return None, Assumption("beta", why, where)
