"""erow/disentanglement_lib, the code of the DEFT paper: one convolutional or fully connected encoder, and DeVAE's.

Three layouts of the convolutional encoder over the years: two linear layers after four convolutions; the same with the
last one called `fc`; five convolutions and one linear layer (or two). Its activation was LeakyReLU from April to July
2021 and ReLU otherwise, and one version had LeakyReLU in the decoder alone: the arrays do not show it where the layout
is the first. Encoders of several groups are read by `ifp.checkpoints.families.erow_groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.gin import check_output, stated_likelihood
from ifp.checkpoints.families.sequential import layer_kinds, read_sequential, sequential_image
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder, ShapeMismatch
from ifp.checkpoints.rebuild.image_shapes import ImageShape
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source
from ifp.checkpoints.training_facts import Training, no_beta, stated_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError

_HABITS = Habits(encoder=("encode.",), decoder=("decode.",))
_LAYER_CODES = "decode.stage_embed.weight"
"""DeVAE's: its decoder sees a learnt code of the layer beside the latents."""
_MIXED = "relu in the encoder, leaky_relu in the decoder"
_FIRST_DOWN_TO_4 = 8
"""Number of the layer, a 4 x 4 convolution without stride, that the later layouts add after the four that halve."""
_COLOURFUL = ("color", "noisy", "scream", "shapes3d", "celeba", "finger", "imagenet", "cars3d", "mpi3d")


def convolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """(stride, padding) of the encoder's convolution with this number."""
    return (1, 0) if number >= _FIRST_DOWN_TO_4 else (2, 1)


def deconvolution(number: int, kernel: int, side: int) -> tuple[int, int]:
    """(stride, padding) of the decoder's: the one that starts from a single pixel has no stride."""
    return (1, 0) if side == 1 else (2, 1)


def read_encoder(chain: ChainBuilder, prefix: str, activation: str) -> ChainBuilder:
    """One encoder: `prefix`.net and, in the second layout, `prefix`.fc."""
    read_sequential(chain, f"{prefix}.net", activation, convolution)
    if f"{prefix}.fc.weight" in chain.weights:
        chain.activation(activation).linear(f"{prefix}.fc")
    return chain


def read_decoder(chain: ChainBuilder, source: Source, activation: str) -> None:
    """The decoder `decode.net`, which gives logits."""
    check_output(source.config)
    read_sequential(chain, "decode.net", activation, deconvolution, transposed=True)


def training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    """By the run's gin configuration."""
    config = source.config
    data = word_at(config, "dataset.name") or ""
    likelihood, whose = stated_likelihood(config), "the file"
    if likelihood is None:
        # what the configurations of coloured data choose
        colourful = any(word in data for word in _COLOURFUL)
        likelihood, whose = ("gaussian", "a guess") if colourful else ("bernoulli", "the code base")
    value = number_at(config, "vae.beta")
    if value is None and any(name.startswith(("deft", "devae.")) for name in config):
        return Training(likelihood, whose, no_beta("several, one after the other (DEFT) or one a layer (DeVAE)"))
    convention = "erow-bernoulli" if likelihood == "bernoulli" else "erow-l2"
    return Training(likelihood, whose, stated_beta(value, "vae.beta", convention, image_shape, latents))


def _recognises(source: Source) -> bool:
    return "encode.net.0.weight" in source.weights or "encode.net.1.weight" in source.weights


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    plain = _at_layer_0(source)
    return [_read(source, plain, options, activation) for activation in _activations(source, options)]


def _activations(source: Source, options: ReadingOptions) -> list[Assumption]:
    """The activations that the layout leaves open, the most likely first."""
    kinds = layer_kinds(source.weights, "encode.net")
    first_layout = kinds.get(_FIRST_DOWN_TO_4 + 1) == "linear" and "encode.fc.weight" not in source.weights
    # the decoders with batch normalisation came after the time of LeakyReLU
    normalised = any(name.startswith("decode.net.") and name.endswith(".running_mean") for name in source.weights)
    leaky = ("leaky_relu",) * (first_layout and not normalised)
    found = hidden_activations(options, "relu", *leaky)
    has_decoder = any(name.startswith("decode.") for name in source.weights)
    if len(found) > 1 and has_decoder:  # as one version had it (commit c875207)
        found.append(Assumption("activation", _MIXED, "a guess"))
    return found


def _read(source: Source, plain: Source, options: ReadingOptions, activation: Assumption) -> Vae:
    """The candidate with this activation; `plain` is `source` without what is of DeVAE alone."""
    images = sequential_image(plain.weights, "encode.net", convolution, source.image_shape)
    is_mixed = activation.value == _MIXED
    in_encoder, in_decoder = ("relu", "leaky_relu") if is_mixed else (activation.value, activation.value)
    encoder = read_encoder(ChainBuilder(plain.weights, images.shape, set()), "encode", in_encoder)
    if "encode.head.weight" in source.weights or len(encoder.shape) != 1:
        raise IfpError(
            f"{source.path} holds an encoder that gives codes without variances (ConvEncoder), which is no VAE's; "
            "give its codes with --codes file.npz."
        )

    def decode(chain: ChainBuilder) -> None:
        if _LAYER_CODES in plain.weights:
            raise ShapeMismatch(f"The layer's codes {_LAYER_CODES!r} do not fit 'decode.net.0'.")
        read_decoder(chain, source, in_decoder)

    layer = Assumption("layer", "0 of DeVAE's, the one without a projection", "the code base")
    return assemble(
        FAMILY.title, plain, options, encoder, images, activation, decode, _HABITS, training,
        notes=(layer,) if _LAYER_CODES in source.weights else (),
    )  # fmt: skip


def _at_layer_0(source: Source) -> Source:
    """DeVAE at its first layer: what the decoder sees of the layer is constant and becomes part of the first bias.

    The projections of the other layers go. Where the arrays do not fit they stay, and the decoder will not be read.
    """
    weights, first = source.weights, "decode.net.0"
    codes, weight, bias = (weights.get(name) for name in (_LAYER_CODES, f"{first}.weight", f"{first}.bias"))
    if codes is None:
        return source
    kept = {name: array for name, array in weights.items() if not name.startswith("encode.projs.")}
    if (
        weight is not None
        and bias is not None
        and codes.ndim == weight.ndim == 2
        and bias.shape == weight.shape[:1]
        and len(codes) > 0
        and codes.shape[1] < weight.shape[1]
    ):
        latents = weight.shape[1] - codes.shape[1]
        kept |= {f"{first}.weight": weight[:, :latents], f"{first}.bias": bias + weight[:, latents:] @ codes[0]}
        del kept[_LAYER_CODES]
    return replace(source, weights=kept)


FAMILY = Family("erow", "erow/disentanglement_lib", _recognises, _build)
