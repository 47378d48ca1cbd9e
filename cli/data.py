"""`ifp data`: list, describe, get, check and export data sets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ifp.cli.checked_options import checked_seed
from ifp.cli.layout_options import layout_options
from ifp.cli.option_help import CommandGroup
from ifp.cli.option_words import with_options
from ifp.cli.output import echo
from ifp.cli.progress import StageProgress
from ifp.errors import IfpError

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="$IFP_DATA, else a folder of the system's cache",
    help="Where the official files lie.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
background_option = click.option(
    "--background",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="a texture made here",
    help="The picture behind sprites-scream.",
)


@click.group(cls=CommandGroup)
def data() -> None:
    """List, describe, get, check and export data sets.

    NAME is a name that `ifp data list` prints, or npz:PATH or images:FOLDER for your own images. Only `get` uses
    the network.
    """


@data.command("list")
@data_dir_option
@json_option
def list_(data_dir: Path | None, as_json: bool) -> None:
    """The data sets there are, and which of their files are there."""
    from ifp.datasets.catalog import DATASETS, is_own
    from ifp.datasets.inspection import file_states, files_state

    states = {name: file_states(name, data_dir) for name in DATASETS}
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "about": about,
            "files": "yours" if is_own(name) else files_state(name, data_dir),
            "official_files": [{"name": one.name, "path": str(one.path) if one.path else None} for one in states[name]],
        }
        for name, about in DATASETS.items()
    ]
    if as_json:
        echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        echo(f"{row['name']:<{width}}  {with_options(row['about'])}")
        if states[row["name"]]:
            echo(f"{'':<{width}}  {row['files']}")
        for one in states[row["name"]]:
            echo(f"{'':<{width}}  {one.text()}")


@data.command()
@click.argument("name")
@data_dir_option
@background_option
@json_option
@layout_options("name")
def describe(name: str, data_dir: Path | None, background: Path | None, as_json: bool) -> None:
    """What a data set is: images, factors, sizes, nuisance, and how it was read or made."""
    from ifp.datasets.inspection import describe as description

    about = description(name, data_dir, background)
    if as_json:
        echo(json.dumps(about, indent=2, default=str))
        return
    width = max(map(len, about))
    for key, value in about.items():
        echo(f"{key:<{width}}  {_readable(value)}")


@data.command()
@click.argument("name")
@data_dir_option
@quiet_option
def get(name: str, data_dir: Path | None, quiet: bool) -> None:
    """Download the files of an official data set that are not there yet.

    It says first how many bytes come and what is free. A download that was stopped goes on where it stopped. Checksums
    are verified where they are published; where none is, that of the first download is kept in NAME.sha256.
    """
    from ifp.datasets.catalog import DATASETS, is_own
    from ifp.datasets.download import default_data_dir, download_plan, fetch, official_files
    from ifp.errors import unknown_name

    files = official_files(name)
    if not files:
        if name not in DATASETS and not is_own(name):
            raise unknown_name("dataset", name, DATASETS)
        echo(f"{name} needs no download.")
        return
    folder = data_dir or default_data_dir()
    with StageProgress(quiet=quiet) as stages:
        if plan := download_plan(name, folder):
            stages.say(plan)
        new = fetch(name, folder, lambda file, done, total: stages.update(f"Downloading {file} (bytes)", done, total))
    for path in new:
        echo(path)
    echo(f"{len(files) - len(new)} of {len(files)} files of {name} were already in {folder}.")
    echo(f"Next: ifp data check {name}")


@data.command()
@click.argument("name")
@data_dir_option
@json_option
@quiet_option
@layout_options("name")
def check(name: str, data_dir: Path | None, as_json: bool, quiet: bool) -> None:
    """Verify the copy on this machine, offline: files, checksums, every image there once."""
    from ifp.datasets.inspection import check as look

    with StageProgress(quiet=quiet) as stages:
        checks = look(name, data_dir, stages.update)
    if as_json:
        echo(json.dumps([asdict(checked) for checked in checks], indent=2))
    else:
        for checked in checks:
            echo(f"{'ok ' if checked.ok else 'BAD'}  {checked.what}: {checked.found}")
    wrong = sum(not checked.ok for checked in checks)
    if wrong:
        raise IfpError(f"{wrong} of {len(checks)} checks of {name} failed; each says what to do.")


@data.command()
@click.argument("name")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@data_dir_option
@background_option
@click.option(
    "--nuisance",
    type=click.IntRange(min=0),
    show_default="all instances, or a colour or noise drawn for each image",
    help="The nuisance of all images.",
)
@click.option("--seed", default=0, callback=checked_seed, help="Decides what is drawn.")
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@quiet_option
@layout_options("name")
def export(
    name: str,
    out: Path,
    data_dir: Path | None,
    background: Path | None,
    nuisance: int | None,
    seed: int,
    force: bool,
    quiet: bool,
) -> None:
    """Write all images, factors and factor names to OUT, an .npz file that npz:OUT reads."""
    from ifp.datasets.catalog import as_dataset
    from ifp.datasets.export import export_npz

    with StageProgress(quiet=quiet) as stages:
        dataset = as_dataset(name, data_dir=data_dir, background=background, progress=stages.update, say=stages.say)
        export_npz(dataset, out, nuisance=nuisance, seed=seed, force=force, progress=stages.update)
    echo(out)


def _readable(value: object) -> str:
    if isinstance(value, dict):
        texts = [f"{key} {size}" for key, size in value.items()]
        return ("; " if any("," in text for text in texts) else ", ").join(texts)
    if isinstance(value, (tuple, list)):
        return " x ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
