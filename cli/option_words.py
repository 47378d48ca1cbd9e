"""From the library's words to the command line's: messages name arguments as Python takes them, commands have options.

Messages of the library put arguments into backticks, `steps` or `direction='cool'`. All that a command prints passes
through `with_options`, so that the library need not know the options.
"""

from __future__ import annotations

import re
import shlex

_MARKED = re.compile(r"`([a-z]\w*)(?:=([^`]+))?`")
_ARGUMENT = re.compile(r"(\w+)=('[^']*'|\([^)]*\)|[^\s,)]+)")
_OPTION_OF = {
    "betas": "--beta", "factors": "--factor", "kinds": "--kind", "labels": "--label", "model": "--encoder",
    "options": "--option", "pixel_mean": "--pixel-scaling", "pixel_std": "--pixel-scaling",
    "sigmas": "--sigma", "stop_recon_nats": "--stop-recon",
}  # fmt: skip
"""The options that are not called as their argument is."""
_PHRASES = (
    ("`betas=...`", "--option betas=..."),
    ("as ifp.Codes(mean, logvar)", "with --codes file.npz"),
    ("`factors` of cells", "--factors"),
    ("as `dataset` the", "--dataset with the"),
    ("as `dataset`", "with --dataset"),
    ("as `out`", "with --out"),
    ("ifp.anneal_whole", "--whole"),
)
"""Words around an argument that an option does without, or needs."""


def with_options(text: str) -> str:
    """The message with options in the place of arguments.

    >>> with_options("raise `steps`, or add `direction='cool'`, `anyway=True` and `hotspots=False`")
    'raise --steps, or add --direction cool, --anyway and --no-hotspots'
    >>> with_options("name one by `reading=ifp.ReadingOptions(family='dent', head=...)`, or leave `image_shape` out")
    'name one by --family dent, --head, or leave --image-shape out'
    >>> with_options("give its codes as ifp.Codes(mean, logvar), or `model='package.module:function'`")
    'give its codes with --codes file.npz, or --encoder package.module:function'
    """
    for words, option in _PHRASES:
        text = text.replace(words, option)
    return _MARKED.sub(_options, text)


def _options(marked: re.Match[str]) -> str:
    name, value = marked.groups()
    if name == "reading" and value is not None:
        stated = _ARGUMENT.findall(value.partition("(")[2])
        named = [_option(of, given if of == "weights" else given.replace(" ", "-")) for of, given in stated]
        return ", ".join(dict.fromkeys(named))
    return _option(name, value)


def _option(name: str, value: str | None = None) -> str:
    option = _OPTION_OF.get(name, f"--{name.replace('_', '-')}")
    if value in (None, "...", "True"):
        return option
    if value == "False":
        return f"--no-{option[2:]}"
    bare = value.strip("'()").replace(", ", ",")
    return f"{option} {shlex.quote(bare)}"
