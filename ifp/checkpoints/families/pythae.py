"""pythae (benchmark_VAE): its default fully connected networks, and the convolutional ones it ships for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.pythae_models import LOGVAR, MEAN, about_posterior, refuse_other_posteriors
from ifp.checkpoints.families.sequential import numbered_blocks
from ifp.checkpoints.rebuild.assemble import Habits, assemble, learnt_prior, set_aside
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image, stated_image
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import lookup, number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import Beta, Training, no_beta, stated_beta
from ifp.checkpoints.vae import Vae
from ifp.theory.conventions import CONVENTIONS

_STRIDE, _PADDING = 2, 1
"""Stride and padding of every convolution in the encoders."""
_DECODERS = {
    3: (4, ((2, 1, 0), (2, 1, 1), (2, 1, 1))),  # MNIST
    4: (8, ((2, 1, 0), (2, 1, 1), (1, 2, 0))),  # CIFAR
    5: (8, ((2, 2, 0), (2, 1, 0), (2, 2, 1), (1, 1, 0))),  # CelebA
}
"""Decoders by the width of their transposed convolutions: the side of the first grid, and stride, padding and output
padding of each layer."""
_BESIDE = ("discriminator.", "pseudo_inputs.")
"""Beginnings of the names of arrays that belong to training, not to encoder and decoder."""
_MIXTURE_PRIOR = "pseudo_inputs."
"""Beginning of the names of the arrays of a VampPrior."""
_PLAIN = ("VAEConfig", "FactorVAEConfig")
"""Classes of models whose KL has the weight 1; FactorVAE adds the total correlation."""
_HABITS = Habits(output="probabilities", about_head=", of the two layers embedding and log_var", named_head=True)


def _recognises(source: Source) -> bool:
    names = source.weights
    shipped = f"{MEAN}.weight" in names and any(name.startswith("encoder.layers.") for name in names)
    named = str(source.config.get("name", "")).endswith("Config") and "latent_dim" in source.config
    return shipped or (named and any(name.startswith("encoder.") for name in names))


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    refuse_other_posteriors(source)
    weights = source.weights
    (activation,) = hidden_activations(options, "relu")
    images = _images(source)
    encoder = ChainBuilder(weights, images.shape, set())
    blocks = numbered_blocks(weights, "encoder.layers")
    if weights[f"{blocks[0]}.0.weight"].ndim == 2:
        encoder.flatten()
        for block in blocks:
            encoder.linear(f"{block}.0").activation(activation.value)
    else:
        for block in blocks:
            encoder.conv(f"{block}.0", _STRIDE, _PADDING).batch_norm(f"{block}.1").activation(activation.value)
        encoder.flatten()
    encoder.stacked_linear([MEAN, LOGVAR])
    return [
        assemble(
            FAMILY.title, set_aside(source, _BESIDE), options, encoder, images, activation,
            lambda chain: _decode(chain, activation.value), _HABITS, _training,
            notes=(*learnt_prior(source, _MIXTURE_PRIOR), *about_posterior(source)),
        )
    ]  # fmt: skip


def _images(source: Source) -> Images:
    """The images by the file's input_dim if it is the shape of an image and fits, else by the shapes of the arrays."""
    layers = [f"{block}.0" for block in numbered_blocks(source.weights, "encoder.layers")]
    first = source.shape(f"{layers[0]}.weight")
    stated = lookup(source.config, "input_dim")
    if len(first) == 2:
        return flat_image(source.weights, layers[0], stated, user=source.image_shape)
    images = stated_image(stated)
    if images is not None and images.shape[0] == first[1]:
        return images
    return convolved_image(
        source.weights, [(layer, _STRIDE, _PADDING) for layer in layers], MEAN, user=source.image_shape
    )


def _decode(chain: ChainBuilder, activation: str) -> None:
    weights = chain.weights
    # in two of the networks the first linear layer is in a block of its own, in the others it is not
    first = "decoder.layers.0.0" if "decoder.layers.0.0.weight" in weights else "decoder.layers.0"
    chain.linear(first)
    rest = numbered_blocks(weights, "decoder.layers", first=1)
    if not rest:
        raise ShapeMismatch("The array 'decoder.layers.1.0.weight' is missing.")
    shape = weights[f"{rest[0]}.0.weight"].shape
    if len(shape) == 2:
        for block in rest:
            chain.activation(activation).linear(f"{block}.0")
        chain.activation("sigmoid")
        return
    side, steps = _DECODERS.get(shape[-1], (0, ()))
    if len(steps) != len(rest):
        raise ShapeMismatch(
            f"{len(rest)} blocks that begin with {rest[0] + '.0'!r} {list(shape)} are no shipped decoder."
        )
    chain.reshape(int(shape[0]), side, side)
    for block, (stride, padding, output_padding) in zip(rest, steps, strict=True):
        chain.conv_transpose(f"{block}.0", stride, padding, output_padding)
        if block != rest[-1]:
            chain.batch_norm(f"{block}.1").activation(activation)
    chain.activation("sigmoid")


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    loss = word_at(source.config, "reconstruction_loss")
    likelihood, convention = ("bernoulli", "pythae-bce") if loss == "bce" else ("gaussian", "pythae-mse")
    beta = _beta(source, convention, image_shape, latents)
    whose = "the code base" if loss is None else "the file"
    return Training(likelihood, whose, beta, CONVENTIONS[convention].weight)


def _beta(source: Source, convention: str, image_shape: ImageShape, latents: int) -> Beta:
    name = word_at(source.config, "name") or ""
    note = "" if convention == "pythae-bce" else "; half of it for pythae up to 0.1.1, which did not halve its errors"
    if name in _PLAIN:
        return stated_beta(1.0, f"{name}: beta", convention, image_shape, latents, note)
    if name == "BetaVAEConfig":
        return stated_beta(number_at(source.config, "beta"), "beta", convention, image_shape, latents, note)
    return no_beta(f"not one weight of the KL in {name}" if name else "not stated (no model_config.json with a name)")


FAMILY = Family("pythae", "pythae (benchmark_VAE)", _recognises, _build)
