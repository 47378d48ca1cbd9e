"""Members: what one VAE of an annealing run is trained on, and how the trained ones are grouped into chunks.

Shapes: N images, P pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ifp.annealing.config import AnnealConfig
from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import VECTOR, LinearNetwork, MlpNetwork, Network, Parameters, PixelStatistics
from ifp.seeds import derive_seed
from ifp.theory.reduction import ReducedTraversal, reduce_traversal, rotate_gaussian

PIXEL_COLUMNS = ("mean_P", "input_scale_P", "decoder.out.weight", "decoder.out.bias")
"""Parameters of `MlpNetwork` with a column per pixel."""


@dataclass(frozen=True)
class Member:
    """One curve to be trained: a traversal, a seed and a direction.

    Attributes
    ----------
    factor, context, seed, direction : its labels.
    images : the traversal, [N, C, H, W] uint8, or [N, ...] float.
    beta_closed_form, beta_upper : its edges, which set its range of beta.
    """

    factor: str
    context: tuple[int, ...]
    seed: int
    direction: str
    images: np.ndarray
    beta_closed_form: float
    beta_upper: float

    @property
    def key(self) -> str:
        """A name that is unique in a run and does not depend on the run's other members."""
        return f"{self.factor}|{'-'.join(map(str, self.context))}|{self.seed}|{self.direction}"

    def torch_generator(self, seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
        """The member's own stream of random numbers for `purpose`."""
        return torch.Generator(device).manual_seed(derive_seed(seed, self.key, purpose))


@dataclass(frozen=True)
class MemberData:
    """One member's images as its network sees them, before padding.

    `values_NP` is uint8 where the source is, else float32; `constant_nats` is the cost of what was dropped.
    """

    values_NP: np.ndarray
    weight_P: np.ndarray
    constant_nats: float

    @cached_property
    def statistics(self) -> PixelStatistics:
        """Mean image, the output bias that reproduces it, and the scale of the data (1 for pixels in [0, 1])."""
        values = self.values_NP / 255.0 if self.values_NP.dtype == np.uint8 else self.values_NP.astype(np.float64)
        mean = values.mean(0)
        unit = self.values_NP.dtype == np.uint8 or (values.min() >= 0 and values.max() <= 1)
        scale = 1.0 if unit else float(np.sqrt((values - mean).var(0).max()))
        return PixelStatistics(_float(self.weight_P), _float(mean), _float(mean), scale)


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def member_data(images: np.ndarray, config: AnnealConfig) -> MemberData:
    """The images of one traversal, reduced where the architecture allows it."""
    if config.architecture == "conv":
        flat = images.reshape(len(images), -1)
        return MemberData(flat, np.ones(flat.shape[1]), 0.0)
    likelihood = config.pixel_likelihood
    reduced = reduce_traversal(images, likelihood)
    if likelihood.by_distance and reduced.values_NP.shape[1] >= len(images):
        reduced = rotate_gaussian(reduced)
        return MemberData(reduced.values_NP.astype(np.float32), reduced.weight_P, reduced.constant_nats)
    return _in_source_type(reduced, images.dtype)


def data_of(members: Sequence[Member], config: AnnealConfig) -> list[MemberData]:
    """The members' reduced images; members of one traversal share them."""
    known: dict[int, MemberData] = {}
    for m in members:
        if id(m.images) not in known:
            known[id(m.images)] = member_data(m.images, config)
    return [known[id(m.images)] for m in members]


def _in_source_type(reduced: ReducedTraversal, dtype: np.dtype) -> MemberData:
    values = reduced.values_NP
    stored = np.round(values * 255).astype(np.uint8) if dtype == np.uint8 else values.astype(np.float32)
    return MemberData(stored, reduced.weight_P, reduced.constant_nats)


def make_network(config: AnnealConfig, image_shape: tuple[int, ...]) -> Network:
    """The network that the config names."""
    if config.architecture == "conv":
        channels, height, width = image_shape
        return ConvNetwork((channels, height, width), config.latents)
    if config.architecture == "linear":
        return LinearNetwork(config.latents)
    return MlpNetwork(config.hidden, config.latents)


def network_width(pixels: int, config: AnnealConfig) -> int:
    """Pixels that the network of a member sees, padding included; few pixels are half a vector where that is safe."""
    if config.architecture == "conv":
        return pixels
    # by hand (ifp.networks.mlp_step) every array of pixels is whole vectors, however few pixels an image has
    by_hand = config.architecture == "mlp" and config.precision == "float32"
    return VECTOR // 2 if by_hand and pixels <= VECTOR // 2 else padded_width(pixels)


def padded_width(pixels: int) -> int:
    """Pixels after padding: the next of 32, 64, 96, 128, 160, 192, 224, 256, 320, ... (multiples of 32, 4 an octave).

    The ladder is fixed, so that a member's arithmetic does not depend on which others are in its batch.
    """
    next_power_of_two = 1 << (pixels - 1).bit_length()
    step = max(VECTOR, next_power_of_two // 8)
    return math.ceil(pixels / step) * step


def chunk_members(data: Sequence[MemberData], config: AnnealConfig, most: int) -> list[list[int]]:
    """Group members of one shape, in order, in as few even chunks as have at most `most` members each."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, one in enumerate(data):
        images, pixels = one.values_NP.shape
        groups.setdefault((images, network_width(pixels, config)), []).append(index)
    sizes = {shape: even_size(len(group), most) for shape, group in groups.items()}
    return [group[i : i + sizes[shape]] for shape, group in groups.items() for i in range(0, len(group), sizes[shape])]


def even_size(count: int, most: int) -> int:
    """The size of the largest of as few even parts as are at most `most` each.

    >>> even_size(200, 64), even_size(200, 512)
    (50, 200)
    """
    return math.ceil(count / math.ceil(count / most))


def stack_data(data: Sequence[MemberData], width: int, device: str | torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [M, N, P] and pixel weights [M, P] on the device; padding pixels are 0 with weight 0."""
    images = [np.pad(d.values_NP, ((0, 0), (0, width - d.values_NP.shape[1]))) for d in data]
    weight = [np.pad(d.weight_P, (0, width - len(d.weight_P))) for d in data]
    return torch.from_numpy(np.stack(images)).to(device), _float(np.stack(weight)).to(device)


def fresh_parameters(
    member: Member, data: MemberData, network: Network, config: AnnealConfig, width: int
) -> dict[str, torch.Tensor]:
    """The member's initial parameters, padded; the same alone or among others."""
    known = data.statistics
    bias = config.pixel_likelihood.output_for(known.mean_P.double())
    # At the mean image itself the bias has no gradient but rounding, of which Adam's first step would make a whole
    # step. Beside it, towards 0, the first step leads there.
    step = config.learning_rate * known.scale
    bias = torch.where(bias < 0, bias + step, bias - step).float()
    # drawn for whole vectors, so that the random numbers of a network do not depend on how few pixels are enough
    drawn = width if config.architecture == "conv" else padded_width(width)
    pad = (0, drawn - len(bias))
    statistics = PixelStatistics(
        torch.nn.functional.pad(known.weight_P, pad),
        torch.nn.functional.pad(known.mean_P, pad),
        torch.nn.functional.pad(bias, pad),
        known.scale,
    )
    parameters = network.initial(statistics, member.torch_generator(config.seed, "weights"))
    return parameters if drawn == width else _narrowed(parameters, width)


def _narrowed(parameters: Parameters, width: int) -> Parameters:
    """The parameters of an `MlpNetwork` without those of the last pixels, which are padding."""
    return {
        name: value[:width] if name == "encoder.0.weight" else value[:, :width] if name in PIXEL_COLUMNS else value
        for name, value in parameters.items()
    }
