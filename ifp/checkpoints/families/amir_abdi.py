"""amir-abdi/disentanglement-pytorch: two convolutional encoders and two of linear layers.

Layers are numbered by their place in one sequence named `main`. A convolutional encoder ends in one layer of 2D rows, a
linear encoder in two layers of D rows, where D is the number of latents. An autoencoder has the same arrays with D rows
instead of 2D, and a conditional VAE has those of a `tiler` as well; both are refused. The file does not state how the
model was trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, ImageShape, convolved_image, flat_image
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import Training, no_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

TRANSPOSED = ((3, 2, 1), (5, 2, 0), (7, 2, 0), (9, 2, 0), (11, 2, 0), (13, 1, 0))
"""Place, stride and padding of the layers of the convolutional decoder after the first."""


def _recognises(source: Source) -> bool:
    return len(source.shape("encoder.main.0.weight")) == 4 or len(source.shape("encoder.main.1.weight")) == 2


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if any(name.startswith("tiler.") for name in source.weights):
        raise IfpError(
            f"{source.path} holds a conditional VAE, whose encoder needs the label of each image too; give its codes "
            "as ifp.Codes(mean, logvar)."
        )
    (activation,) = hidden_activations(options, "relu")
    convolutional = "encoder.main.0.weight" in source.weights
    encoder, images = (_conv_encoder if convolutional else _linear_encoder)(source, activation.value)
    notes = _check_rows(source, encoder.shape[0]) if convolutional else ()
    return [
        assemble(
            FAMILY.title, source, options, encoder, images, activation,
            lambda chain: _decode(chain, activation.value), Habits(named_head=not convolutional), _training,
            notes=notes,
        )
    ]  # fmt: skip


def _conv_encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    """Six convolutions of width 4 with padding, or five of width 3 without."""
    padded = "encoder.main.10.weight" in source.weights
    places, kernel, padding, last = (range(0, 12, 2), 4, 1, 13) if padded else (range(0, 10, 2), 3, 0, 11)
    layers = [(f"encoder.main.{place}", 2, padding) for place in places]
    images = convolved_image(source.weights, layers, f"encoder.main.{last}", kernel, user=source.image_shape)
    encoder = ChainBuilder(source.weights, images.shape, set())
    for layer in layers:
        encoder.conv(*layer).activation(activation)
    return encoder.flatten().linear(f"encoder.main.{last}"), images


def _linear_encoder(source: Source, activation: str) -> tuple[ChainBuilder, Images]:
    """An encoder of linear layers with one hidden layer, or with four."""
    images = flat_image(source.weights, "encoder.main.1", user=source.image_shape)
    encoder = ChainBuilder(source.weights, images.shape, set()).flatten()
    deep = "encoder.main.7.weight" in source.weights
    for place in (1, 3, 5, 7) if deep else (1,):
        encoder.linear(f"encoder.main.{place}").activation(activation)
    return encoder.stacked_linear(["encoder.head_mu", "encoder.head_logvar"]), images


def _check_rows(source: Source, rows: int) -> tuple[Assumption, ...]:
    """Check the number of rows of the last layer against the codes that the decoder takes.

    Returns a note that the number of latents is a guess if there is no decoder.
    """
    shape = source.shape("decoder.main.1.weight") or source.shape("decoder.main.0.weight")
    if len(shape) < 2:
        return (Assumption("latents", f"{rows // 2} (no decoder to tell a VAE from an autoencoder)", "a guess"),)
    if shape[1] not in (rows, rows // 2):  # as many rows as codes means an autoencoder, which `assemble` refuses
        raise ShapeMismatch(f"The encoder gives {rows} values and the decoder takes {shape[1]}, not half as many.")
    return ()


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    return Training("bernoulli", "the code base", no_beta("not stated"))


def _decode(chain: ChainBuilder, activation: str) -> None:
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


FAMILY = Family("amir-abdi", "amir-abdi/disentanglement-pytorch", _recognises, _build)
