"""The options of `ifp train` that set its config: each one's default is the preset's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ifp.cli.option_help import PRESET
from ifp.datasets.correlated import DEFAULT_SIGMA, make_pairs, parse_sigma
from ifp.errors import IfpError
from ifp.system.json_text import parse_json
from ifp.system.settings import whole_as_int

Function = TypeVar("Function", bound=Callable[..., Any])


def _setting(name: str, kind: Any, text: str, **more: Any) -> Callable[[Function], Function]:
    return click.option(name, type=kind, help=text, show_default=more.pop("show_default", PRESET), **more)


_SETTINGS = [
    _setting("--dataset", str, "A name from `ifp data list`, npz:PATH or images:FOLDER.", show_default="required"),
    _setting(
        "--preset", str,
        "quick, standard, or a study: locatello2019, deft-baselines, yanndubs, cascadevae, controlvae, dynamicvae or "
        "topdis.",
        show_default="standard",
    ),
    _setting(
        "--objective", str,
        "beta, annealed, cascade, beta-tc, factor, dip-i, dip-ii, control, dynamic, deft or topdis; for GANs infogan "
        "or ic-gan.",
        show_default="beta",
    ),
    _setting(
        "--option", str, "NAME=VALUE of the objective, e.g. beta=6 or betas=70,30,12,1; repeat for several.",
        multiple=True, show_default="those of its paper",
    ),
    _setting(
        "--pressures-from", click.Path(path_type=Path), "An `ifp anneal` run that suggests DEFT's pressures.",
        show_default="those published for the data",
    ),
    _setting("--images", int, "Images drawn from the data set to train on; 0 for all."),
    _setting("--background", click.Path(path_type=Path), "The picture behind sprites-scream.",
             show_default="a texture made here"),
    _setting("--correlate", str, "Two factors to correlate, e.g. posX,scale; repeat.", multiple=True,
             show_default="none"),
    _setting("--sigma", str, "Spread of a correlated pair (smaller is stronger), or none; once, or once per pair.",
             multiple=True, show_default="0.2"),
    _setting("--inverse", bool, "Correlate high values with low ones.", is_flag=True, default=None,
             show_default="off"),
    _setting("--evaluate-correlated", bool, "Record on correlated images too.", is_flag=True, default=None,
             show_default="off"),
    _setting("--architecture", str, "mlp (any image size) or conv (the paper's, 64 x 64)."),
    _setting("--latents", int, "Latents per network; codes of a GAN."),
    _setting("--hidden", int, "Hidden units per layer of the mlp."),
    _setting("--likelihood", str, "bernoulli or gaussian."),
    _setting("--pixel-sigma", float, "Standard deviation of the gaussian likelihood, pixels in [0, 1]."),
    _setting("--seeds", int, "Networks trained."),
    _setting("--seed", int, "The seed of weights, batches and noise."),
    _setting("--steps", int, "Optimizer steps."),
    _setting("--batch", int, "Images per step."),
    _setting("--learning-rate", float, "Adam's learning rate; of a GAN, generator's and Q's."),
    _setting("--records", int, "Evaluations along the training."),
    _setting("--checkpoint-every", int, "Steps between checkpoints; 0 keeps the last only."),
    _setting("--precision", str, "float32, and on a GPU tf32 or bfloat16."),
]  # fmt: skip


def train_options(function: Function) -> Function:
    """Add every option that sets the config."""
    for option in reversed(_SETTINGS):
        function = option(function)
    return function


def given_settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings that the user gave, by the names of `TrainConfig`.

    >>> given_settings({"option": ("beta=6",), "steps": 10, "latents": None, "correlate": ("posX,scale",)})
    {'steps': 10, 'options': {'beta': 6}, 'correlate': [['posX', 'scale', 0.2]]}
    >>> given_settings({"option": ("base=factor", "base.gamma=5")})
    {'options': {'base': 'factor', 'base_options': {'gamma': 5}}}
    """
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None and name not in ("option", "correlate", "sigma", "pixel_sigma")
    }
    if given.get("pixel_sigma") is not None:
        settings["sigma"] = given["pixel_sigma"]
    options: dict[str, Any] = {}
    for name, value in map(parse_option, given.get("option", ())):
        part, dot, inner = name.partition(".")
        if dot:  # an option of a part of the objective, such as topdis's base
            options.setdefault(f"{part}_options", {})[inner] = value
        else:
            options[name] = value
    if options:
        settings["options"] = options
    pairs = given.get("correlate", ())
    sigmas = [parse_sigma(text) for text in given.get("sigma", ())]
    if pairs or sigmas:
        correlated = make_pairs(pairs, sigmas or [DEFAULT_SIGMA])
        settings["correlate"] = [[a, b, "inf" if sigma == float("inf") else sigma] for a, b, sigma in correlated]
    return settings


def parse_option(text: str) -> tuple[str, Any]:
    """The name and value of one `--option`.

    >>> parse_option("betas=70,30,1"), parse_option("mode=rate"), parse_option("stratified=true")
    (('betas', [70, 30, 1]), ('mode', 'rate'), ('stratified', True))
    >>> parse_option("betas=5.0,.5")
    ('betas', [5, 0.5])
    """
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise IfpError(f"An option of the objective is NAME=VALUE, e.g. beta=6; got {text!r}.")
    for candidate in (value, f"[{value}]") if "," in value else (value,):
        try:
            return name.strip(), whole_as_int(parse_json(candidate))
        except ValueError:
            continue
    try:  # .5 and 5. are numbers too, though not in JSON
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        return name.strip(), value.strip()
    return name.strip(), whole_as_int(numbers if "," in value else numbers[0])
