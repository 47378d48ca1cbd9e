"""erow/disentanglement_lib's encoders of several groups (FracEncoder), which DEFT trains one after the other.

What an encoder gives depends on the stage, see `ifp.checkpoints.families.group_encoder`. The stage is not stored in the
file. If the groups have projections, it is inferred from them, since only those of finished groups were ever trained.

Shapes: N images, G groups of K latents each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ifp.checkpoints.families.erow import convolution, read_decoder, read_encoder, training
from ifp.checkpoints.families.family import Family
from ifp.checkpoints.families.group_encoder import GroupEncoder
from ifp.checkpoints.families.sequential import layer_kinds, sequential_image
from ifp.checkpoints.rebuild.assemble import Habits, assemble
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch
from ifp.checkpoints.rebuild.user_choices import hidden_activations
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption, Vae
from ifp.errors import bad_value

CONTAINERS = ("sub_encoders", "encoders", "convs")
"""Names of the list of groups: from 2022 on, from 2021-09 to 2022-08, and in 2021-04, when all groups were trained
together."""
ADDED, SCALED = "logvar + W2", "logvar x exp(W2)"
"""The two forms of the projected log variance."""
_HABITS = Habits(
    about_head=", within each group; groups one after the other",
    named_head=True,
    encoder=("encode.",),
    decoder=("decode.",),
)
_MAX_GROUPS = 100
"""Maximum number of groups."""


def _recognises(source: Source) -> bool:
    return _container(source.weights) is not None


def _container(weights: Weights) -> str | None:
    for name in CONTAINERS:
        if f"encode.{name}.0.net.0.weight" in weights:
            return f"encode.{name}"
    return None


def _build(source: Source, options: ReadingOptions) -> Sequence[Vae]:
    container = _container(source.weights)
    if container is None:
        raise ShapeMismatch(f"It has no array of a group, such as 'encode.{CONTAINERS[0]}.0.net.0.weight'.")
    num_groups = 0
    while f"{container}.{num_groups}.net.0.weight" in source.weights and num_groups < _MAX_GROUPS:
        num_groups += 1
    projections = _projections(source.weights, num_groups)
    stage = _stage(options, container, num_groups, projections)
    return [
        _read(source, options, container, num_groups, projections, stage, activation, projection)
        for projection in _projection_forms(source.weights, container, int(stage.value), projections)
        for activation in _activations(options, container)
    ]


def _projections(weights: Weights, num_groups: int) -> np.ndarray | None:
    """W1 and W2 of each group [G, 2, K]; None if the file has none."""
    if "encode.projs.0.W1" not in weights:
        return None
    names = [[f"encode.projs.{group}.W{which}" for which in (1, 2)] for group in range(num_groups)]
    flat = [name for pair in names for name in pair]
    missing = [name for name in flat if name not in weights]
    if missing:
        raise ShapeMismatch(f"The array {missing[0]!r} is missing.")
    sizes = {weights[name].shape for name in flat}
    if len(sizes) > 1 or len(next(iter(sizes))) != 2:
        raise ShapeMismatch(f"The projections 'encode.projs' should all be [1, K] and are {sorted(map(list, sizes))}.")
    return np.array([[weights[name].reshape(-1) for name in pair] for pair in names], dtype=np.float32)


def _stage(options: ReadingOptions, container: str, num_groups: int, projections_G2K: np.ndarray | None) -> Assumption:
    if options.stage is not None:
        if not 0 <= options.stage <= num_groups:
            raise bad_value("stage", options.stage, f"a whole number from 0 to the number of groups, {num_groups}")
        return Assumption("stage", str(options.stage), "an option")
    if projections_G2K is not None:
        trained = np.flatnonzero(projections_G2K.any(axis=(1, 2)))
        return Assumption("stage", str(int(trained[-1]) + 1 if len(trained) else 0), "the file")
    # nothing in the file tells whether a group was ever trained
    return Assumption("stage", str(num_groups - 1), "the code base" if container.endswith(CONTAINERS[2]) else "a guess")


def _projection_forms(
    weights: Weights, container: str, stage: int, projections_G2K: np.ndarray | None
) -> list[tuple[bool, Assumption | None]]:
    """Pairs (whether W2 is added, the assumption), the most likely first."""
    if projections_G2K is None or not projections_G2K[:stage, 1].any():
        return [(True, None)]
    # the code adds W2, except from July to September 2022, when it multiplied; the layouts that have a linear layer at
    # 9 or 13 are older than that
    kinds = layer_kinds(weights, f"{container}.0.net")
    if kinds.get(9) == "linear" or kinds.get(13) == "linear":
        return [(True, Assumption("projection", ADDED, "the code base"))]
    return [(added, Assumption("projection", ADDED if added else SCALED, "a guess")) for added in (True, False)]


def _activations(options: ReadingOptions, container: str) -> list[Assumption]:
    return hidden_activations(options, *(("leaky_relu", "relu") if container.endswith(CONTAINERS[2]) else ("relu",)))


def _read(
    source: Source,
    options: ReadingOptions,
    container: str,
    num_groups: int,
    projections_G2K: np.ndarray | None,
    stage: Assumption,
    activation: Assumption,
    projection: tuple[bool, Assumption | None],
) -> Vae:
    weights = source.weights
    images = sequential_image(weights, f"{container}.0.net", convolution, source.image_shape)
    used: set[str] = set()
    groups = [
        read_encoder(ChainBuilder(weights, images.shape, used), f"{container}.{group}", activation.value)
        for group in range(num_groups)
    ]
    rows = {group.shape for group in groups}
    if len(rows) > 1 or len(groups[0].shape) != 1 or groups[0].shape[0] % 2:
        raise ShapeMismatch(
            f"The groups of {container!r} should each give as many means as log variances and give {sorted(rows)}."
        )
    size = groups[0].shape[0] // 2
    if projections_G2K is not None and projections_G2K.shape[-1] != size:
        raise ShapeMismatch(
            f"'encode.projs' projects {projections_G2K.shape[-1]} latents, and a group of {container!r} has {size}."
        )
    used.update(name for name in weights if projections_G2K is not None and name.startswith("encode.projs."))
    # the version with the first layout in `sub_encoders` had ReLU in the encoder and LeakyReLU in the decoder
    mixed = container.endswith(CONTAINERS[0]) and layer_kinds(weights, f"{container}.0.net").get(9) == "linear"
    in_decoder = "leaky_relu" if mixed and activation.source != "an option" else activation.value
    added, form = projection
    tensor = None if projections_G2K is None else torch.from_numpy(projections_G2K)
    grouped = GroupEncoder([group.module() for group in groups], int(stage.value), tensor, added)
    return assemble(
        FAMILY.title,
        source,
        options,
        ChainBuilder(weights, images.shape, used).layer(grouped, (2 * num_groups * size,)),
        images,
        activation,
        lambda chain: read_decoder(chain, source, in_decoder),
        _HABITS,
        training,
        notes=(
            Assumption("groups", f"{num_groups} of {size} latents", "the shapes"),
            stage,
            *(() if form is None else (form,)),
        ),
    )


FAMILY = Family("erow_groups", "erow/disentanglement_lib, encoders of groups (DEFT)", _recognises, _build)
