"""The training engine: M networks with stacked parameters that train as one batch, every step one Adam update of each.

Annealing (`ifp.annealing.ensemble`) and training (`ifp.training.trainer`) both train on it, so that what makes a step
faster on a device (kernels of Adam, lay-out in memory, precision) is written here, once.

On a CPU with one thread a member's numbers do not depend, to the last bit, on which others are in the batch. That takes
more than independent members:

- kernels round alike wherever a member lies in a tensor only if its slice is whole vectors (`ifp.networks.adam`);
- on a CPU a product of a batch of one may take another code path than one of more: where that is so (it is tried), or
  could not be tried, a member alone is given a twin.

Shapes: M members, R rows of the stacked tensors (the members, or a member alone and its twin).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ifp.networks.adam import Moments, StackedAdam
from ifp.networks.convolution_choice import faster_network
from ifp.networks.fully_connected import FROZEN_PARAMETERS, Network, Parameters
from ifp.networks.latent_norms import latent_norms
from ifp.system.kernels import kernels_of
from ifp.system.precision import set_products


class StackedVaes:
    """M VAEs in training: stacked parameters, their Adam, and the two passes of the network at a precision.

    Parameters
    ----------
    network : shapes and formulas.
    members : each member's parameters, without the member axis; copied.
    device, learning_rate : of all members.
    precision : of the products of both passes, one of `ifp.system.precision.PRECISIONS`; parameters and what follows
        stay float32.
    moments : each member's, to go on from.
    alike_alone : whether a member alone is known to round as one among others, so that it needs no twin.
    channels_last : whether a member alone on a CPU has its convolutions' weights with the channels last: faster, and
        rounded differently.

    Attributes
    ----------
    parameters : all of the network's, [R, ...] each. adam : the optimizer of those that are trained.
    row_members : the member at each row of the tensors.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Parameters],
        *,
        device: torch.device,
        learning_rate: float,
        precision: str = "float32",
        moments: Sequence[Moments] = (),
        channels_last: bool = False,
        alike_alone: bool = False,
    ) -> None:
        self.device = device
        self._low_precision = precision == "bfloat16"
        self._channels_last = channels_last
        self._twin_alone = network.twin_alone and not alike_alone and device.type == "cpu"
        self.network = network
        self.row_members = self._rows_for(len(members))
        rows = self.row_members
        self.parameters = self._leaves(
            {name: torch.stack([members[row][name] for row in rows]).to(device) for name in members[0]}
        )
        if device.type == "cuda":
            set_products(precision)
            self.network = faster_network(network, self.parameters, precision)
        self.adam = StackedAdam(self._trained(), learning_rate, moments=[moments[row] for row in rows if moments])

    def __len__(self) -> int:
        """M."""
        return self.row_members[-1] + 1

    def _rows_for(self, members: int) -> list[int]:
        return [0, 0] if members == 1 and self._twin_alone else list(range(members))

    def _leaves(self, stacked: Parameters) -> Parameters:
        if self._channels_last and self.device.type == "cpu" and len(self.row_members) == 1:
            stacked = {name: _with_channels_last(value) for name, value in stacked.items()}
        return {name: value.requires_grad_(name not in FROZEN_PARAMETERS) for name, value in stacked.items()}

    def _trained(self) -> Parameters:
        return {name: value for name, value in self.parameters.items() if value.requires_grad}

    def for_rows(self, values_M: Tensor) -> Tensor:
        """Each member's values, [M, ...], for every row of the tensors."""
        twins = len(self.row_members) - len(values_M)
        return values_M.expand(len(self.row_members), *values_M.shape[1:]) if twins else values_M

    def kernels(self, *work: object) -> AbstractContextManager[None]:
        """The block in which `work` is done, named with the shapes of its inputs: see `ifp.system.kernels`.

        Convolutions and bfloat16 are what oneDNN does on a CPU.
        """
        if self.device.type != "cpu" or (self.network.twin_alone and not self._low_precision):
            return nullcontext()
        shapes = (value.shape[1:] for value in self.parameters.values())
        return kernels_of((self.network, self._low_precision, *shapes, *work))

    def encode(self, x_RNP: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance, [R, N, D] each, float32."""
        with self._autocast():
            mean, logvar = self.network.encode(self.parameters, x_RNP)
        return (mean.float(), logvar.float()) if self._low_precision else (mean, logvar)

    def decode(self, z_RBD: Tensor) -> Tensor:
        """Logits or means [R, B, P], float32."""
        with self._autocast():
            out = self.network.decode(self.parameters, z_RBD)
        return out.float() if self._low_precision else out

    def latent_norms(self) -> Tensor:
        """Euclidean norm of the first decoder layer's weights that read each latent [R, D], without a gradient."""
        return latent_norms(self.parameters)

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self._low_precision else nullcontext()

    def parameters_of(self, row: int) -> Parameters:
        """The parameters of the member at `row`, as copies."""
        return {name: value.detach()[row].clone() for name, value in self.parameters.items()}

    def keep(self, members: Sequence[int]) -> list[int]:
        """Drop all members but these, with what Adam remembers of them; returns the rows of before that stay."""
        rows = [list(members)[row] for row in self._rows_for(len(members))]
        self.row_members = self._rows_for(len(members))
        rows_R = torch.tensor(rows).to(self.device)
        self.parameters = self._leaves({name: value.detach()[rows_R] for name, value in self.parameters.items()})
        self.adam.keep(self._trained(), rows_R)
        return rows


def _with_channels_last(stacked: Tensor) -> Tensor:
    """A lone member's stacked weights, those of a convolution with the channels last in memory."""
    return stacked[0].contiguous(memory_format=torch.channels_last)[None] if stacked.ndim == 5 else stacked
