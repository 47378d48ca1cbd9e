"""`ifp.suggest`: which beta to train with, out of an annealing, in the units of any code base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.unfinished import warn_unfinished
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.naming import read_hold
from ifp.analysis.freezing.saved_run import read_run
from ifp.analysis.joint.response_result import WholeResponse, read_response
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges, read_whole
from ifp.analysis.suggestion.held import held_table
from ifp.analysis.suggestion.result import Suggestion
from ifp.analysis.suggestion.units import units_of
from ifp.annealing.chunk_files import FOLDER as CHUNKS
from ifp.errors import IfpError
from ifp.system.checksums import trusting
from ifp.system.files import read_json
from ifp.system.out_folder import as_folder, check_finished
from ifp.training.whole_run import last_file

_OTHERS = {
    "diagnosis.json": "a diagnosis",
    "channels.json": "a comparison of channels",
    "directions.json": "of directions of a decoder",
    "shift.json": "a shift",
    "records.csv": "a training or a recording",
}
"""What a folder is that no beta can be suggested from, by a file in it."""
_AGAIN = "wait for it, or run the same command again"
_ANNEALINGS = "give the folder of a run of `ifp anneal`, of traversals or of a whole data set with factors"


def suggest(
    run: str | Path | Result,
    *,
    hold: str | Sequence[str] = (),
    units: str | None = None,
    model_latents: int | None = None,
    kld_weight: float | None = None,
    trust: bool = False,
) -> Suggestion:
    """Which beta should a plain beta-VAE be trained with, so that it holds these factors?

    For each factor the beta below which it is held, and the highest beta that holds all that are named. An annealing of
    traversals answers for factors that move alone; one of a whole data set for all factors at once.

    Parameters
    ----------
    run : a folder of `ifp anneal`, also with --whole, or what `ifp.anneal` or `ifp.anneal_whole` returned.
    hold : the factors to be held, in a list or separated by commas; all if empty.
    units : whose beta is wanted, one of the families of `ifp beta convert`; None for nats per image.
    model_latents : the number of latents of the model to be trained, for units that average the KL over them.
    kld_weight : that of the units "antixk", where it is not its default.
    trust : whether to believe files that are not as they were written.

    Returns
    -------
    Suggestion: `.beta`, `.table()`, `.sentences()`, `.to_json()`.

    Raises
    ------
    IfpError : no annealing of a data set with factors; an unknown factor or units; units of another likelihood; a
        factor that no beta holds, because its images are equal in half of the contexts or more.

    Examples
    --------
    >>> import numpy as np, ifp
    >>> images = np.tri(6, 8)[:, :, None] * np.ones(3)
    >>> run = ifp.anneal(ifp.dataset(images, np.arange(6), ["length"]), method="closed-form")
    >>> ifp.suggest(run, units="pythae-bce")
    <Suggestion: beta below 9 holds length, length last; units of pythae-bce (BCE + beta x KL)>
    """
    with trusting(trust):
        source = run if isinstance(run, Result) else _read(as_folder(run, "run"))
    if isinstance(source, Suggestion):
        source = source.source
    if not isinstance(source, Annealing | WholeAnnealing | WholeResponse):
        raise IfpError(f"{source!r} gives no beta below which a factor is held; {_ANNEALINGS}.")
    named_units = units_of(units, source.run, model_latents=model_latents, kld_weight=kld_weight)
    if isinstance(source, WholeAnnealing | WholeResponse) and not source.factor_names:
        raise IfpError(f"{source.dataset} has no factors, so that none can be held; {_ANNEALINGS}.")
    held = held_table(source)
    known = dict(zip(held["factor"].astype(str), held["beta"], strict=True))
    names = tuple(read_hold(hold, list(known), source.factor_names))
    lost = [name for name in names if not known[name] > 0]
    if lost:
        raise IfpError(
            f"No beta is known that holds {lost[0]!r} (nothing of it froze, or its images are equal in half of its "
            "contexts or more); leave it out of `hold`."
        )
    names = names or tuple(name for name, beta in known.items() if beta > 0)
    if not names:
        raise IfpError("No factor froze in this run, so that no beta can be suggested; lower `beta_min`.")
    return Suggestion(source, held, names, named_units)


def _read(folder: Path) -> Result:
    """The annealing in a folder, of any kind; other results are refused by what they are."""
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; {_ANNEALINGS}.")
    check_finished(folder)
    if (folder / "whole.json").is_file():  # of a run that is made wider, too
        warn_unfinished(folder)
        return read_whole(folder)
    if (folder / "multi_rate.json").is_file():
        warn_unfinished(folder)
        return read_response(folder)
    if (folder / "gan_sweep.json").is_file():
        raise IfpError(f"{folder} is a sweep of GANs, whose pressure is no beta of a VAE; {_ANNEALINGS}.")
    about = read_json(folder / "run.json", _AGAIN) if (folder / "run.json").is_file() else {}
    if last_file(folder, about):
        raise IfpError(
            f"{folder} is an annealing of a whole data set that has not finished, and no beta is suggested before its "
            f"networks are measured; {_AGAIN} (`ifp watch` shows how far it is)."
        )
    if (folder / "joint_edges.csv").is_file():
        result = read_whole(folder)
        assert isinstance(result, WholeEdges)
        raise IfpError(
            f"{folder} is the closed form of a whole data set, and its edges bound no joint freezing point; "
            f"{_ANNEALINGS}."
        )
    other = next((what for name, what in _OTHERS.items() if (folder / name).is_file()), None)
    if other is not None:
        raise IfpError(f"{folder} is {other}, which tells of no beta below which a factor is held; {_ANNEALINGS}.")
    chunks = (folder / CHUNKS).is_dir()  # of a run that is at work or was killed: read as that of a stopped one
    if chunks and not any((folder / CHUNKS).glob("*.npz")) and not (folder / "trace.npz").is_file():
        raise IfpError(
            f"{folder} is of a run that is at work or was cut short, and has no curve yet; {_AGAIN} (`ifp watch` shows "
            "how far it is)."
        )
    if not chunks and not (folder / "trace.npz").is_file():
        raise IfpError(f"{folder} holds no trace.npz; {_ANNEALINGS}.")
    warn_unfinished(folder)
    return read_run(folder)
