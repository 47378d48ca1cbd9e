"""`ifp diagnose` on a model that failed its self-test or the data test: what is wrong and what to try, no verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from ifp.analysis.diffusion.results import plain
from ifp.checkpoints.encoded_runs import Record, Run
from ifp.cli.diagnose_reading import about_tests, reading_lines
from ifp.cli.progress import StageProgress

NO_VERDICT = "No verdict"


def say_doubts(runs: Sequence[Run], stages: StageProgress, *, as_json: bool) -> bool:
    """Whether the tests speak against any of the runs; if so it is said, on stdout and on stderr."""
    doubtful = [run for run in runs if run.last.doubts]
    if not doubtful:
        return False
    stages.close()
    if as_json:
        content = {run.name: {"doubts": run.last.doubts, **about_tests(run.last)} for run in doubtful}
        click.echo(json.dumps(plain({"verdict": None, "doubtful": content}), indent=2))
    for run in doubtful:
        if not as_json:
            click.echo("\n".join([run.name, *reading_lines(run.last)]))
        for doubt in run.last.doubts:
            click.echo(f"{NO_VERDICT} on {run.name}: {doubt}", err=True)
        click.echo(f"What to try: {'; '.join(remedies(run.last))}; --anyway gives the numbers as they are.", err=True)
    return True


def without_verdict(*runs: Run) -> list[str]:
    """What stands in the verdict's place where a user wants the numbers of these runs anyway."""
    return [f"{NO_VERDICT} on {run.name}: {doubt}" for run in runs for doubt in run.last.doubts]


def remedies(record: Record) -> list[str]:
    """What the user can do, the likeliest first."""
    tested, choice = record.data_test, record.choice
    tries = []
    if choice is not None and choice.better is not None:
        return ["leave the option out that says otherwise"]
    if tested is not None and tested.named_otherwise:
        tries.append(f"--dataset with the data set of training, {tested.trained_on!r}")
    else:
        tries.append("--dataset with the images that it was trained on")
    if choice is not None and not choice.trusted:
        tries.append("--variance, --head, --activation, --pixel-scaling as the model's own code has them")
    return [*tries, "--encoder with a function of yours that returns mean and logvar"]
