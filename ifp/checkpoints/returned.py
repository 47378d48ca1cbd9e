"""What an encoder in memory returns, taken for mean and log variance: pairs, dictionaries, distributions, outputs.

A VAE's own code returns (mean, logvar); others return them by name (pythae's `embedding` and `log_covariance`), inside
an output (diffusers' `latent_dist`), as a `torch.distributions.Normal`, or beside a reconstruction. What leaves open
which of its parts is the mean is refused, never guessed.

Shapes: N images, D latents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ifp.checkpoints.vae import split_head, to_logvar
from ifp.errors import IfpError

MEANS = ("mean", "mu", "z_mean", "mean_z", "z_mu", "mu_z", "loc", "embedding", "qz_m", "qzm", "latent_mean")
"""Names under which code bases return the mean of the posterior."""
SPREADS: Mapping[str, tuple[str, ...]] = {
    "log variance": (
        "logvar", "log_var", "log_variance", "logvariance", "z_logvar", "z_log_var", "logvar_z", "log_var_z",
        "log_covariance", "latent_logvar", "lv",
    ),
    "log sigma": ("log_sigma", "logsigma", "log_std", "logstd", "log_stddev", "log_scale"),
    "sigma": ("stddev", "std", "sigma", "scale", "z_std"),
    "variance": ("variance", "var", "qz_v", "qzv", "z_var"),
}  # fmt: skip
"""Names under which they return its spread, by what that is; the first that is there counts."""
_INNER = ("latent_dist", "qz", "posterior", "latent_distribution")
"""Names of parts that hold the posterior themselves."""
_DEEPEST = 3


class NoPosteriorError(ValueError):
    """What was returned is no posterior; the message says what it is, for the middle of a sentence."""


def posterior_of(
    returned: Any, images: int, *, head: str | None = None, variance: str = "log variance"
) -> tuple[Tensor, Tensor]:
    """Mean and log variance, [N, D] each, of what an encoder or a whole VAE returned of a batch of N images.

    Parameters
    ----------
    head : how one tensor [N, 2D] holds both, one of `ifp.checkpoints.vae.HEADS`; None where that is not known.
    variance : what the second of two tensors is; a name that says it goes before.

    Raises
    ------
    NoPosteriorError : nothing in it, or more than one thing, can be taken for mean and spread.

    >>> mean, logvar = posterior_of({"mu": torch.zeros(2, 3), "sigma": torch.ones(2, 3)}, 2)
    >>> logvar.abs().max().item()
    0.0
    """
    if head is not None and _is_array(returned):
        out = torch.as_tensor(returned)
        if out.ndim != 2 or len(out) != images or out.shape[1] % 2:
            raise NoPosteriorError(f"a tensor of shape {list(out.shape)}, not [{images}, 2 x latents]")
        mean, spread = split_head(out, head)
        return mean, to_logvar(spread, variance)
    found = _find(returned, images, variance, _DEEPEST)
    if found is None:
        raise NoPosteriorError(told(returned))
    mean, spread, kind = found
    if kind == "log variance":
        return mean, spread
    return mean, to_logvar(spread, kind)


def told(returned: Any) -> str:
    """What was returned, for the middle of a sentence."""
    if isinstance(returned, tuple | list):
        kinds = [f"a {type(part).__name__}" for part in returned]
        return " and ".join(kinds) if len(kinds) == 2 else f"{len(kinds)} values"
    return f"a {type(returned).__name__}"


def _find(returned: Any, images: int, variance: str, depth: int) -> tuple[Tensor, Tensor, str] | None:
    if depth == 0 or _is_array(returned):
        return None
    if isinstance(returned, torch.distributions.Distribution) or hasattr(returned, "latent_dist"):
        inner = getattr(returned, "latent_dist", None)
        return _named(returned) if inner is None else _find(inner, images, variance, depth - 1)
    named = _named(returned)
    if named is not None:
        return named
    if not isinstance(returned, tuple | list):
        parts = [part for name, part in _items(returned) if name in _INNER]
        found = [one for part in parts if (one := _find(part, images, variance, depth - 1)) is not None]
        return found[0] if len(found) == 1 else None
    if len(returned) == 2 and all(map(_is_numbers, returned)):
        try:
            return torch.as_tensor(returned[0]), torch.as_tensor(returned[1]), variance
        except (TypeError, ValueError, RuntimeError):
            return None
    codes = [part for part in returned if _is_array(part) and part.ndim == 2 and len(part) == images]
    widths = {part.shape[1] for part in codes}
    if len(codes) == 2 and len(widths) == 1 and any(_is_array(p) and p.ndim > 2 for p in returned):
        return torch.as_tensor(codes[0]), torch.as_tensor(codes[1]), variance
    found = [one for part in returned if (one := _find(part, images, variance, depth - 1)) is not None]
    return found[0] if len(found) == 1 else None


def _named(returned: Any) -> tuple[Tensor, Tensor, str] | None:
    """Mean and spread by their names, and what the spread is; codes of more than one axis are laid out as one."""
    parts = dict(_items(returned))
    mean = next((parts[name] for name in MEANS if _is_array(parts.get(name))), None)
    spreads = [(kind, parts[name]) for kind, names in SPREADS.items() for name in names if _is_array(parts.get(name))]
    if mean is None or not spreads:
        return None
    kind, spread = spreads[0]
    return torch.as_tensor(mean).flatten(1), torch.as_tensor(spread).flatten(1), kind


def _items(returned: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a dictionary, a named tuple, a dataclass or a distribution by their names."""
    if isinstance(returned, Mapping):
        yield from ((str(name), part) for name, part in returned.items())
    elif hasattr(returned, "_asdict"):
        yield from returned._asdict().items()
    elif dataclasses.is_dataclass(returned):
        yield from ((field.name, getattr(returned, field.name)) for field in dataclasses.fields(returned))
    elif not isinstance(returned, tuple | list):
        names = (*MEANS, *(name for names in SPREADS.values() for name in names), *_INNER)
        for name in names:
            try:
                part = getattr(returned, name, None)
            except (NotImplementedError, IfpError, RuntimeError):
                continue
            if part is not None and not callable(part):
                yield name, part


def _is_array(part: Any) -> bool:
    return isinstance(part, Tensor | np.ndarray)


def _is_numbers(part: Any) -> bool:
    """Whether it may be an array: one, or a list that can become one."""
    return _is_array(part) or isinstance(part, list)
