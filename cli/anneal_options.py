"""The options of `ifp anneal` that set its config: each one's default is the preset's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ifp.cli.option_help import PRESET
from ifp.errors import bad_value

Function = TypeVar("Function", bound=Callable[..., Any])


def _beta_limit(ctx: click.Context, param: click.Parameter, value: str | None) -> str | float | None:
    """A positive number, or "auto" for the traversal's own edges."""
    if value is None or value == "auto":
        return value
    try:
        return float(value)
    except ValueError as error:
        raise bad_value(param.name or "beta", value, "a positive number or 'auto'") from error


def _setting(name: str, kind: Any, text: str, **more: Any) -> Callable[[Function], Function]:
    return click.option(name, type=kind, help=text, show_default=more.pop("show_default", PRESET), **more)


_SETTINGS = [
    _setting("--dataset", str, "A name from `ifp data list`, npz:PATH or images:FOLDER.", show_default="required"),
    _setting("--preset", str, "quick, standard, or author (the published protocol).", show_default="standard"),
    _setting("--method", str, "closed-form, exact, train, or both; with --whole train, multi-rate or closed-form."),
    _setting("--direction", str, "cool (beta falls), heat (beta rises), or both."),
    _setting("--factor", str, "A factor to test; repeat for several.", multiple=True, show_default="all"),
    _setting("--contexts", int, "Contexts per factor: values at which the other factors are held."),
    _setting("--seeds", int, "Networks trained per context."),
    _setting("--seed", int, "The seed of contexts, weights and noise."),
    _setting("--nuisance", str, "fixed or random within a traversal: instance, colour, noise."),
    _setting(
        "--background",
        click.Path(path_type=Path),
        "The picture behind sprites-scream.",
        show_default="a texture made here",
    ),
    _setting("--likelihood", str, "bernoulli or gaussian."),
    _setting(
        "--sigma", float, "Standard deviation of the gaussian likelihood, pixels in [0, 1] (--pixel-sigma of train)."
    ),
    _setting("--threshold", float, "Total KL that counts as frozen, nats."),
    _setting("--architecture", str, "mlp, conv (the paper's) or linear."),
    _setting("--latents", int, "Latents per network."),
    _setting("--hidden", int, "Hidden units per layer of the mlp."),
    _setting("--law", str, "How beta moves: geometric, linear, or author (70 exp(-15 t) + 1)."),
    _setting("--beta-max", str, "Highest beta; auto takes it from each traversal's edges.", callback=_beta_limit),
    _setting("--beta-min", str, "Lowest beta; auto takes it from each traversal's edges.", callback=_beta_limit),
    _setting(
        "--exact-floor",
        str,
        "Beta down to which exact curves go; auto ends them past the last freezing.",
        callback=_beta_limit,
    ),
    _setting("--steps", int, "Optimizer steps of one annealing branch."),
    _setting("--hold-steps", int, "Steps at the starting beta before it."),
    _setting("--batch", int, "Images per step; a smaller traversal is repeated as often as fits."),
    _setting("--learning-rate", float, "Adam's learning rate."),
    _setting("--records", int, "Evaluations along one branch."),
    _setting("--precision", str, "Products of networks: float32, and on a GPU tf32 or bfloat16."),
    _setting("--stop-recon", float, "Stop a member below this reconstruction, nats; 0 for never."),
]
_FIELDS = {"factor": "factors", "threshold": "threshold_nats", "stop_recon": "stop_recon_nats"}


def config_options(function: Function) -> Function:
    """Add every option that sets the config."""
    for option in reversed(_SETTINGS):
        function = option(function)
    return function


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that the user gave, by the names of `AnnealConfig`; "auto" becomes None.

    >>> given_settings({"factor": ("posX",), "threshold": 0.2, "steps": None, "beta_max": "auto"})
    {'factors': ['posX'], 'threshold_nats': 0.2, 'beta_max': None}
    """
    settings: dict[str, Any] = {}
    for option, value in options.items():
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Path):
            value = str(value)
        settings[_FIELDS.get(option, option)] = None if value == "auto" else value
    return settings
