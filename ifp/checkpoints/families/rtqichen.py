"""rtqichen/beta-tcvae: linear layers, or convolutions with batch normalisation; its encoders give log sigma.

Facts: vae_quant.py and lib/dist.py of that repository. The file holds the arguments of training.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.assemble import (
    Habits,
    ImageShape,
    Training,
    assemble,
    beta_said,
    beta_unknown,
    flat_image,
    hidden_activation,
    plain_number,
)
from ifp.checkpoints.chain import ChainBuilder, image_side
from ifp.checkpoints.family import Family
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

STRIDES = ((2, 1), (2, 1), (2, 1), (2, 1), (1, 0))
"""(stride, padding) of the encoder's conv1 ... conv5, 4 pixels wide."""
TRANSPOSED = (("conv1", 1, 0), ("conv2", 1, 0), ("conv3", 2, 1), ("conv4", 2, 1), ("conv5", 2, 1))


def _recognises(source: Source) -> bool:
    return source.shape("prior_params")[1:] == (2,) and len(source.shape("encoder.conv_z.weight")) == 4


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if source.config.get("dist") == "laplace":
        raise IfpError(
            f"{source.path} was trained with Laplace posteriors (dist = laplace), and only Gaussian ones are read; "
            "give its codes with --codes file.npz."
        )
    if source.config.get("dist") == "flow" or any(name.startswith("prior_dist.") for name in source.weights):
        raise IfpError(
            f"{source.path} was trained with a learned prior (a normalizing flow), so its KL to N(0, 1) says nothing; "
            "give its codes with --codes file.npz."
        )
    activation = hidden_activation(options, "relu")
    linear = "encoder.fc1.weight" in source.weights
    encoder, image_shape = (_linear_encoder if linear else _conv_encoder)(source, activation)

    def decode(chain: ChainBuilder) -> None:
        if linear:
            _linear_decoder(chain, image_shape)
        else:
            _conv_decoder(chain, activation)

    return [
        assemble(
            FAMILY.title,
            source,
            options,
            encoder,
            image_shape,
            decode,
            Habits(head="interleaved", variance="log sigma"),
            lambda shape, latents: _training(source, shape, latents),
            # the linear encoder makes this layer and never calls it
            idle=("encoder.conv_z.weight", "encoder.conv_z.bias") if linear else (),
        )
    ]


def _linear_encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape]:
    image_shape, _ = flat_image(source, "encoder.fc1")
    encoder = ChainBuilder(source.weights, image_shape, {"prior_params"}).flatten()
    encoder.linear("encoder.fc1").activation(activation).linear("encoder.fc2").activation(activation)
    return encoder.linear("encoder.fc3"), image_shape


def _conv_encoder(source: Source, activation: str) -> tuple[ChainBuilder, ImageShape]:
    probe = ChainBuilder(source.weights, (), set())
    channels = int(probe.take("encoder.conv1.weight", 4).shape[1])
    # conv5 leaves one pixel, on which conv_z works as a linear layer
    side = image_side(1, 1, [(4, stride, padding) for stride, padding in STRIDES])
    encoder = ChainBuilder(source.weights, (channels, side, side), {"prior_params"})
    for n, (stride, padding) in enumerate(STRIDES, start=1):
        encoder.conv(f"encoder.conv{n}", stride, padding).batch_norm(f"encoder.bn{n}").activation(activation)
    return encoder.conv("encoder.conv_z", 1, 0).flatten(), (channels, side, side)


def _linear_decoder(chain: ChainBuilder, image_shape: ImageShape) -> None:
    for at in (0, 2, 4):
        chain.linear(f"decoder.net.{at}").activation("tanh")
    chain.linear("decoder.net.6").reshape(*image_shape)


def _conv_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.reshape(chain.shape[0], 1, 1)
    for layer, stride, padding in TRANSPOSED:
        chain.conv_transpose(f"decoder.{layer}", stride, padding)
        chain.batch_norm(f"decoder.bn{layer[-1]}").activation(activation)
    chain.conv_transpose("decoder.conv_final", 2, 1)


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    config = source.config
    likelihood = Assumption("likelihood", "bernoulli", "the code base")
    if config.get("exclude_mutinfo"):
        return Training(
            "bernoulli",
            likelihood,
            *beta_unknown("none: the index-code mutual information was not paid for", "the file"),
        )
    notes = "; it weighs the total correlation alone" if config.get("tcvae") else ""
    notes += "; raised from 0 during training" if config.get("beta_anneal") else ""
    notes += "; less of the dimension-wise KL early in training (lambda_anneal)" if config.get("lambda_anneal") else ""
    beta = beta_said(plain_number(config, "beta"), "beta", "rtqichen", image_shape, latents, notes)
    return Training("bernoulli", likelihood, *beta)


FAMILY = Family("rtqichen", "rtqichen/beta-tcvae", _recognises, _build)
