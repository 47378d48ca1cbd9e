"""ifp's own checkpoints, written by `ifp.checkpoints.native`.

Shapes: P = C x H x W pixels, H hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.ours_groups import Division, read_division
from ifp.checkpoints.native import VERSION
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import ImageShape, stated_image
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.training_facts import Beta, Training, held_at, no_beta
from ifp.checkpoints.vae import Assumption, Vae
from ifp.formats import VAE_FORMAT
from ifp.networks.convolutional import DECODER_LAYERS, ENCODER_LAYERS

_TRUNK, _HEAD, _DECODER = ("0", "1"), ("mean", "logvar"), ("decoder.0", "decoder.1", "decoder.out")
"""The layers of the fully connected networks."""
_FOLDED = ("input_scale_P", "mean_P", "output_scale")
"""Arrays that become part of the first and the last layer."""


def _recognises(source: Source) -> bool:
    return source.config.get("format") == VAE_FORMAT


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if source.config.get("format_version") != VERSION:
        raise ShapeMismatch(
            f"It is of format version {source.config.get('format_version')!r}, and this ifp reads {VERSION}."
        )
    images = stated_image(source.config.get("image_shape"))
    if images is None:
        raise ShapeMismatch(
            f"Its image_shape should be [channels, rows, columns] and is {source.config.get('image_shape')!r}."
        )
    (activation,) = hidden_activations(options, "relu")
    division = read_division(source, options)
    is_conv = f"{division.heads[0]}head.weight" in source.weights
    folded = source if is_conv else replace(source, weights=_folded(source.weights, division))
    trunk, head, decode = (_conv_trunk, _conv_head, _conv_decoder) if is_conv else (_mlp_trunk, _mlp_head, _mlp_decoder)
    encoder = division.encoder(
        folded.weights, images.shape, lambda chain, prefix: trunk(chain, prefix, activation.value), head
    )
    output = "values" if _likelihood(source) == "gaussian" else "logits"
    return [
        assemble(
            FAMILY.title, folded, options, encoder, images, activation,
            lambda chain: decode(chain, activation.value),
            Habits(output=output, named_head=not is_conv, encoder=("encoder.", "projection.")), _training,
            notes=division.notes(options),
        )
    ]  # fmt: skip


def _conv_trunk(chain: ChainBuilder, prefix: str, activation: str) -> ChainBuilder:
    for name, _, _, stride, padding in ENCODER_LAYERS:
        chain.conv(f"{prefix}{name}", stride, padding).activation(activation)
    return chain.flatten()


def _conv_head(chain: ChainBuilder, prefix: str) -> ChainBuilder:
    return chain.linear(f"{prefix}head")


def _conv_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.head")
    chain.reshape(chain.shape[0], 1, 1)
    for name, _, _, stride, padding in DECODER_LAYERS:
        chain.activation(activation).conv_transpose(f"decoder.{name}", stride, padding)


def _mlp_trunk(chain: ChainBuilder, prefix: str, activation: str) -> ChainBuilder:
    chain.flatten()
    for name in _TRUNK:
        chain.linear(f"{prefix}{name}").activation(activation)
    return chain


def _mlp_head(chain: ChainBuilder, prefix: str) -> ChainBuilder:
    return chain.stacked_linear([f"{prefix}{name}" for name in _HEAD])


def _mlp_decoder(chain: ChainBuilder, activation: str) -> None:
    chain.linear("decoder.0").activation(activation).linear("decoder.1").activation(activation).linear("decoder.out")


def _folded(weights: Weights, division: Division) -> Weights:
    """The arrays of a fully connected network, in which the centring and scaling of its input and the scale of its
    output become part of the first and the last layer.
    """
    folded = {name: array for name, array in weights.items() if name not in _FOLDED}
    trunks = [f"{prefix}{name}" for prefix in division.trunks for name in _TRUNK]
    heads = [f"{prefix}{name}" for prefix in division.heads for name in _HEAD]
    try:
        scale_P1 = weights["input_scale_P"].reshape(-1, 1)
        mean_P = weights["mean_P"].reshape(-1)
        output_scale = weights["output_scale"].reshape(())
        for layer in (*trunks, *heads, *_DECODER):
            # ifp's are [in, out]; PyTorch's linear layers hold [out, in]
            folded[f"{layer}.weight"] = weights[f"{layer}.weight"].T
            folded[f"{layer}.bias"] = weights[f"{layer}.bias"].reshape(-1)
        for first in (f"{prefix}{_TRUNK[0]}" for prefix in division.trunks):
            first_PH = weights[f"{first}.weight"] * scale_P1
            folded[f"{first}.weight"] = first_PH.T
            folded[f"{first}.bias"] = folded[f"{first}.bias"] - mean_P @ first_PH
        folded["decoder.out.weight"] = folded["decoder.out.weight"] * output_scale
        folded["decoder.out.bias"] = folded["decoder.out.bias"] * output_scale
    except (KeyError, ValueError) as error:
        raise ShapeMismatch(f"The arrays of its network do not fit together ({error}).") from error
    return folded


def _likelihood(source: Source) -> str:
    return "gaussian" if source.config.get("likelihood") == "gaussian" else "bernoulli"


def _training(source: Source, image_shape: ImageShape, latents: int) -> Training:
    """Likelihood and beta of training.

    ifp divides the squared error by 2 sigma^2, while `Vae` states beta beside the squared error itself.
    """
    likelihood, beta, sigma = _likelihood(source), number_at(source.config, "beta"), 0.0
    spread = 1.0
    if likelihood == "gaussian":
        sigma = number_at(source.config, "sigma") or 0.0
        spread = 2 * sigma * sigma
    if (capacity := _capacity_nats(source)) is not None:
        return Training(likelihood, "the file", held_at(capacity), 1 / spread if 0 < spread < math.inf else 1.0)
    if beta is None or not 0 < spread < math.inf or not beta * spread < math.inf:
        return Training(likelihood, "the file", no_beta("not stated (beta or sigma is missing or no number)"))
    units = f" (beta = {beta:g} where sigma = {sigma:g})" if likelihood == "gaussian" else ""
    note, tc_weight = "", number_at(source.config, "objective.options.beta")
    if word_at(source.config, "objective.name") == "beta-tc" and tc_weight is not None:
        note = f"; it weighs the whole KL, and the objective's beta = {tc_weight:g} the total correlation alone"
    assumption = Assumption("beta", f"{beta * spread:g}{units}{note}", "the file")
    return Training(likelihood, "the file", Beta(beta * spread, assumption), 1 / spread)


def _capacity_nats(source: Source) -> float | None:
    """The capacity at which AnnealedVAE held the KL at this step (`ifp.objectives.annealed`); None for others."""
    if word_at(source.config, "objective.name") != "annealed":
        return None
    highest, steps = (number_at(source.config, f"objective.options.{name}") for name in ("c_max", "threshold_steps"))
    if not highest or not steps or source.step is None:
        return None
    return min(highest, highest * source.step / steps)


FAMILY = Family("ifp", "ifp", _recognises, _build)
