"""Options that say what is read of a file with the posteriors of cells (.h5ad)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ifp.errors import IfpError

if TYPE_CHECKING:
    from ifp.checkpoints.cells import CellOptions

Command = TypeVar("Command", bound=Callable[..., Any])


def cell_options(command: Command) -> Command:
    """--factors, --mean-key, --variance-key; --bins is one of `layout_options`."""
    for option in reversed(
        (
            click.option("--factors", "cell_factors", show_default="none",
                         help="Columns of obs in a .h5ad file that are factors, such as cell_type,batch."),
            click.option("--mean-key", show_default="ends in latent_qzm",
                         help="The key of posterior means in obsm of a .h5ad file."),
            click.option("--variance-key", show_default="ends in latent_qzv",
                         help="The key of posterior variances in obsm of a .h5ad file."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def given_cells(options: dict[str, Any]) -> CellOptions | None:
    """What `cell_options` and --bins were given, None for nothing.

    Raises
    ------
    IfpError : options without --codes, or in another form than they have.
    """
    names = {"cell_factors": "--factors", "mean_key": "--mean-key",
             "variance_key": "--variance-key"}  # fmt: skip
    given = [option for name, option in names.items() if options[name] is not None]
    if not given and not options["codes"]:
        return None
    if not options["codes"]:
        raise IfpError(f"{given[0]} is about cells in a .h5ad file; add --codes CELLS.h5ad, or leave it out.")
    from ifp.checkpoints.cells import CellOptions
    from ifp.datasets.binning import parse_bins

    factors = tuple(name.strip() for name in (options["cell_factors"] or "").split(",") if name.strip())
    return CellOptions(
        factors=factors,
        mean_key=options["mean_key"],
        variance_key=options["variance_key"],
        bins=None if options["bins"] is None else parse_bins(options["bins"]),
        seed=options["seed"],
    )
