"""From the library's words to the command line's: messages name arguments as Python takes them, commands have options.

All messages that a command prints pass through `with_options`, so that the library need not know the options.
"""

from __future__ import annotations

import re

_READING = re.compile(r"reading=ifp\.ReadingOptions\(((?:[^()]|\([^()]*\))*)\)")
_ARGUMENT = re.compile(r"(\w+)=('[^']*'|\([^)]*\)|[^\s,]+)")
_OPTION_OF = {
    "pixel_mean": "--pixel-scaling", "pixel_std": "--pixel-scaling", "factors": "--factor", "kinds": "--kind",
    "labels": "--label", "stop_recon_nats": "--stop-recon",
}  # fmt: skip
"""The options that are not called as their argument is."""
_PHRASES = (
    ("as ifp.Codes(mean, logvar)", "with --codes file.npz"),
    ("as dataset the", "--dataset with the"),
    ("as dataset", "with --dataset"),
    ("ifp.anneal_whole", "--whole"),
    ("anyway=True", "--anyway"),
    ("series=True", "--series"),
)
_MENTIONS = (
    re.compile(r"(?<=\bleave )(weights|stage|series|image_shape)(?= out\b)"),
    re.compile(r"(?<=, with which )(kinds|method|scale|order|labels)(?= does not go;)"),
    re.compile(r"^(factors|contexts|exact_floor|hold_steps|nuisance|stop_recon_nats)(?= is about the traversals)"),
)
"""Where an argument is named without a value."""
_MODEL = re.compile(r"\bmodel='([^']+)'")
_SHAPE = re.compile(r"\bimage_shape=\(([\d, ]+)\)")


def with_options(text: str) -> str:
    """The message with options in the place of arguments.

    >>> with_options("name one by reading=ifp.ReadingOptions(family='dent', head=...), or leave weights out")
    'name one by --family dent, --head, or leave --weights out'
    >>> with_options("give its codes as ifp.Codes(mean, logvar), or model='package.module:function'")
    'give its codes with --codes file.npz, or --encoder package.module:function'
    """
    text = _READING.sub(_reading_options, text)
    text = _MODEL.sub(r"--encoder \1", text)
    text = _SHAPE.sub(lambda shape: f"--image-shape {shape[1].replace(' ', '')}", text)
    for words, option in _PHRASES:
        text = text.replace(words, option)
    for mention in _MENTIONS:
        text = mention.sub(lambda name: _option(name[1]), text)
    return text


def _reading_options(call: re.Match[str]) -> str:
    options = []
    for name, value in _ARGUMENT.findall(call[1]):
        given = "" if value == "..." else " " + value.strip("'()").replace(", ", ",")
        options.append(_option(name) + given)
    return ", ".join(dict.fromkeys(options))


def _option(argument: str) -> str:
    return _OPTION_OF.get(argument, f"--{argument.replace('_', '-')}")
