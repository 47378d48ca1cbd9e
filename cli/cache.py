"""`ifp cache`: what is kept of data sets on this machine, and how to make room."""

from __future__ import annotations

import json
import time

import click

from ifp.cli.option_help import CommandGroup
from ifp.cli.output import echo
from ifp.system.printable import printable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")


@click.group(cls=CommandGroup)
def cache() -> None:
    """List and remove the copies of images that make data sets quick to open.

    They lie in $IFP_CACHE, else in a folder of the system's cache, and are made again when they are needed. Downloaded
    files are no copies: `ifp data list` shows these.
    """


@cache.command("list")
@json_option
def list_(as_json: bool) -> None:
    """What there is, how large it is and when it was written."""
    from ifp.datasets.cache import cache_folder
    from ifp.datasets.kept_files import cached_files
    from ifp.system.disk import free_disk_bytes

    files = cached_files()
    if as_json:
        rows = [
            {"path": str(one.path), "dataset": one.dataset, "bytes": one.size, "written": one.written} for one in files
        ]
        echo(json.dumps(rows, indent=2))
        return
    folder = cache_folder()
    width = max((len(one.dataset) for one in files), default=0)
    for one in files:
        written = time.strftime("%Y-%m-%d", time.localtime(one.written))
        echo(f"{one.dataset:<{width}}  {_megabytes(one.size):>12}  {written}  {printable(one.path.name)}")
    total = sum(one.size for one in files)
    free = free_disk_bytes(folder) / 1e9
    echo(f"{_megabytes(total)} in {_files(len(files))} of {printable(str(folder))}, where {free:.1f} GB are free.")


@cache.command()
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, remove nothing.")
@json_option
def clean(names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Remove the copies of these data sets, of all if none is named."""
    from ifp.datasets.kept_files import clean_cache

    removed = clean_cache(names, dry_run=dry_run)
    if as_json:
        echo(json.dumps([str(one.path) for one in removed], indent=2))
        return
    for one in removed:
        echo(printable(str(one.path)))
    did = "would be removed" if dry_run else "removed"
    echo(f"{_files(len(removed))}, {_megabytes(sum(one.size for one in removed))}, {did}.")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
