"""erow/disentanglement_lib, the code of the DEFT paper: one convolutional or fully connected encoder, and DeVAE's.

The convolutional encoder has had three layouts: two linear layers after four convolutions; the same with the last layer
called `fc`; five convolutions and one linear layer (or two). The activation was LeakyReLU from April to July 2021 and
ReLU otherwise, and one version had LeakyReLU in the decoder alone. The arrays of the first layout do not show which of
them a model has. Encoders of several groups are read by `ifp.checkpoints.families.erow_groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.gin import check_output, stated_likelihood
from ifp.checkpoints.families.sequential import layer_kinds, read_sequential, sequential_image
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import ImageShape
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import Training, no_beta, stated_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

_HABITS = Habits(encoder=("encode.",), decoder=("decode.",))
_LAYER_CODES = "decode.stage_embed.weight"
"""DeVAE's learnt codes of its layers, one of which its decoder takes in addition to the latents."""
_MIXED = "relu in the encoder, leaky_relu in the decoder"
"""The activation of the version that had LeakyReLU in the decoder alone."""
_FIRST_WITHOUT_STRIDE = 8
"""Number of the layer that the third layout adds after the four convolutions of stride 2, a 4 x 4 convolution."""
_COLOURED = ("color", "noisy", "scream", "shapes3d", "celeba", "finger", "imagenet", "cars3d", "mpi3d")
"""Words in the names of data sets with coloured images."""


def convolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """Stride and padding of a convolution of the encoder, by its number."""
    return (1, 0) if number >= _FIRST_WITHOUT_STRIDE else (2, 1)


def deconvolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """Stride and padding of a transposed convolution of the decoder, by the side of its input."""
    return (1, 0) if side == 1 else (2, 1)


def read_encoder(chain: ChainBuilder, prefix: str, activation: str) -> ChainBuilder:
    """Add the layers of one encoder to a chain: `prefix`.net and, in the second layout, `prefix`.fc."""
    read_sequential(chain, f"{prefix}.net", activation, convolution)
    if f"{prefix}.fc.weight" in chain.weights:
        chain.activation(activation).linear(f"{prefix}.fc")
    return chain


def read_decoder(chain: ChainBuilder, source: Source, activation: str) -> None:
    """Add the layers of the decoder `decode.net`, which gives logits, to a chain.

    Raises
    ------
    ShapeMismatch : if the settings state that it gives something else.
    """
    check_output(source.config)
    read_sequential(chain, "decode.net", activation, deconvolution, transposed=True)


def training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    """Likelihood and beta of training by the gin configuration of the run."""
    config = source.config
    data = word_at(config, "dataset.name") or ""
    likelihood, likelihood_source = stated_likelihood(config), "the file"
    if likelihood is None:
        # the configurations for coloured data choose the squared error
        is_coloured = any(word in data for word in _COLOURED)
        likelihood, likelihood_source = ("gaussian", "a guess") if is_coloured else ("bernoulli", "the code base")
    value = number_at(config, "vae.beta")
    if value is None and any(name.startswith(("deft", "devae.")) for name in config):
        no_single = no_beta("several, one after the other (DEFT) or one per layer (DeVAE)")
        return Training(likelihood, likelihood_source, no_single)
    convention = "erow-bernoulli" if likelihood == "bernoulli" else "erow-l2"
    return Training(likelihood, likelihood_source, stated_beta(value, "vae.beta", convention, image_shape, latents))


def _recognises(source: Source) -> bool:
    return "encode.net.0.weight" in source.weights or "encode.net.1.weight" in source.weights


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    first_layer = _at_layer_0(source)
    return [_read(source, first_layer, options, activation) for activation in _activations(source, options)]


def _activations(source: Source, options: ReadingOptions) -> list[Assumption]:
    """The activations that the layout leaves open, the most likely first."""
    kinds = layer_kinds(source.weights, "encode.net")
    first_layout = kinds.get(_FIRST_WITHOUT_STRIDE + 1) == "linear" and "encode.fc.weight" not in source.weights
    # decoders with batch normalisation are newer than the versions with LeakyReLU
    normalised = any(name.startswith("decode.net.") and name.endswith(".running_mean") for name in source.weights)
    leaky = ("leaky_relu",) * (first_layout and not normalised)
    activations = hidden_activations(options, "relu", *leaky)
    has_decoder = any(name.startswith("decode.") for name in source.weights)
    if len(activations) > 1 and has_decoder:  # commit c875207
        activations.append(Assumption("activation", _MIXED, "a guess"))
    return activations


def _read(source: Source, first_layer: Source, options: ReadingOptions, activation: Assumption) -> Vae:
    """The candidate with this activation; `first_layer` is `_at_layer_0(source)`."""
    images = sequential_image(first_layer.weights, "encode.net", convolution, source.image_shape)
    is_mixed = activation.value == _MIXED
    in_encoder, in_decoder = ("relu", "leaky_relu") if is_mixed else (activation.value, activation.value)
    encoder = read_encoder(ChainBuilder(first_layer.weights, images.shape, set()), "encode", in_encoder)
    if "encode.head.weight" in source.weights or len(encoder.shape) != 1:
        raise IfpError(
            f"{source.path} holds an encoder that gives codes without variances (ConvEncoder), which is no VAE's; "
            "give its codes as ifp.Codes(mean, logvar)."
        )

    def decode(chain: ChainBuilder) -> None:
        if _LAYER_CODES in first_layer.weights:
            raise ShapeMismatch(f"The codes of the layers {_LAYER_CODES!r} do not fit 'decode.net.0'.")
        read_decoder(chain, source, in_decoder)

    layer = Assumption("layer", "0 of DeVAE's layers, the one without a projection", "the code base")
    return assemble(
        FAMILY.title, first_layer, options, encoder, images, activation, decode, _HABITS, training,
        notes=(layer,) if _LAYER_CODES in source.weights else (),
    )  # fmt: skip


def _at_layer_0(source: Source) -> Source:
    """DeVAE at its first layer; the source itself for other models.

    The code of the layer is constant, so its contribution to the decoder's first layer becomes part of the bias. The
    projections of the other layers are removed. If the arrays do not fit, the codes stay in the result and the decoder
    is not read.
    """
    weights, first = source.weights, "decode.net.0"
    codes, weight, bias = (weights.get(name) for name in (_LAYER_CODES, f"{first}.weight", f"{first}.bias"))
    if codes is None:
        return source
    at_layer = {name: array for name, array in weights.items() if not name.startswith("encode.projs.")}
    if (
        weight is not None
        and bias is not None
        and codes.ndim == weight.ndim == 2
        and bias.shape == weight.shape[:1]
        and len(codes) > 0
        and codes.shape[1] < weight.shape[1]
    ):
        latents = weight.shape[1] - codes.shape[1]
        at_layer |= {f"{first}.weight": weight[:, :latents], f"{first}.bias": bias + weight[:, latents:] @ codes[0]}
        del at_layer[_LAYER_CODES]
    return replace(source, weights=at_layer)


FAMILY = Family("erow", "erow/disentanglement_lib", _recognises, _build)
