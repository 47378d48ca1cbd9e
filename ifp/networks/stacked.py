"""The training engine: M networks with stacked parameters that train as one batch, every step one Adam update of each.

Annealing (`ifp.annealing.ensemble`) and training (`ifp.training.trainer`) both train on it, so that what makes a step
faster on a device (kernels of Adam, lay-out in memory, precision) is written here, once.

On a CPU with one thread a member's numbers do not depend, to the last bit, on which others are in the batch. That takes
more than independent members:

- kernels round alike wherever a member lies in a tensor only if its slice is whole vectors, so the fused Adam, whose
  tail rounds differently, gets only parameters of that kind;
- on a CPU a product of a batch of one takes another code path than one of more, so a member alone is given a twin.

Shapes: M members, R rows of the stacked tensors (the members, or a member alone and its twin).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ifp.networks.fully_connected import FROZEN_PARAMETERS, VECTOR, Network, Parameters

Moments = dict[str, dict[str, Tensor]]
"""What Adam remembers of each parameter: "step", "exp_avg", "exp_avg_sq"; parameters not yet trained are missing."""
ADAM_BETAS = (0.9, 0.999)
"""Decay rates of Adam's two moments, the defaults of its paper (Kingma and Ba 2015)."""


class StackedAdam:
    """One Adam for the stacked parameters of R members; it is element-wise, so it is R separate Adams.

    Parameters
    ----------
    parameters : the leaves to be trained, [R, ...] each.
    learning_rate, betas : Adam's, for all members.
    moments : of every row, to go on from; empty for a fresh start.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        learning_rate: float,
        betas: tuple[float, float] = ADAM_BETAS,
        moments: Sequence[Moments] = (),
    ) -> None:
        self.parameters = dict(parameters)
        self._learning_rate = learning_rate
        self._optimizer = torch.optim.Adam(list(parameters.values()), lr=learning_rate, betas=betas)
        self._rates: Mapping[str, float] | None = None
        self._rate_of: dict[str, float] = {}
        self.set_rates({})
        if moments:
            names = [name for name in self.parameters if name in moments[0]]
            self._remember({name: _stack_moments([row[name] for row in moments]) for name in names})

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Multiply the learning rate of parameters whose names begin so; what Adam remembers of them stays.

        The longest beginning counts, and a parameter without one has the factor 1. At 0 a parameter rests: its memory
        and its count of steps stay as they are.
        """
        if rates == self._rates:
            return
        self._rates = dict(rates)
        self._rate_of = {name: _rate(name, rates) for name in self.parameters}
        groups: dict[tuple[float, bool], list[Tensor]] = {}
        for name, parameter in self.parameters.items():
            groups.setdefault((self._rate_of[name], _is_whole(parameter)), []).append(parameter)
        self._optimizer.param_groups.clear()
        for (rate, whole), parameters in groups.items():
            # the fused Adam is one pass over memory, but its tail rounds differently
            kernel = {"fused": True} if whole else {"foreach": True}
            self._optimizer.add_param_group({"params": parameters, "lr": self._learning_rate * rate, **kernel})

    def descend(self, outputs: Sequence[Tensor], gradients: Sequence[Tensor] | None = None) -> None:
        """One step along the gradient of `outputs` (scalars, or any tensors with the gradients to start from).

        A parameter that does not reach the outputs rests. Nothing waits for the device.
        """
        leaves = list(self.parameters.values())
        found = torch.autograd.grad(outputs, leaves, gradients, allow_unused=True)
        for (name, parameter), gradient in zip(self.parameters.items(), found, strict=True):
            # without a gradient Adam passes a parameter over, its memory and its count of steps included
            rests = gradient is None or not self._rate_of[name]
            parameter.grad = None if rests else _as_laid_out(gradient, parameter)
        self._optimizer.step()

    def moments_of(self, row: int) -> Moments:
        """What Adam remembers of the member at `row`, as copies."""
        return {
            name: {
                key: torch.as_tensor(value).detach().clone() if key == "step" else value[row].clone()
                for key, value in remembered.items()
            }
            for name, remembered in self._remembered().items()
        }

    def keep(self, parameters: Mapping[str, Tensor], rows_R: Tensor) -> None:
        """Go on with these leaves, the parameters of the members at `rows_R` of before."""
        moments = {
            name: {key: value if key == "step" else value[rows_R] for key, value in remembered.items()}
            for name, remembered in self._remembered().items()
        }
        rates, self._rates = self._rates or {}, None
        self.parameters = dict(parameters)
        self._optimizer.state.clear()
        self.set_rates(rates)
        self._remember(moments)

    def _remembered(self) -> Moments:
        state = self._optimizer.state
        return {name: state[parameter] for name, parameter in self.parameters.items() if parameter in state}

    def _remember(self, moments: Moments) -> None:
        for name, kept in moments.items():
            parameter = self.parameters[name]
            # the fused kernels count steps on the device, the others on the host
            where = parameter.device if _is_whole(parameter) else torch.device("cpu")
            self._optimizer.state[parameter] = {
                "step": kept["step"].to(where, copy=True),
                "exp_avg": torch.empty_like(parameter).copy_(kept["exp_avg"]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(kept["exp_avg_sq"]),
            }


class StackedVaes:
    """M VAEs in training: stacked parameters, their Adam, and the two passes of the network at a precision.

    Parameters
    ----------
    network : shapes and formulas.
    members : each member's parameters, without the member axis; copied.
    device, learning_rate : of all members.
    precision : "float32", or "bfloat16" for the products of both passes; parameters and what follows stay float32.
    moments : each member's, to go on from.
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
    ) -> None:
        self.network, self.device = network, device
        self._low_precision = precision == "bfloat16"
        self._channels_last = channels_last
        self.row_members = self._rows_for(len(members))
        rows = self.row_members
        self.parameters = self._leaves(
            {name: torch.stack([members[row][name] for row in rows]).to(device) for name in members[0]}
        )
        self.adam = StackedAdam(self._trained(), learning_rate, moments=[moments[row] for row in rows if moments])

    def __len__(self) -> int:
        """M."""
        return self.row_members[-1] + 1

    def _rows_for(self, members: int) -> list[int]:
        alone = members == 1 and self.network.twin_alone and self.device.type == "cpu"
        return [0, 0] if alone else list(range(members))

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

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._low_precision)

    def parameters_of(self, row: int) -> Parameters:
        """The parameters of the member at `row`, as copies."""
        return {name: value.detach()[row].clone() for name, value in self.parameters.items()}

    def keep(self, members: Sequence[int]) -> list[int]:
        """Drop all members but these, with what Adam remembers of them; returns the rows of before that stay."""
        rows = [list(members)[row] for row in self._rows_for(len(members))]
        self.row_members = self._rows_for(len(members))
        rows_R = torch.tensor(rows, device=self.device)
        self.parameters = self._leaves({name: value.detach()[rows_R] for name, value in self.parameters.items()})
        self.adam.keep(self._trained(), rows_R)
        return rows


def _stack_moments(rows: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One parameter's moments of all rows; members that train together have taken the same number of steps."""
    stacked = {key: torch.stack([row[key] for row in rows]) for key in ("exp_avg", "exp_avg_sq")}
    return {"step": rows[0]["step"], **stacked}


def _rate(name: str, rates: Mapping[str, float]) -> float:
    """The factor of the longest beginning of `name` that has one, else 1.

    >>> _rate("encoder.1.weight", {"encoder.": 0.5, "encoder.1.": 0.1}), _rate("decoder.0.bias", {"encoder.": 0.5})
    (0.1, 1.0)
    """
    fitting = [prefix for prefix in rates if name.startswith(prefix)]
    return rates[max(fitting, key=len)] if fitting else 1.0


def _is_whole(parameter: Tensor) -> bool:
    return parameter[0].numel() % VECTOR == 0


def _with_channels_last(stacked: Tensor) -> Tensor:
    """A lone member's stacked weights, those of a convolution with the channels last in memory."""
    return stacked[0].contiguous(memory_format=torch.channels_last)[None] if stacked.ndim == 5 else stacked


def _as_laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient with the parameter's strides: the fused Adam walks memory, whatever they are."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
