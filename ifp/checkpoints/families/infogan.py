"""GANs with informative codes: Natsu6767/InfoGAN-PyTorch, wangruoyu1126/TC-GAN, and ifp's own.

The encoder is the trunk `discriminator` and the head `netQ`. Its codes are uniform on [-1, 1]; they are handed over on
the scale of N(0, 1) (`ifp.uniform_codes`), which is said. There is no decoder: a generator needs noise beside codes.
It is handed over as a function of both.
Discrete codes are left out.

Source: models/*.py of both repositories, train.py for the keys of a file. Layers are spectrally normalised in TC-GAN's
networks for dSprites: their weight is `weight_orig` over u' W v.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.infogan_generator import Generator, OfNormalLatents, bounds_of
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.image_shapes import Images, flat_image, stated_image
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, array_of
from ifp.checkpoints.rebuild.user_choices import chosen_pixels
from ifp.checkpoints.settings_values import number_at, word_at
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT
from ifp.uniform_codes import LOWEST_LOGVAR, SCALE, SCALING

TITLE, OURS = "InfoGAN-PyTorch or TC-GAN", "ifp (GAN)"
LEAK = 0.1
"""Slope of the trunk's and Q's LeakyReLU."""
TRUNK, HEAD = "discriminator", "netQ"
_ENCODER = (f"{TRUNK}.", f"{HEAD}.")
"""How the names of the encoder's arrays begin."""
_HALVING = 4
"""A convolution of this kernel has stride 2 and padding 1, any other stride 1 and none."""
_SETS = {"lin": "linear layers", "conv": "convolutions of one pixel"}


class HandOver(nn.Module):
    """Mean and log variance of codes on [-1, 1], [N, 2D], on the scale of N(0, 1)."""

    def forward(self, out_NE: Tensor) -> Tensor:
        """See the class."""
        mean, logvar = out_NE.chunk(2, dim=1)
        return torch.cat([SCALE * mean, logvar.clamp(min=LOWEST_LOGVAR) + math.log(3)], 1)


def _recognises(source: Source) -> bool:
    first = any(f"{TRUNK}.{layer}1.weight{end}" in source.weights for layer in ("conv", "lin") for end in ("", "_orig"))
    return first and any(f"{HEAD}.{kind}_mu.weight" in source.weights for kind in _SETS)


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    if number_at(source.config, "num_con_c") == 0:
        raise IfpError(
            f"{source.path} is a GAN with discrete codes alone (num_con_c = 0), and only continuous ones are read; "
            "give its codes as ifp.Codes(mean, logvar)."
        )
    source = replace(source, weights=_normalised(source.weights))
    weights = source.weights
    images = _images(source)
    encoder = ChainBuilder(weights, images.shape, set())
    for name in _convolutions(weights):
        _convolution(encoder, TRUNK, name)
    if f"{TRUNK}.lin1.weight" in weights:
        encoder.flatten()
        for name in _numbered(weights, TRUNK, "lin"):
            encoder.linear(f"{TRUNK}.{name}")
            _batch_norm(encoder, f"{TRUNK}.bn_{name}")
            _leaky(encoder)
    kind = "lin" if f"{HEAD}.lin_mu.weight" in weights else "conv"
    if kind == "lin":
        encoder.linear(f"{HEAD}.lin1")
    else:
        encoder.conv(f"{HEAD}.conv1", 1, 0)
    _batch_norm(encoder, f"{HEAD}.bn1")
    _leaky(encoder)
    if kind == "conv":
        encoder.flatten()
        weights = encoder.weights = {**weights, **_as_linear(weights, ("conv_mu", "conv_var"))}
    encoder.stacked_linear([f"{HEAD}.{kind}_mu", f"{HEAD}.{kind}_var"])
    latents, shape = encoder.shape[0] // 2, encoder.shape
    encoder.layer(HandOver(), shape)
    idle = {f"{HEAD}.{kind}_disc.{part}" for part in ("weight", "bias")}
    _check_used(weights, encoder.used | idle)
    return [_vae(source, options, encoder, images, latents)]


def _vae(source: Source, options: ReadingOptions, encoder: ChainBuilder, images: Images, latents: int) -> Vae:
    ours = source.config.get("format") == GAN_FORMAT
    module, pixels = encoder.module(), chosen_pixels(options)
    bounds, generator, normal = None, "not read, so no information bound is known", None
    try:
        made = Generator.of(source, latents, images.shape)
        bounds, generator, normal = bounds_of(made, module), made.said, OfNormalLatents(made, images.shape)
    except ShapeMismatch as error:
        generator = f"not read, so no information bound is known: {error}"
    weight = number_at(source.config, "info_weight")
    objective = word_at(source.config, "objective.name") or "a GAN"
    stated = "" if weight is None else f"; the weight of information was {weight:g}"
    assumptions = (
        Assumption("scale", SCALING, "the code base"),
        Assumption("head", "halves", "the file"),
        Assumption("variance", "log variance", "the code base"),
        Assumption("activation", f"leaky_relu of slope {LEAK:g}", "the code base"),
        pixels.assumption,
        Assumption("likelihood", f"none: {objective}", "the file" if ours else "the code base"),
        Assumption("beta", f"none: a GAN has no KL{stated}", "the file" if ours else "the code base"),
        images.assumption,
        Assumption("latents", f"{latents} continuous codes", "the shapes"),
        Assumption("generator", generator, "the shapes"),
        Assumption("decoder", "none: a generator needs noise beside the codes", "the code base"),
    )
    return Vae(
        family=OURS if ours else TITLE,
        encoder=module,
        decoder=None,
        num_latents=latents,
        image_shape=images.shape,
        head="halves",
        likelihood="none",
        pixel_mean=pixels.mean,
        pixel_std=pixels.std,
        assumptions=assumptions,
        named_head=True,
        code_bounds=bounds,
        generator=normal,
        generator_latents=0 if normal is None else normal.latents,
    )


