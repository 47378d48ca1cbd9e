"""How several runs of one kind are drawn in one figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ifp.analysis.figures.run_names import run_names
from ifp.analysis.plot_asked import NAMING, TRAVERSALS_ONLY, Asked
from ifp.analysis.plot_one_run import (
    drawing_of,
    known_factors,
    of_channels,
    of_diagnosis,
    of_directions,
    of_edges,
    of_response,
    of_shift,
    of_sweep,
    of_training,
    of_traversals,
    of_whole,
)
from ifp.errors import IfpError
from ifp.system.out_folder import FIGURES, result_folder


def draw_several(asked: Asked, folders: Sequence[Path], names: str | Sequence[str] | Mapping[int, str]) -> list[Path]:
    """The figures of several runs of one kind."""
    draws = [drawing_of(folder) for folder in folders]
    other = next((folder for folder, draw in zip(folders, draws, strict=True) if draw is not draws[0]), None)
    if other is not None:
        raise IfpError(
            f"{folders[0]} and {other} are runs of different kinds, whose axes differ; draw those of one kind in one "
            "figure, or put both on one page by `ifp report`."
        )
    if draws[0] not in SEVERAL:
        raise IfpError(f"{folders[0]} takes a page of its own: {ALONE[draws[0]]}.")
    called = run_names(folders, names)
    if asked.page["out"] is None:
        asked.page["out"] = result_folder(folders[0].parent / "figures", FIGURES, "out")
    return SEVERAL[draws[0]](asked, dict(zip(called, folders, strict=True)))


def _several_traversals(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.freezing.plot_runs import draw_runs
    from ifp.analysis.freezing.saved_run import factors_in

    known = [name for folder in folders.values() for name in factors_in(folder)] if asked.named else []
    return draw_runs(
        folders, kinds=asked.kinds or None, method=asked.method, scale=asked.scale,
        **asked.naming(list(dict.fromkeys(known))), **asked.page,
    )  # fmt: skip


def _several_diagnoses(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.diffusion.figure_naming import factors_of
    from ifp.analysis.diffusion.plot_diagnosis import draw_models
    from ifp.analysis.diffusion.results import load_results

    asked.refuse("one of several diagnoses, whose figure is always models", "method", "scale", "kinds")
    asked.refuse_legend("a diagnosis")
    asked.refuse_height("a diagnosis")
    known = {name: factors_of(load_results(folder)) for name, folder in folders.items()}
    without = next(
        (name for name, factors in known.items() if factors != next(iter(known.values())) or not factors), None
    )
    if without is not None:
        raise IfpError(
            f"The diagnosis {without!r} has other factors than the first, or none; draw diagnoses of one data set with "
            "labels in one figure."
        )
    naming = asked.naming(next(iter(known.values())))
    page = {name: value for name, value in asked.page.items() if name != "out"}
    return draw_models(list(folders.values()), asked.page["out"], names=list(folders), **naming, **page)


def _several_trainings(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.training.plot_training import training_records
    from ifp.analysis.training.plot_trainings import draw_trainings

    asked.refuse("one of several trainings, whose figure is always the same", *TRAVERSALS_ONLY)
    known = [name for folder in folders.values() for name in training_records(folder)[1]] if asked.named else []
    return draw_trainings(folders, **asked.naming(list(dict.fromkeys(known))), **asked.page)


def _several_shifts(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.shift.plot_shift import melting_of
    from ifp.analysis.shift.plot_shifts import draw_shifts

    asked.refuse("one of several shifts, whose figure is always the same", *TRAVERSALS_ONLY)
    known = [name for folder in folders.values() for name in melting_of(folder)["name"]] if asked.named else []
    return draw_shifts(folders, **asked.naming(list(dict.fromkeys(known))), **asked.page)


def _several_wholes(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.joint.plot_wholes import draw_wholes

    asked.refuse("one of several annealings of whole data sets, whose figure is always the same", *TRAVERSALS_ONLY)
    known = [name for folder in folders.values() for name in known_factors(folder)] if asked.named else []
    return draw_wholes(folders, **asked.naming(list(dict.fromkeys(known))), **asked.page)


def _several_sweeps(asked: Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.gan_freezing.plot_sweep import draw_sweeps

    asked.refuse("one of several sweeps of GANs, whose figure is always the same", *TRAVERSALS_ONLY, *NAMING)
    return draw_sweeps(folders, **asked.page)


SEVERAL: dict[Callable[[Asked], list[Path]], Callable[[Asked, Mapping[str, Path]], list[Path]]] = {
    of_traversals: _several_traversals,
    of_diagnosis: _several_diagnoses,
    of_training: _several_trainings,
    of_shift: _several_shifts,
    of_whole: _several_wholes,
    of_sweep: _several_sweeps,
}
"""How several runs are drawn in one figure, by how one of them is."""
ALONE: dict[Callable[[Asked], list[Path]], str] = {
    of_channels: "it compares many models itself; give the models of all runs to one `ifp channels`",
    of_directions: "its rows are the directions of one decoder, which others do not share; draw each run by itself, or "
    "compare the MinMax of several by `ifp diagnose --metrics topology`",
    of_response: "multi-rate networks are drawn over the cooled and heated ones beside them; draw each run by itself, "
    "or several on one page by `ifp report`",
    of_edges: "a closed form of a whole data set has a range of beta of its own; draw each run by itself, "
    "or several on one page by `ifp report`",
}
"""Why the figure of a run is its own, and what to do instead."""
