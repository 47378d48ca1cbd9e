"""Commands whose `--help` shows the options in groups, each with the value that is taken where it is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from ifp.cli.completion import complete_values
from ifp.errors import unknown_name

PRESET = "the preset's"
"""The `show_default` of an option whose default depends on --preset; the help shows the values of each preset."""
USUAL_PRESET = "standard"
"""The preset that is taken without --preset."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Data": (
        "dataset", "grid", "bins", "data_dir", "background", "factor", "contexts", "nuisance", "images", "fixed_images",
        "points",
        "encoder", "encoders", "codes", "cell_factors", "mean_key", "variance_key",
        "correlate", "sigma", "inverse", "evaluate_correlated",
    ),
    "How the files are read": (
        "series", "family", "activation", "head", "variance", "stage", "pixel_scaling", "weights", "image_shape",
        "betas",
    ),
    "Method": (
        "whole", "method", "direction", "law", "beta_max", "beta_min", "exact_floor", "threshold", "by", "group_size",
        "distance", "min_samples", "no_hotspots", "along_training", "monte_carlo", "metrics", "joint", "permutations",
        "bootstraps", "anyway", "count", "topology", "restarts", "batches",
    ),
    "Model": (
        "from_", "to", "likelihood", "sigma", "pixel_sigma", "architecture", "shape", "latents", "hidden", "kld_weight",
    ),
    "Training": (
        "objective", "option", "pressures_from", "seeds", "steps", "hold_steps", "batch", "learning_rate", "records",
        "checkpoint_every", "stop_recon", "precision",
    ),
    "Which beta to train with": ("hold", "units", "model_latents"),
    "Run": ("preset", "config_file", "seed", "out", "force", "trust", "log", "device", "threads", "scheduler",
        "dry_run", "once", "network", "every"),
    "Figures": (
        "kinds", "scale", "width", "height", "formats", "factors", "order", "labels", "title", "legend", "font",
        "names", "table_format", "number",
    ),
}  # fmt: skip
"""Heading -> the names of the options under it, in this order, over all commands."""
OTHER = "Output"
"""The heading of the options that all commands have: --quiet, --json, --help."""
FIELDS: Mapping[str, str] = {
    "threshold": "threshold_nats", "stop_recon": "stop_recon_nats", "factor": "factors", "pixel_sigma": "sigma",
}  # fmt: skip
"""Option -> the setting of a preset that it sets, where the two have different names."""


class GroupedCommand(click.Command):
    """A command that shows its options under headings, and completes their values in a shell."""

    def __init__(
        self,
        *args: Any,
        presets: Callable[[], Mapping[str, Mapping[str, Any]]] | None = None,
        whole: Callable[[], Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        """`presets` gives the settings of each preset, from which the defaults in the help are taken; `whole` those
        that --whole has in their place.
        """
        super().__init__(*args, **kwargs)
        self.presets = presets
        self.whole = whole
        for param in self.params:
            complete_values(param)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options by group; a group without options is left out."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for heading in (*GROUPS, OTHER):
            names = GROUPS.get(heading, ())
            here = [option for option in options if self.heading_of(option) == heading]
            here.sort(key=lambda option: names.index(option.name or "") if option.name in names else len(names))
            records = [self._record(ctx, option) for option in here if not option.hidden]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def heading_of(self, option: click.Option) -> str:
        """The heading under which an option stands."""
        if option.name == "sigma" and all(param.name != "correlate" for param in self.params):
            return "Model"  # of the likelihood, not of a correlation between factors
        return next((heading for heading, names in GROUPS.items() if option.name in names), OTHER)

    def _record(self, ctx: click.Context, option: click.Option) -> tuple[str, str]:
        """What is typed, and its help with the default."""
        record = option.get_help_record(ctx)
        default = self.default_of(ctx, option)
        text = option.help or ""
        return (record[0] if record else "", f"{text}  [{default}]" if default else text)

    def default_of(self, ctx: click.Context, option: click.Option) -> str:
        """What is taken where the option is left out: "default: 0", "required"; empty for a flag that is off."""
        shown = option.show_default
        if isinstance(shown, str):
            if shown.startswith("required"):
                return shown
            return f"default: {self._by_preset(option.name or '') if shown == PRESET else shown}"
        default = option.get_default(ctx)
        if option.is_flag:
            return f"default: {option.opts[0].lstrip('-')}" if option.secondary_opts and default else ""
        if default is None or not isinstance(default, (str, int, float)):
            return ""
        return f"default: {default}"

    def _by_preset(self, name: str) -> str:
        """The value of a setting with the preset that is the default, then those of the presets that differ."""
        presets = self.presets() if self.presets is not None else {}
        values = {preset: setting_text(settings[FIELDS.get(name, name)]) for preset, settings in presets.items()}
        usual = values.pop(USUAL_PRESET, PRESET)
        others = [f"{preset}: {value}" for preset, value in values.items() if value != usual]
        whole = self.whole().get(FIELDS.get(name, name)) if self.whole is not None else None
        with_whole = [f"--whole: {setting_text(whole)}"] if whole is not None and setting_text(whole) != usual else []
        return "; ".join([usual, *([", ".join(others)] if others else []), *with_whole])


class CommandGroup(click.Group):
    """A group of such commands."""

    command_class = GroupedCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was asked for; an unknown name is told the nearest one."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise unknown_name("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


def setting_text(value: Any) -> str:
    """The value of a setting in the help.

    >>> setting_text(None), setting_text(()), setting_text(5e-4), setting_text(70_000), setting_text("both")
    ('auto', 'all', '0.0005', '70000', 'both')
    """
    if value is None:
        return "auto"
    if value == ():
        return "all"
    return f"{value:g}" if isinstance(value, float) else str(value)
