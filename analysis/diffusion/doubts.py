"""A model that failed its self-test or the data test: what is wrong and what to try, in place of a verdict."""

from __future__ import annotations

from ifp.checkpoints.run_records import Record, Run

NO_VERDICT = "No verdict"


def without_verdict(*runs: Run) -> list[str]:
    """One sentence per doubt about these runs; they stand in the verdict's place."""
    return [f"{NO_VERDICT} on {run.name}: {doubt}" for run in runs for doubt in run.last.doubts]


def what_to_try(record: Record) -> str:
    """What the user can do about a doubtful model, the likeliest first, in one sentence."""
    return f"What to try: {'; '.join(_remedies(record))}; `anyway=True` gives the numbers as they are."


def _remedies(record: Record) -> list[str]:
    tested, choice = record.data_test, record.choice
    if choice is not None and choice.better is not None:
        return ["leave the option out that says otherwise"]
    if tested is not None and tested.named_otherwise:
        tries = [f"as `dataset` the data set of training, {tested.trained_on!r}"]
    else:
        tries = ["as `dataset` the images that it was trained on"]
    if choice is not None and not choice.trusted:
        stated = "variance=..., head=..., activation=..., pixel_mean=..., pixel_std=..."
        tries.append(f"`reading=ifp.ReadingOptions({stated})` as the model's own code has them")
    return [*tries, "`model='package.module:function'`, a function of yours that returns mean and logvar"]
