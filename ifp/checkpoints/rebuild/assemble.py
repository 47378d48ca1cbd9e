"""Makes a `Vae` of a rebuilt encoder and the arrays of a decoder, with everything that was assumed; for all families.

Shapes: C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from torch import nn

from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.code_widths import Decode, codes_taken, other_codes, takes_codes
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import chosen_head, chosen_pixels, chosen_variance
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Training
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError
from ifp.system.printable import listed

_GIVES = {"logits": "logits", "probabilities": "probabilities", "values": "pixel values on the scale of the input"}
"""The outputs of a decoder in words."""
_SHOWN_NAMES = 10
"""Maximum number of array names in a message."""


@dataclass(frozen=True)
class Habits:
    """What a code base does in all of its models, and no array shows.

    Attributes
    ----------
    head, variance, output, named_head : see `ifp.checkpoints.vae.Vae`.
    about_head : a clause for the user that is appended to the name of the head.
    encoder, decoder : how the names of their arrays begin.
    """

    head: str = "halves"
    variance: str = "log variance"
    output: str = "logits"
    about_head: str = ""
    named_head: bool = False
    encoder: tuple[str, ...] = ("encoder.",)
    decoder: tuple[str, ...] = ("decoder.",)


def assemble(
    title: str,
    source: Source,
    options: ReadingOptions,
    encoder: ChainBuilder,
    images: Images,
    activation: Assumption,
    decode: Decode,
    habits: Habits,
    training: Callable[[Source, ImageShape, int], Training],
    *,
    idle: Collection[str] = (),
    notes: Collection[Assumption] = (),
) -> Vae:
    """The model with this encoder.

    Parameters
    ----------
    title : the code base.
    encoder : the chain from images [N, C, H, W] to the values [N, 2D] of the last layer.
    images : the images that the encoder takes.
    activation : the activation of the hidden layers, with which the chains are built already.
    decode : see `ifp.checkpoints.rebuild.code_widths.Decode`.
    training : called with the source, (C, H, W) and D.
    idle : arrays of the encoder that the code base saves but never uses.
    notes : more assumptions; one about a subject of the usual ones replaces it.

    Raises
    ------
    IfpError : if the model is an autoencoder, whose decoder takes as many codes as the encoder's last layer has rows,
        or if its decoder takes another number of codes than there are latents.
    ShapeMismatch : if the last layer has an odd number of rows, a layer has no bias, or an array of the encoder was not
        used, because a missing layer would make every number wrong.
    """
    _check_complete("encoder", source.weights, {*encoder.used, *idle}, habits.encoder)
    rows = encoder.shape[0]
    latents, odd = divmod(rows, 2)
    if len(encoder.shape) == 1 and takes_codes(source.weights, rows, decode):
        raise IfpError(
            f"{source.path} is an autoencoder without variances: its encoder's last layer has {rows} rows for {rows} "
            "latents, as many as its decoder takes; give its codes as ifp.Codes(mean, logvar)."
        )
    if odd or len(encoder.shape) != 1:
        raise ShapeMismatch(
            f"The encoder's last layer gives {list(encoder.shape)} values, not a mean and a variance for each latent."
        )
    taken = codes_taken(source.weights, latents, decode)
    if taken != latents:
        raise IfpError(
            f"{source.path}: the encoder's last layer has {rows} rows, which would be means and variances of {latents} "
            f"latents, but the decoder takes {taken} codes; {other_codes(rows, taken)}; give its codes as "
            "ifp.Codes(mean, logvar), or the encoder by `model='package.module:function'`."
        )
    decoder, about_decoder, used = _decoder(source.weights, latents, images.shape, decode, habits)
    head, head_source = chosen_head(options, habits.head)
    variance, variance_source = chosen_variance(options, habits.variance)
    trained, pixels = training(source, images.shape, latents), chosen_pixels(options)
    assumptions = {
        assumption.what: assumption
        for assumption in (
            Assumption("head", head + (habits.about_head if head == habits.head else ""), head_source),
            Assumption("variance", variance, variance_source),
            activation,
            pixels.assumption,
            trained.about_likelihood,
            images.assumption,
            Assumption("latents", str(latents), "the shapes"),
            trained.beta.said,
            about_decoder,
            *notes,
        )
    }
    return Vae(
        family=title,
        encoder=encoder.module(),
        decoder=decoder,
        num_latents=latents,
        image_shape=images.shape,
        head=head,
        variance=variance,
        output=habits.output,
        likelihood=trained.likelihood,
        beta=trained.beta.value,
        capacity_nats=trained.beta.capacity_nats,
        pixel_mean=pixels.mean,
        pixel_std=pixels.std,
        assumptions=tuple(assumptions.values()),
        unused=tuple(sorted(set(source.weights) - encoder.used - used)),
        named_head=habits.named_head,
    )


def set_aside(source: Source, beginnings: tuple[str, ...]) -> Source:
    """`source` without the arrays whose names begin so: networks for training only, or of a second model."""
    return replace(
        source, weights={name: array for name, array in source.weights.items() if not name.startswith(beginnings)}
    )


def learnt_prior(source: Source, beginning: str) -> tuple[Assumption, ...]:
    """A note on the prior if it is a VampPrior, whose arrays have names that begin so; () if there are none."""
    if not any(name.startswith(beginning) for name in source.weights):
        return ()
    return (Assumption("prior", "N(0, 1) here; a learnt mixture (VampPrior) in training", "the file"),)


def _decoder(
    weights: Weights, latents: int, image_shape: ImageShape, decode: Decode, habits: Habits
) -> tuple[nn.Module | None, Assumption, set[str]]:
    """The decoder, a note on it, and the names of its arrays; None and the reason if the arrays do not fit."""
    chain = ChainBuilder(weights, (latents,), set())
    try:
        decode(chain)
        if len(chain.shape) == 1:
            chain.reshape(*image_shape)
        if chain.shape != image_shape:
            raise ShapeMismatch(f"It gives images of {list(chain.shape)}, but the encoder takes {list(image_shape)}.")
        _check_complete("decoder", weights, chain.used, habits.decoder)
    except ShapeMismatch as error:
        return None, Assumption("decoder", f"not read: {error}", "the shapes"), set()
    return chain.module(), Assumption("decoder", f"gives {_GIVES[habits.output]}", "the code base"), chain.used


def _check_complete(what: str, weights: Weights, used: Collection[str], beginnings: tuple[str, ...]) -> None:
    """Check that every array was used and no bias is missing; otherwise a different network would be rebuilt."""
    unused = sorted(name for name in weights if name.startswith(beginnings) and name not in used)
    if unused:
        raise ShapeMismatch(f"The {what} has arrays that this reader has no place for: {listed(unused, _SHOWN_NAMES)}.")
    for name in sorted(used):
        bias = f"{name.removesuffix('.weight')}.bias"
        if name.endswith(".weight") and bias not in weights:
            raise ShapeMismatch(f"The array {bias!r} is missing.")
