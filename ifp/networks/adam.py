"""StackedAdam: one Adam for the stacked parameters of many members, fused where that rounds alike for all of them.

The fused Adam is one pass over memory, but on a CPU its tail rounds differently from the rest. There only parameters
whose slice per member is whole vectors get it, so that a member's numbers do not depend on where it lies in a tensor.
On other devices all do, with what Adam counts on the device too, so that its steps can be recorded as a CUDA graph.

Shapes: R rows of the stacked tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ifp.networks.fully_connected import VECTOR

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
            groups.setdefault((self._rate_of[name], _is_fused(parameter)), []).append(parameter)
        self._optimizer.param_groups.clear()
        for (rate, fused), parameters in groups.items():
            kernel = {"fused": True} if fused else {"foreach": True}
            kernel["capturable"] = parameters[0].device.type not in ("cpu", "mps")
            self._optimizer.add_param_group({"params": parameters, "lr": self._learning_rate * rate, **kernel})

    def descend(self, outputs: Sequence[Tensor], gradients: Sequence[Tensor] | None = None) -> None:
        """One step along the gradient of `outputs` (scalars, or any tensors with the gradients to start from).

        A parameter that does not reach the outputs rests. Nothing waits for the device.
        """
        self.follow(self.gradients(outputs, gradients))

    def gradients(
        self, outputs: Sequence[Tensor], gradients: Sequence[Tensor] | None = None, *, again: bool = False
    ) -> Sequence[Tensor | None]:
        """The gradient of `outputs` in each parameter, None where it does not reach them.

        `again` keeps the graph, so that another loss of the same step can be differentiated after this one.
        """
        leaves = list(self.parameters.values())
        return torch.autograd.grad(outputs, leaves, gradients, allow_unused=True, retain_graph=again or None)

    def follow(self, gradients: Sequence[Tensor | None]) -> None:
        """One step along these gradients, one per parameter."""
        for (name, parameter), gradient in zip(self.parameters.items(), gradients, strict=True):
            # without a gradient Adam passes a parameter over, its memory and its count of steps included
            if gradient is None or not self._rate_of[name]:
                parameter.grad = None
            else:
                parameter.grad = _as_laid_out(gradient, parameter)
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
            where = parameter.device if _is_fused(parameter) else torch.device("cpu")
            self._optimizer.state[parameter] = {
                "step": kept["step"].to(where, copy=True),
                "exp_avg": torch.empty_like(parameter).copy_(kept["exp_avg"]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(kept["exp_avg_sq"]),
            }


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


def _is_fused(parameter: Tensor) -> bool:
    return parameter.device.type != "cpu" or parameter[0].numel() % VECTOR == 0


def _as_laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient with the parameter's strides: the fused Adam walks memory, whatever they are."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
