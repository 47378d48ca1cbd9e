"""From a rebuilt encoder to a `Vae` with everything that was assumed: what the readers of all families share.

Shapes: C H W channels, rows, columns, D latents.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from torch import nn

from ifp.checkpoints.files.printable import listed
from ifp.checkpoints.rebuild.chain import ChainBuilder, ShapeMismatch, WidthMismatch
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape
from ifp.checkpoints.rebuild.user_choices import chosen_head, chosen_pixels, chosen_variance
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Training
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

_GIVES = {"logits": "logits", "probabilities": "probabilities", "values": "pixel values on the scale of the input"}
_SHOWN_NAMES = 10


@dataclass(frozen=True)
class Habits:
    """What a code base does in every model.

    Attributes
    ----------
    head, variance, output, named_head : as in `Vae`.
    about_head : more on the head, for people.
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
    decode: Callable[[ChainBuilder], object],
    habits: Habits,
    training: Callable[[Source, ImageShape, int], Training],
    *,
    idle: Collection[str] = (),
    notes: Collection[Assumption] = (),
) -> Vae:
    """The model of which `encoder` is the encoder, [N, C, H, W] -> [N, 2D].

    Parameters
    ----------
    activation : of the hidden layers, with which the chains are built already.
    decode : adds the decoder's layers to a chain that starts at the codes, (D,), up to the image, flat or not.
    training : from the source, (C, H, W) and D.
    idle : arrays of the encoder that the code base saves but never uses.
    notes : more assumptions; one about something that is among the usual ones takes its place.

    Raises
    ------
    IfpError : an autoencoder, whose decoder takes as many codes as the encoder's last layer has rows, or a model
        whose decoder takes another number of codes than there are latents.
    ShapeMismatch : a last layer with an odd number of rows, a layer without its bias, or arrays of the encoder that
        were not used: a layer that is left out would make every number wrong.
    """
    _check_complete("encoder", source.weights, {*encoder.used, *idle}, habits.encoder)
    rows = encoder.shape[0]
    latents, odd = divmod(rows, 2)
    if len(encoder.shape) == 1 and _takes(source.weights, rows, decode):
        raise IfpError(
            f"{source.path} is an autoencoder without variances: its encoder's last layer has {rows} rows for {rows} "
            "latents, as many as its decoder takes; give its codes with --codes file.npz."
        )
    if odd or len(encoder.shape) != 1:
        raise ShapeMismatch(
            f"The encoder's last layer gives {list(encoder.shape)} values, not a mean and a variance for each latent."
        )
    taken = _codes_taken(source.weights, latents, decode)
    if taken != latents:
        raise IfpError(
            f"{source.path}: the encoder's last layer has {rows} rows, which would be means and variances of {latents} "
            f"latents, but the decoder takes {taken} codes; {_other_codes(rows, taken)}; give its codes with --codes "
            "file.npz, or the encoder with --encoder package.module:function."
        )
    decoder, about_decoder, used = _decoder(source.weights, latents, images.shape, decode, habits)
    head, head_source = chosen_head(options, habits.head)
    variance, variance_source = chosen_variance(options, habits.variance)
    trained, pixels = training(source, images.shape, latents), chosen_pixels(options)
    said = {
        about.what: about
        for about in (
            Assumption("head", head + (habits.about_head if head == habits.head else ""), head_source),
            Assumption("variance", variance, variance_source),
            activation,
            pixels.said,
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
        assumptions=tuple(said.values()),
        unused=tuple(sorted(set(source.weights) - encoder.used - used)),
        named_head=habits.named_head,
    )


def set_aside(source: Source, beginnings: tuple[str, ...]) -> Source:
    """`source` without the arrays whose names begin so: networks that belong to training or to a second model."""
    kept = {name: array for name, array in source.weights.items() if not name.startswith(beginnings)}
    return replace(source, weights=kept)


def learnt_prior(source: Source, beginning: str) -> tuple[Assumption, ...]:
    """What is to be known of a VampPrior, whose arrays' names begin so; nothing where there are none."""
    if not any(name.startswith(beginning) for name in source.weights):
        return ()
    return (Assumption("prior", "N(0, 1) here; a learnt mixture (VampPrior) in training", "the file"),)


def _decoder(
    weights: Weights, latents: int, image_shape: ImageShape, decode: Callable[[ChainBuilder], object], habits: Habits
) -> tuple[nn.Module | None, Assumption, set[str]]:
    """The decoder, what is known of it, and the arrays it needed; None with the reason where they do not fit."""
    chain = ChainBuilder(weights, (latents,), set())
    try:
        decode(chain)
        if len(chain.shape) == 1:
            chain.reshape(*image_shape)
        if chain.shape != image_shape:
            raise ShapeMismatch(f"It gives images of {list(chain.shape)}, the encoder takes {list(image_shape)}.")
        _check_complete("decoder", weights, chain.used, habits.decoder)
    except ShapeMismatch as error:
        return None, Assumption("decoder", f"not read: {error}", "the shapes"), set()
    return chain.module(), Assumption("decoder", f"gives {_GIVES[habits.output]}", "the code base"), chain.used


def _takes(weights: Weights, width: int, decode: Callable[[ChainBuilder], object]) -> bool:
    """Whether the decoder's first layer takes codes of this width, whatever comes after it."""
    chain = ChainBuilder(weights, (width,), set())
    with suppress(IfpError):
        decode(chain)
    return chain.learnt


def _codes_taken(weights: Weights, latents: int, decode: Callable[[ChainBuilder], object]) -> int:
    """How many codes the decoder's first layer takes; `latents` too where there is no such layer."""
    chain = ChainBuilder(weights, (latents,), set())
    try:
        decode(chain)
    except WidthMismatch as error:
        taken = latents + error.excess
        if taken > 0 and not chain.learnt and _takes(weights, taken, decode):
            return taken
    except ShapeMismatch:
        pass
    return latents


def _other_codes(rows: int, taken: int) -> str:
    """What a model may be whose decoder takes `taken` codes where the encoder's last layer has `rows` rows."""
    more = taken - rows // 2
    if more < 0:
        return f"the last layer may hold more than means and variances ({-2 * more} rows more)"
    conditions = f"the decoder may be given {more} conditions besides"
    if taken >= rows:
        return conditions
    return (
        f"it may have discrete latents beside Gaussian ones, as JointVAE does ({rows - taken} Gaussian ones and "
        f"{2 * taken - rows} rows of classes), or {conditions}"
    )


def _check_complete(what: str, weights: Weights, used: Collection[str], beginnings: tuple[str, ...]) -> None:
    """Every array of its was used, and no bias is missing: without either the network would be another one."""
    left = sorted(name for name in weights if name.startswith(beginnings) and name not in used)
    if left:
        raise ShapeMismatch(f"The {what} has arrays that this reader has no place for: {listed(left, _SHOWN_NAMES)}.")
    for name in sorted(used):
        bias = f"{name.removesuffix('.weight')}.bias"
        if name.endswith(".weight") and bias not in weights:
            raise ShapeMismatch(f"The array {bias!r} is missing.")
