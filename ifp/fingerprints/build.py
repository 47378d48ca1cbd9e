"""From models to channels: latents, groups of latents, whole spaces and factors; the dead ones left out.

Shapes: N points, D latents, C channels, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ifp.codes import Codes
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.fingerprints.fingerprints import Fingerprints, GaussianFingerprints, JoinedFingerprints, LabelFingerprints
from ifp.fingerprints.information import information_bits
from ifp.fingerprints.models import FACTOR, WAYS, Channel, Model, Similarity
from ifp.fingerprints.similarity import measure_similarity
from ifp.system.progress import Progress, silent
from ifp.system.workers import Workers

LEAST_BITS = 0.01
"""Channels with at most this much information are dead, because their NMI would be a ratio of two zeros; the paper's
code has the same threshold."""


@dataclass(frozen=True, eq=False)
class ChannelComparison:
    """Channels compared, and those that held nothing to compare.

    Attributes
    ----------
    similarity : of the live channels of all models, then of the factors.
    dropped, dropped_bits : dead channels (and factors with one value) and their lower bound of I(X; U), bits.
    """

    similarity: Similarity
    dropped: tuple[Channel, ...]
    dropped_bits: np.ndarray


def latent_channels(
    models: Sequence[Model],
    *,
    by: str = "latent",
    group_size: int | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[GaussianFingerprints, tuple[Channel, ...]]:
    """Each latent of each model as a channel; each run of `group_size` latents; or each whole latent space.

    Raises
    ------
    IfpError : an unknown way, a group size that does not divide a model's latents, or models of different data.
    """
    _check_same_data(models)
    channels = tuple(
        Channel(_name(model, latents), place, latents)
        for place, model in enumerate(models)
        for latents in _split(model, by, group_size)
    )
    return _fingerprints(models, channels, device, dtype), channels


def factor_channels(
    codes: Codes, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[LabelFingerprints, tuple[Channel, ...]]:
    """The factors of the data as channels that tell each value apart without noise."""
    channels = tuple(Channel(name, FACTOR) for name in codes.factor_names)
    return LabelFingerprints(codes.factors_NF, device=device, dtype=dtype), channels


def compare_channels(
    models: Sequence[Model],
    *,
    by: str = "latent",
    group_size: int | None = None,
    with_factors: bool = True,
    least_bits: float = LEAST_BITS,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    workers: Workers | None = None,
    progress: Progress = silent,
) -> ChannelComparison:
    """All live channels of all models, and the factors, compared in pairs; by `workers` of a cluster, if given.

    Raises
    ------
    IfpError : as `latent_channels`, or no channel holds more than `least_bits` bits.
    """
    fingerprints, channels = latent_channels(models, by=by, group_size=group_size, device=device, dtype=dtype)
    bits_C = information_bits(fingerprints)
    live = [channel for channel, held in zip(channels, bits_C, strict=True) if held > least_bits]
    if not live:
        raise IfpError(
            f"No channel holds more than {least_bits:g} bits about which image it is (the most is {bits_C.max():.2g}), "
            "so that there is nothing to compare; give models that have learned something."
        )
    dropped = [(channel, held) for channel, held in zip(channels, bits_C, strict=True) if held <= least_bits]
    parts: list[Fingerprints] = [_fingerprints(models, live, device, dtype)]
    codes = models[0].codes
    if with_factors and codes.has_factors:
        moves_F = (codes.factors_NF != codes.factors_NF[0]).any(axis=0)
        _, factors = factor_channels(codes)
        dropped += [(factor, 0.0) for factor, moves in zip(factors, moves_F, strict=True) if not moves]
        if moves_F.any():
            parts.append(LabelFingerprints(codes.factors_NF[:, moves_F], device=device, dtype=dtype))
            live += [factor for factor, moves in zip(factors, moves_F, strict=True) if moves]
    similarity = measure_similarity(JoinedFingerprints(parts), live, workers=workers, progress=progress)
    return ChannelComparison(
        similarity, tuple(c for c, _ in dropped), np.array([held for _, held in dropped], dtype=float)
    )


def _fingerprints(
    models: Sequence[Model], channels: Sequence[Channel], device: torch.device | str, dtype: torch.dtype
) -> GaussianFingerprints:
    codes = [(models[channel.model].codes, list(channel.latents)) for channel in channels]
    means = [code.mean_ND[:, latents] for code, latents in codes]
    logvars = [code.logvar_ND[:, latents] for code, latents in codes]
    return GaussianFingerprints(means, logvars, device=device, dtype=dtype)


def _split(model: Model, by: str, group_size: int | None) -> list[tuple[int, ...]]:
    if by not in WAYS:
        raise unknown_name("kind of channel", by, WAYS)
    count = model.codes.num_latents
    if (by == "group") != (group_size is not None):
        raise IfpError(f"A group size goes with channels by group, and only with them, got by {by} and {group_size!r}.")
    size = {"latent": 1, "space": count}.get(by, group_size or 1)
    if group_size is not None and (group_size < 1 or count % group_size):
        raise bad_value("group size", group_size, f"a number that divides the {count} latents of {model.name}")
    return [tuple(range(first, first + size)) for first in range(0, count, size)]


def _name(model: Model, latents: tuple[int, ...]) -> str:
    if len(latents) == model.codes.num_latents:
        return model.name
    if len(latents) == 1:
        return f"{model.name} latent {latents[0]}"
    return f"{model.name} latents {latents[0]}-{latents[-1]}"


def _check_same_data(models: Sequence[Model]) -> None:
    if not models:
        raise IfpError("There is no model to compare; give at least one.")
    first = models[0]
    for model in models[1:]:
        if len(model.codes) != len(first.codes):
            raise IfpError(
                f"{first.name} and {model.name} are models of different data: {len(first.codes)} and "
                f"{len(model.codes)} images; compare models on the same images."
            )
        if model.codes.factor_names != first.codes.factor_names or not np.array_equal(
            model.codes.factors_NF, first.codes.factors_NF
        ):
            raise IfpError(
                f"{first.name} and {model.name} are models of different data: their images' factors differ; compare "
                "models on the same images."
            )
