"""Options that commands share which read models: the data, how a file is read, and the figures' format."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ifp.errors import IfpError, bad_value, unknown_name

if TYPE_CHECKING:
    from ifp.checkpoints.source import ReadingOptions

Command = TypeVar("Command", bound=Callable[..., Any])


def _dataset(needed: str) -> Callable[[Command], Command]:
    return click.option(
        "--dataset", help="The data of its training: a name from `ifp data list`, npz:PATH or images:FOLDER.",
        show_default=needed,
    )  # fmt: skip


_DATA = (
    _dataset("required"),
    click.option("--data-dir", type=click.Path(path_type=Path), help="Where the official files lie.",
                 show_default="$IFP_DATA, else a folder of the system's cache"),
    click.option("--background", type=click.Path(path_type=Path), help="The picture behind sprites-scream.",
                 show_default="a texture made here"),
)  # fmt: skip
_READING = (
    click.option("--family", help="The code base of the checkpoint, in place of recognition by content.",
                 show_default="recognised by the file's content"),
    click.option("--activation", help="relu, leaky_relu, leaky_relu_0.2, tanh, elu, sigmoid, swish, gelu or softplus.",
                 show_default="the one with which the self-test passes"),
    click.option("--head", help="How mean and variance lie in the last layer: halves or interleaved, each also with "
                 "-variance-first.", show_default="as the code base does it, else as the self-test finds it"),
    click.option("--variance", help="What the last layer gives beside the mean: log-variance, log-sigma or "
                 "softplus-sigma.", show_default="as the code base does it, else as the self-test finds it"),
    click.option("--stage", type=int, help="The last active group in an encoder of several groups, from 0.",
                 show_default="the last one that the weights hold"),
    click.option("--pixel-scaling", help="MEAN,STD if the model was trained on (x - MEAN) / STD.",
                 show_default="as the file or code base says"),
    click.option("--weights", help="Which weights of a file that holds several (an average, the best): the key they "
                 "lie under.", show_default="the trained model's"),
    click.option("--image-shape", help="CHANNELS,ROWS,COLUMNS, where the weights leave it open.",
                 show_default="from the shapes"),
)  # fmt: skip


def data_options(command: Command) -> Command:
    """--dataset, --data-dir, --background."""
    return _with(command, _DATA)


def data_or_codes_options(command: Command) -> Command:
    """As `data_options`, of a command that takes --codes in the place of a data set."""
    return _with(command, (_dataset("required unless --codes is given"), *_DATA[1:]))


def reading_options(command: Command) -> Command:
    """--family, --activation, --head, --variance, --stage, --pixel-scaling, --weights, --image-shape."""
    return _with(command, _READING)


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def given_reading(options: dict[str, Any]) -> ReadingOptions:
    """What `reading_options` were given, checked; IfpError for what cannot be."""
    from ifp.checkpoints.rebuild.chain import ACTIVATIONS
    from ifp.checkpoints.source import ReadingOptions
    from ifp.checkpoints.vae import HEADS, VARIANCES

    mean = std = None
    if (text := options["pixel_scaling"]) is not None:
        try:
            mean, std = (float(part) for part in text.split(","))
        except ValueError as error:
            raise bad_value("pixel-scaling", text, "MEAN,STD, two numbers") from error
        if not (math.isfinite(mean) and 0 < std < math.inf):
            raise bad_value("pixel-scaling", text, "MEAN,STD, both finite and STD positive")
    variances = [name.replace(" ", "-") for name in VARIANCES]
    for name, allowed in (("activation", ACTIVATIONS), ("head", HEADS), ("variance", variances)):
        if options[name] is not None and options[name] not in allowed:
            raise unknown_name(name, options[name], allowed)
    if options["stage"] is not None and options["stage"] < 0:
        raise bad_value("stage", options["stage"], "a whole number of at least 0")
    return ReadingOptions(
        family=options["family"],
        activation=options["activation"],
        head=options["head"],
        stage=options["stage"],
        pixel_mean=mean,
        pixel_std=std,
        variance=options["variance"].replace("-", " ") if options["variance"] is not None else None,
        weights=options["weights"],
        image_shape=_given_shape(options["image_shape"]),
    )


def _given_shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    sizes = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if len(sizes) != 3 or not all(0 < size < 10_000 for size in sizes):
        raise bad_value("image-shape", text, "CHANNELS,ROWS,COLUMNS, three whole numbers such as 1,64,64")
    return (sizes[0], sizes[1], sizes[2])


def given_formats(text: str) -> list[str]:
    """The figures' formats out of --format, [] for none; IfpError for others."""
    from ifp.analysis.figures.style import KNOWN_FORMATS, checked_formats

    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if wanted == ["none"]:
        return []
    for name in wanted:
        if name == "none":
            raise IfpError(f"--format none stands alone, got {text!r}; leave the others or none out.")
        if name not in KNOWN_FORMATS:
            raise unknown_name("figure format", name, [*KNOWN_FORMATS, "none"])
    if not wanted:
        raise IfpError(f"--format must name some of {', '.join(KNOWN_FORMATS)}, or none, got {text!r}.")
    return list(checked_formats(wanted))


def name_of_sources(paths: tuple[Path, ...]) -> str:
    """A short name of what was named, for a folder of results."""
    names = [path.resolve().stem if path.is_file() else path.resolve().name for path in paths]
    if len(paths) == 1 and names[0] in ("model", "last", "checkpt-0000"):  # names that say nothing
        return paths[0].resolve().parent.name
    return "-and-".join(names[:2]) if len(names) < 3 else f"{names[0]}-and-{len(names) - 1}-more"