def _images(source: Source) -> Images:
    """The images that the trunk takes: as many halvings as it has, from what its last layers leave."""
    weights, stated = source.weights, stated_image(source.config.get("image_shape"))
    names = _convolutions(weights)
    if not names:
        return flat_image(weights, f"{TRUNK}.lin1", source.config.get("image_shape"), user=source.image_shape)
    if stated is not None:
        return stated
    arrays = [array_of(weights, f"{TRUNK}.{name}.weight", 4) for name in names]
    halvings = sum(array.shape[2] == _HALVING for array in arrays)
    if len(arrays) > halvings:
        side = next(array.shape[2] for array in arrays if array.shape[2] != _HALVING)
    elif f"{TRUNK}.lin1.weight" in weights:
        side = math.isqrt(array_of(weights, f"{TRUNK}.lin1.weight", 2).shape[1] // max(arrays[-1].shape[0], 1))
    else:
        side = array_of(weights, f"{HEAD}.conv1.weight", 4).shape[2]
    side = side * 2**halvings
    return Images((int(arrays[0].shape[1]), side, side))


def _convolutions(weights: Weights) -> list[str]:
    return list(_numbered(weights, TRUNK, "conv"))


def _numbered(weights: Weights, network: str, kind: str) -> Iterator[str]:
    """The names kind1, kind2, ... as far as the network has them."""
    n = 1
    while f"{network}.{kind}{n}.weight" in weights:
        yield f"{kind}{n}"
        n += 1


def _convolution(chain: ChainBuilder, network: str, name: str) -> None:
    halves = array_of(chain.weights, f"{network}.{name}.weight", 4).shape[2] == _HALVING
    chain.conv(f"{network}.{name}", *((2, 1) if halves else (1, 0)))
    _batch_norm(chain, f"{network}.bn{name.removeprefix('conv')}")
    _leaky(chain)


def _batch_norm(chain: ChainBuilder, name: str) -> None:
    if f"{name}.weight" in chain.weights:
        chain.batch_norm(name)


def _leaky(chain: ChainBuilder) -> None:
    chain.layer(nn.LeakyReLU(LEAK), chain.shape)


def _as_linear(weights: Weights, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Convolutions of one pixel as linear layers."""
    found = {}
    for name in names:
        weight = array_of(weights, f"{HEAD}.{name}.weight", 4)
        if weight.shape[2:] != (1, 1):
            raise ShapeMismatch(f"{HEAD}.{name} should be a convolution of one pixel and has {list(weight.shape)}.")
        found[f"{HEAD}.{name}.weight"] = weight[:, :, 0, 0]
    return found


def _normalised(weights: Weights) -> dict[str, np.ndarray]:
    """The weights, those of trunk and Q that are spectrally normalised divided by their largest singular value."""
    found = {name: array for name, array in weights.items() if not name.endswith(("_orig", "weight_u", "weight_v"))}
    for name, array in weights.items():
        if not (name.endswith(".weight_orig") and name.startswith(_ENCODER)):
            continue
        layer = name.removesuffix(".weight_orig")
        u_O, v_I = (array_of(weights, f"{layer}.weight_{side}", 1).astype(np.float64) for side in "uv")
        if array.ndim < 2 or (len(u_O), len(v_I)) != (len(array), math.prod(array.shape[1:])):
            raise ShapeMismatch(f"The singular vectors of {layer!r} do not fit its weight {list(array.shape)}.")
        largest = float(u_O @ array.reshape(len(array), -1).astype(np.float64) @ v_I)
        if not (math.isfinite(largest) and largest > 0):
            raise ShapeMismatch(f"The spectral norm of {layer!r} is {largest:g}, no positive number.")
        found[f"{layer}.weight"] = (array / largest).astype(np.float32)
    return found


def _check_used(weights: Weights, used: set[str]) -> None:
    """Raise ShapeMismatch for an array of trunk or Q that was left over: a layer would be missing."""
    left = [name for name in sorted(weights) if name.startswith(_ENCODER) and name not in used]
    left = [name for name in left if not name.endswith("num_batches_tracked")]
    if left:
        raise ShapeMismatch(f"Trunk and Q have arrays that this reader has no place for: {', '.join(left[:5])}.")


FAMILY = Family("infogan", TITLE, _recognises, _build)
