"""1Konny/Beta-VAE and its forks ControlVAE and DynamicVAE: the networks H (Higgins et al.) and B (Burgess et al.).

Layers are numbered by their place in one sequence. The file does not state how the model was trained.

Source: model.py and solver.py of 1Konny/Beta-VAE.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import ImageShape, convolved_image
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import Training, no_beta
from ifp.checkpoints.vae import Vae

CONVOLUTIONS = (0, 2, 4, 6)
"""Places of the convolutions of stride 2 in the encoder."""


def _recognises(source: Source) -> bool:
    axes = {place: len(source.shape(f"encoder.{place}.weight")) for place in (*CONVOLUTIONS, 8, 9, 11, 13)}
    if any(axes[place] != 4 for place in CONVOLUTIONS):
        return False
    return axes[11] == 2 and ((axes[8] == 4 and axes[13] == 0) or (axes[9] == 2 and axes[13] == 2))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    (activation,) = hidden_activations(options, "relu")
    is_h = "encoder.13.weight" not in source.weights
    layers = [(f"encoder.{place}", 2, 1) for place in CONVOLUTIONS] + [("encoder.8", 1, 0)] * is_h
    images = convolved_image(
        source.weights, layers, "encoder.11" if is_h else "encoder.9", kernel=4, user=source.image_shape
    )
    encoder = ChainBuilder(source.weights, images.shape, set())
    for layer in layers:
        encoder.conv(*layer).activation(activation.value)
    encoder.flatten()
    if not is_h:
        for place in (9, 11):
            encoder.linear(f"encoder.{place}").activation(activation.value)
    encoder.linear("encoder.11" if is_h else "encoder.13")
    return [
        assemble(
            FAMILY.title, source, options, encoder, images, activation,
            lambda chain: (_decode_h if is_h else _decode_b)(chain, activation.value), Habits(), _training,
        )
    ]  # fmt: skip


def _decode_h(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.0").reshape(*chain.shape, 1, 1).activation(activation)
    for place, stride, padding in ((3, 1, 0), (5, 2, 1), (7, 2, 1), (9, 2, 1)):
        chain.conv_transpose(f"decoder.{place}", stride, padding).activation(activation)
    chain.conv_transpose("decoder.11", 2, 1)


def _decode_b(chain: ChainBuilder, activation: str) -> None:
    for place in (0, 2, 4):
        chain.linear(f"decoder.{place}").activation(activation)
    chain.reshape(chain.shape[0] // 16, 4, 4)
    for place in (7, 9, 11):
        chain.conv_transpose(f"decoder.{place}", 2, 1).activation(activation)
    chain.conv_transpose("decoder.13", 2, 1)


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    # its solver uses the cross-entropy for dSprites, its only data with one channel, and the squared error otherwise
    likelihood = "bernoulli" if image_shape[0] == 1 else "gaussian"
    return Training(likelihood, "the code base", no_beta("not stated"))


FAMILY = Family("1konny", "1Konny/Beta-VAE", _recognises, _build)
