"""ifp's own checkpoints whose encoder is divided into groups of latents.

The networks are those of `ifp.networks.grouped` and `ifp.networks.shared_trunk`. The stage is stored in the file; for
its meaning see `ifp.checkpoints.families.group_encoder`.

Shapes: G groups of K latents each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ifp.checkpoints.families.group_encoder import GroupEncoder
from ifp.checkpoints.rebuild.chain import ChainBuilder
from ifp.checkpoints.rebuild.named_arrays import ShapeMismatch, array_of
from ifp.checkpoints.source import ReadingOptions, Source, Weights
from ifp.checkpoints.vae import Assumption
from ifp.errors import bad_value

AddLayers = Callable[[ChainBuilder, str], ChainBuilder]
"""Adds the layers whose names begin with a prefix to a chain, and returns the chain."""
_UNDIVIDED, _TRUNK = "encoder.", "encoder.trunk."
_LAST_LAYERS = ("head", "mean")


@dataclass(frozen=True)
class Division:
    """How the arrays of the encoder are named, group by group.

    Attributes
    ----------
    trunks : how the names of all layers except the last begin, for all groups together or for each group.
    heads : how the names of the last layers begin, for each group.
    stage : number of the group that is being trained; None if the encoder is not divided.
    """

    trunks: tuple[str, ...] = (_UNDIVIDED,)
    heads: tuple[str, ...] = (_UNDIVIDED,)
    stage: int | None = None

    def encoder(self, weights: Weights, shape: tuple[int, ...], trunk: AddLayers, head: AddLayers) -> ChainBuilder:
        """The chain from images of `shape` to 2GK values, all means and then all log variances.

        Parameters
        ----------
        trunk, head : add all layers except the last, and the last layer.
        """
        start = ChainBuilder(weights, shape, set())
        if len(self.trunks) == 1:
            trunk(start, self.trunks[0])
        if self.stage is None:
            return head(start, self.heads[0])
        groups = []
        for number, name in enumerate(self.heads):
            group = ChainBuilder(weights, start.shape, start.used)
            groups.append(head(trunk(group, self.trunks[number]) if len(self.trunks) > 1 else group, name))
        sizes = {group.shape for group in groups}
        if len(sizes) > 1 or groups[0].shape[0] % 2:
            raise ShapeMismatch(
                f"The groups of its encoder should each give as many means as log variances and give {sorted(sizes)}."
            )
        projections = _projections(start, len(groups), groups[0].shape[0] // 2)
        grouped = GroupEncoder([group.module() for group in groups], self.stage, projections, added=True)
        return start.layer(grouped, (len(groups) * groups[0].shape[0],))

    def notes(self, options: ReadingOptions) -> tuple[Assumption, ...]:
        """Assumptions about the groups, for the user."""
        if self.stage is None:
            return ()
        return (
            Assumption("groups", f"{len(self.heads)} of equal size", "the shapes"),
            Assumption("stage", str(self.stage), "the file" if options.stage is None else "an option"),
        )


def read_division(source: Source, options: ReadingOptions) -> Division:
    """How the encoder of a checkpoint is divided.

    Raises
    ------
    ShapeMismatch : if the encoder is divided and the file does not state its stage.
    IfpError : if the stage that the user states is not the number of a group.
    """
    if not any(f"encoder.0.{last}.weight" in source.weights for last in _LAST_LAYERS):
        return Division()
    heads = ["encoder.0."]
    while any(name.startswith(f"encoder.{len(heads)}.") for name in source.weights):
        heads.append(f"encoder.{len(heads)}.")
    stage = source.config.get("stage")
    if options.stage is not None:
        if not 0 <= options.stage < len(heads):
            raise bad_value("stage", options.stage, f"a whole number from 0 to {len(heads) - 1}, the last group")
        stage = options.stage
    if not isinstance(stage, int) or isinstance(stage, bool) or not 0 <= stage < len(heads):
        raise ShapeMismatch(f"Its stage should be a whole number from 0 to {len(heads) - 1} and is {stage!r}.")
    shared = any(name.startswith(_TRUNK) for name in source.weights)
    return Division((_TRUNK,) if shared else tuple(heads), tuple(heads), stage)


def _projections(chain: ChainBuilder, groups: int, size: int) -> torch.Tensor | None:
    """W1 and W2 of each group [G, 2, K]; None if there are none."""
    if "projection.0.mean" not in chain.weights:
        return None
    projections = []
    for group in range(groups):
        for part in ("mean", "logvar"):
            name = f"projection.{group}.{part}"
            if array_of(chain.weights, name, 2).shape != (1, size):
                raise ShapeMismatch(
                    f"{name!r} should have the shape {[1, size]} and has {[*chain.weights[name].shape]}."
                )
            projections.append(chain.take(name, 2))
    return torch.cat(projections).reshape(groups, 2, size)
