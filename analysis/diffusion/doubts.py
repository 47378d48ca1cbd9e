"""A model that failed its self-test or the data test: what is wrong and what to try, in place of a verdict."""

from __future__ import annotations

from ifp.checkpoints.run_records import Record, Run

NO_VERDICT = "No verdict"


def without_verdict(*runs: Run) -> list[str]:
    """One sentence per doubt about these runs; they stand in the verdict's place."""
    return [f"{NO_VERDICT} on {run.name}: {doubt}" for run in runs for doubt in run.last.doubts]


def what_to_try(record: Record, *, command: bool) -> str:
    """What the user can do about a doubtful model, the likeliest first, in one sentence.

    Parameters
    ----------
    command : whether to name the options of `ifp diagnose`, or the arguments of `ifp.diagnose`.
    """
    anyway = "--anyway gives" if command else "anyway=True gives"
    return f"What to try: {'; '.join(_remedies(record, command))}; {anyway} the numbers as they are."


def _remedies(record: Record, command: bool) -> list[str]:
    tested, choice = record.data_test, record.choice
    data = "--dataset with" if command else "as dataset"
    if choice is not None and choice.better is not None:
        return ["leave the option out that says otherwise"]
    if tested is not None and tested.named_otherwise:
        tries = [f"{data} the data set of training, {tested.trained_on!r}"]
    else:
        tries = [f"{data} the images that it was trained on"]
    if choice is not None and not choice.trusted:
        reading = "--variance, --head, --activation, --pixel-scaling" if command else "reading=ifp.ReadingOptions(...)"
        tries.append(f"{reading} as the model's own code has them")
    function = "--encoder with" if command else "as model"
    return [*tries, f"{function} a function of yours that returns mean and logvar"]
