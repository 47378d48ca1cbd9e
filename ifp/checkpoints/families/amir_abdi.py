"""amir-abdi/disentanglement-pytorch: two convolutional encoders and two of linear layers.

Facts, from the shapes of its arrays: layers are numbered by their place in one sequence named `main`; a convolutional
encoder ends in one layer of 2D rows, a linear one in two of D. An autoencoder has the same arrays with D rows instead
of 2D, and a conditional VAE has those of a `tiler` besides: both are refused. Nothing says how a file was trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.assemble import (
    Habits,
    ImageShape,
    Training,
    assemble,
    beta_unknown,
    flat_image,
    hidden_activation,
)
from ifp.checkpoints.chain import ChainBuilder, ShapeMismatch, image_side
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

TRANSPOSED = ((3, 2, 1), (5, 2, 0), (7, 2, 0), (9, 2, 0), (11, 2, 0), (13, 1, 0))
"""(place, stride, padding) of the convolutional decoder's layers after the first."""


def _recognises(source: Source) -> bool:
    return len(source.shape("encoder.main.0.weight")) == 4 or len(source.shape("encoder.main.1.weight")) == 2


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if any(name.startswith("tiler.") for name in source.weights):
        raise IfpError(
            f"{source.path} holds a conditional VAE, whose encoder needs the label of each image too; give its codes "
            "with --codes file.npz."
        )
    activation = hidden_activation(options, "relu")
    convolutional = "encoder.main.0.weight" in source.weights
    encoder, image_shape = (_conv_encoder if convolutional else _linear_encoder)(source, activation)
    notes = _check_rows(source, encoder.shape[0]) if convolutional else ()
    likelihood = Assumption("likelihood", "bernoulli", "the code base")
    training = Training("bernoulli", likelihood, *beta_unknown("not said", "the file"))
    return [
        assemble(
            FAMILY.title, source, options, encoder, image_shape,
            lambda chain: _decode(chain, activation, image_shape), Habits(head="halves"),
            lambda shape, latents: training, notes=notes,
        )
    ]  # fmt: skip


def _conv_encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape]:
    """Six convolutions of 4 pixels with padding, or five of 3 pixels without."""
    padded = "encoder.main.10.weight" in source.weights
    places, padding, last = (range(0, 12, 2), 1, 13) if padded else (range(0, 10, 2), 0, 11)
    probe = ChainBuilder(source.weights, (), set())
    features = int(probe.take(f"encoder.main.{last}.weight", 2).shape[1])
    top = probe.take(f"encoder.main.{places[-1]}.weight", 4)
    side = image_side(
        features, int(top.shape[0]), [(int(top.shape[-1]), 2, padding)] * len(places), f"'encoder.main.{last}'"
    )
    image_shape = (int(probe.take("encoder.main.0.weight", 4).shape[1]), side, side)
    encoder = ChainBuilder(source.weights, image_shape, set())
    for place in places:
        encoder.conv(f"encoder.main.{place}", 2, padding).activation(activation)
    return encoder.flatten().linear(f"encoder.main.{last}"), image_shape


def _linear_encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape]:
    """One hidden layer or four."""
    image_shape, _ = flat_image(source, "encoder.main.1")
    encoder = ChainBuilder(source.weights, image_shape, set()).flatten()
    deep = "encoder.main.7.weight" in source.weights
    for place in (1, 3, 5, 7) if deep else (1,):
        encoder.linear(f"encoder.main.{place}").activation(activation)
    mean, logvar = source.shape("encoder.head_mu.weight"), source.shape("encoder.head_logvar.weight")
    if mean != logvar:
        raise ShapeMismatch(f"'encoder.head_mu' {list(mean)} and 'encoder.head_logvar' {list(logvar)} differ in shape.")
    return encoder.stacked_linear(["encoder.head_mu", "encoder.head_logvar"]), image_shape


def _check_rows(source: Source, rows: int) -> tuple[Assumption, ...]:
    """Refuse an autoencoder: its decoder takes as many values as its encoder gives."""
    shape = source.shape("decoder.main.1.weight") or source.shape("decoder.main.0.weight")
    if len(shape) < 2:
        return (Assumption("latents", f"{rows // 2} (no decoder to tell a VAE from an autoencoder)", "a guess"),)
    if shape[1] == rows:
        raise IfpError(
            f"{source.path} holds an autoencoder: its decoder takes all {rows} values that its encoder gives, so there "
            "is no variance to measure a KL by; give its codes with --codes file.npz."
        )
    if 2 * shape[1] != rows:
        raise ShapeMismatch(f"The encoder gives {rows} values and the decoder takes {shape[1]}, not half as many.")
    return ()


def _decode(chain: ChainBuilder, activation: str, image_shape: ImageShape) -> None:
    """A convolution of one pixel and six transposed ones, or linear layers."""
    if "decoder.main.1.weight" in chain.weights:
        chain.reshape(*chain.shape, 1, 1).conv("decoder.main.1", 2, 0)
        for place, stride, padding in TRANSPOSED:
            chain.activation(activation).conv_transpose(f"decoder.main.{place}", stride, padding)
        return
    chain.linear("decoder.main.0")
    deep = "decoder.main.8.weight" in chain.weights
    for place in (2, 4, 6, 8) if deep else (2,):
        chain.activation(activation).linear(f"decoder.main.{place}")
    chain.reshape(*image_shape)


FAMILY = Family("amir-abdi", "amir-abdi/disentanglement-pytorch", _recognises, _build)
