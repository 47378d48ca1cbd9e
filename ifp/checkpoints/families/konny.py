"""1Konny/Beta-VAE and its children ControlVAE and DynamicVAE: the networks H (Higgins et al.) and B (Burgess et al.).

Facts: model.py and solver.py of 1Konny/Beta-VAE. Layers are numbered by their place in one sequence; nothing in the
file says how it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.assemble import Habits, ImageShape, Training, assemble, beta_unknown, hidden_activation
from ifp.checkpoints.chain import ChainBuilder, image_side
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae

CONVOLUTIONS = (0, 2, 4, 6)


def _recognises(source: Source) -> bool:
    axes = {at: len(source.shape(f"encoder.{at}.weight")) for at in (*CONVOLUTIONS, 8, 9, 11, 13)}
    if any(axes[at] != 4 for at in CONVOLUTIONS):
        return False
    return axes[11] == 2 and ((axes[8] == 4 and axes[13] == 0) or (axes[9] == 2 and axes[13] == 2))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    activation = hidden_activation(options, "relu")
    is_h = "encoder.13.weight" not in source.weights
    probe = ChainBuilder(source.weights, (), set())
    features = int(probe.take("encoder.11.weight" if is_h else "encoder.9.weight", 2).shape[1])
    last = 8 if is_h else CONVOLUTIONS[-1]
    layers = [(4, 2, 1)] * 4 + [(4, 1, 0)] * is_h
    channels = int(probe.take(f"encoder.{last}.weight", 4).shape[0])
    side = image_side(features, channels, layers, f"'encoder.{11 if is_h else 9}'")
    image_shape = (int(probe.take("encoder.0.weight", 4).shape[1]), side, side)
    encoder = ChainBuilder(source.weights, image_shape, set())
    for at in CONVOLUTIONS:
        encoder.conv(f"encoder.{at}", 2, 1).activation(activation)
    if is_h:
        encoder.conv("encoder.8", 1, 0).activation(activation).flatten().linear("encoder.11")
    else:
        encoder.flatten().linear("encoder.9").activation(activation).linear("encoder.11").activation(activation)
        encoder.linear("encoder.13")

    def decode(chain: ChainBuilder) -> None:
        (_decode_h if is_h else _decode_b)(chain, activation)

    return [
        assemble(
            FAMILY.title, source, options, encoder, image_shape, decode, Habits(head="halves"),
            lambda shape, latents: _training(shape),
        )
    ]  # fmt: skip


def _decode_h(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.0").reshape(*chain.shape, 1, 1).activation(activation)
    for at, stride, padding in ((3, 1, 0), (5, 2, 1), (7, 2, 1), (9, 2, 1)):
        chain.conv_transpose(f"decoder.{at}", stride, padding).activation(activation)
    chain.conv_transpose("decoder.11", 2, 1)


def _decode_b(chain: ChainBuilder, activation: str) -> None:
    for at in (0, 2, 4):
        chain.linear(f"decoder.{at}").activation(activation)
    chain.reshape(chain.shape[0] // 16, 4, 4)
    for at in (7, 9, 11):
        chain.conv_transpose(f"decoder.{at}", 2, 1).activation(activation)
    chain.conv_transpose("decoder.13", 2, 1)


def _training(image_shape: ImageShape) -> Training:
    # its solver: dSprites, the only data of one channel, by cross-entropy; chairs and CelebA by the squared error
    likelihood = "bernoulli" if image_shape[0] == 1 else "gaussian"
    about = Assumption("likelihood", likelihood, "the code base")
    return Training(likelihood, about, *beta_unknown("not said", "the file"))


FAMILY = Family("1konny", "1Konny/Beta-VAE", _recognises, _build)
