"""The values of options that a shell completes: names of data sets and factors, presets, objectives, metrics, words.

The names stand here a second time, because completing one may not take the seconds that importing PyTorch does;
`tests/cli/test_completion.py` holds them to be those that the library knows.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

OBJECTIVES = (
    "beta", "annealed", "cascade", "beta-tc", "factor", "dip-i", "dip-ii", "control", "dynamic", "deft", "topdis",
)  # fmt: skip
OWN_PRESETS = ("quick", "standard")
STUDIES = ("locatello2019", "deft-baselines", "yanndubs", "cascadevae", "controlvae", "dynamicvae", "topdis")
ACTIVATIONS = ("relu", "leaky_relu", "leaky_relu_0.2", "tanh", "elu", "sigmoid", "swish", "gelu", "softplus")
HEADS = ("halves", "interleaved", "halves-variance-first", "interleaved-variance-first")
VARIANCES = ("log-variance", "log-sigma", "softplus-sigma")
METRIC_SETS = ("quick", "fast", "all", "none")
WIDTHS = ("icml", "neurips", "jmlr", "tmlr")
KINDS = ("kde", "trace", "hist", "strip", "ridge", "all")
CHOICES: dict[str, tuple[str, ...]] = {
    "objective": OBJECTIVES,
    "likelihood": ("bernoulli", "gaussian"),
    "architecture": ("mlp", "conv", "linear"),
    "law": ("geometric", "linear", "author"),
    "nuisance": ("fixed", "random"),
    "direction": ("cool", "heat", "both"),
    "precision": ("float32", "tf32", "bfloat16"),
    "activation": ACTIVATIONS,
    "head": HEADS,
    "variance": VARIANCES,
    "device": ("auto", "cpu", "cuda", "mps"),
    "width": WIDTHS,
    "by": ("latent", "group", "space"),
    "distance": ("vi", "nmi"),
    "scale": ("log", "linear"),
    "topology": ("lite", "full"),
    "kinds": KINDS,
    "formats": ("pdf", "png", "svg", "pgf", "none"),
    "beta_max": ("auto",),
    "beta_min": ("auto",),
    "exact_floor": ("auto",),
}
"""Option -> its values, the same in every command."""
OF_COMMAND: dict[tuple[str, str], tuple[str, ...]] = {
    ("anneal", "preset"): (*OWN_PRESETS, "author"),
    ("train", "preset"): (*OWN_PRESETS, *STUDIES),
    ("anneal", "method"): ("closed-form", "exact", "train", "both"),
    ("plot", "method"): ("closed-form", "exact", "train"),
    ("train", "architecture"): ("mlp", "conv"),
    ("shift", "direction"): ("heat", "cool"),
    ("table", "table_format"): ("latex", "markdown", "csv"),
    ("plot", "formats"): ("pdf", "png", "svg", "pgf"),
}
"""Command and option -> the values, where they differ from those in other commands."""
SEPARATED = ("metrics", "formats", "order", "correlate")
"""Options whose value is a list with commas: the last entry is completed."""


class CompletedText(click.types.StringParamType):
    """A text whose values a shell completes; any other text is accepted, and judged by the library."""

    def __init__(self, option: str) -> None:
        self.option = option

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The values that begin with what was typed."""
        done, comma, last = incomplete.rpartition(",") if self.option in SEPARATED else ("", "", incomplete)
        names = values_of(ctx, self.option)
        return [CompletionItem(f"{done}{comma}{name}") for name in names if name.startswith(last)]


def complete_values(param: click.Parameter) -> None:
    """Let a shell complete the values of a parameter that takes a text, where there are names for it."""
    name = param.name or ""
    known = {"dataset", "factor", "order", "correlate", "metrics", "preset", "method", *CHOICES}
    takes_name = isinstance(param, click.Argument) and name == "name"  # of `ifp data`
    if param.type is click.STRING and (name in known or takes_name):
        param.type = CompletedText(name)


def values_of(ctx: click.Context, option: str) -> Iterable[str]:
    """The values of an option, as far as what stands on the command line already says."""
    if option in ("dataset", "name"):
        from ifp.datasets.catalog import DATASETS

        return [name.removesuffix("PATH").removesuffix("FOLDER") for name in DATASETS]
    if option in ("factor", "order", "correlate"):
        return _factors(ctx.params.get("dataset"))
    if option == "metrics":
        from ifp.analysis.metrics.of_decoders import DECODER_METRICS
        from ifp.analysis.metrics.registry import METRICS

        return [*METRIC_SETS, *METRICS, *DECODER_METRICS]
    return OF_COMMAND.get((ctx.info_name or "", option), CHOICES.get(option, ()))


def _factors(dataset: object) -> tuple[str, ...]:
    """The factors of a data set that needs no file; none for others, which would have to be read."""
    from ifp.datasets.catalog import load_dataset
    from ifp.errors import IfpError

    if not isinstance(dataset, str) or not dataset.startswith(("sprites", "toys", "arrow")):
        return ()
    try:
        return load_dataset(dataset).space.names
    except IfpError:
        return ()
