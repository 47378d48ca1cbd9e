"""rtqichen/beta-tcvae: linear layers, or convolutions with batch normalisation; its encoders give log sigma.

The file holds the arguments of training.

Source: vae_quant.py and lib/dist.py of that repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, flat_image, image_side
from ifp.checkpoints.rebuild.named_arrays import array_of
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import TC_ALONE, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.errors import IfpError

STRIDES = ((2, 1), (2, 1), (2, 1), (2, 1), (1, 0))
"""Stride and padding of the encoder's convolutions conv1 ... conv5, whose kernels are 4 x 4."""
TRANSPOSED = (("conv1", 1, 0), ("conv2", 1, 0), ("conv3", 2, 1), ("conv4", 2, 1), ("conv5", 2, 1))
"""Name, stride and padding of the decoder's transposed convolutions except the last."""


def _recognises(source: Source) -> bool:
    return source.shape("prior_params")[1:] == (2,) and len(source.shape("encoder.conv_z.weight")) == 4


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if source.config.get("dist") == "laplace":
        raise IfpError(
            f"{source.path} was trained with Laplace posteriors (dist = laplace), and only Gaussian ones are read; "
            "give its codes as ifp.Codes(mean, logvar)."
        )
    if source.config.get("dist") == "flow" or any(name.startswith("prior_dist.") for name in source.weights):
        raise IfpError(
            f"{source.path} was trained with a learned prior (a normalizing flow), so its KL to N(0, 1) has no "
            "meaning; give its codes as ifp.Codes(mean, logvar)."
        )
    (activation,) = hidden_activations(options, "relu")
    linear = "encoder.fc1.weight" in source.weights
    encoder, images = (_linear_encoder if linear else _conv_encoder)(source, activation.value)
    vae = assemble(
        FAMILY.title,
        source,
        options,
        encoder,
        images,
        activation,
        _linear_decoder if linear else lambda chain: _conv_decoder(chain, activation.value),
        Habits(head="interleaved", variance="log sigma"),
        _training,
        # the linear encoder has this layer and never calls it
        idle=("encoder.conv_z.weight", "encoder.conv_z.bias") if linear else (),
    )
    return [replace(vae, may_be_laplace="dist" not in source.config)]


def _linear_encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    images = flat_image(source.weights, "encoder.fc1", user=source.image_shape)
    encoder = ChainBuilder(source.weights, images.shape, {"prior_params"}).flatten()
    encoder.linear("encoder.fc1").activation(activation).linear("encoder.fc2").activation(activation)
    return encoder.linear("encoder.fc3"), images


def _conv_encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    channels = int(array_of(source.weights, "encoder.conv1.weight", 4).shape[1])
    # conv5 gives one pixel, to which conv_z applies as a linear layer
    side = image_side(1, 1, [(4, stride, padding) for stride, padding in STRIDES])
    images = Images((channels, side, side))
    encoder = ChainBuilder(source.weights, images.shape, {"prior_params"})
    for n, (stride, padding) in enumerate(STRIDES, start=1):
        encoder.conv(f"encoder.conv{n}", stride, padding).batch_norm(f"encoder.bn{n}").activation(activation)
    return encoder.conv("encoder.conv_z", 1, 0).flatten(), images


def _linear_decoder(chain: ChainBuilder) -> None:
    for place in (0, 2, 4):
        chain.linear(f"decoder.net.{place}").activation("tanh")
    chain.linear("decoder.net.6")


def _conv_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.reshape(chain.shape[0], 1, 1)
    for layer, stride, padding in TRANSPOSED:
        chain.conv_transpose(f"decoder.{layer}", stride, padding)
        chain.batch_norm(f"decoder.bn{layer[-1]}").activation(activation)
    chain.conv_transpose("decoder.conv_final", 2, 1)


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    config = source.config
    if config.get("exclude_mutinfo"):
        beta = no_beta("none: the index-code mutual information was not penalised")
        return Training("bernoulli", "the code base", beta)
    notes = TC_ALONE if config.get("tcvae") else ""
    notes += "; raised from 0 during training" if config.get("beta_anneal") else ""
    notes += "; less of the dimension-wise KL early in training (lambda_anneal)" if config.get("lambda_anneal") else ""
    beta = stated_beta(number_at(config, "beta"), "beta", "rtqichen", image_shape, latents, notes)
    return Training("bernoulli", "the code base", beta)


FAMILY = Family("rtqichen", "rtqichen/beta-tcvae", _recognises, _build)
