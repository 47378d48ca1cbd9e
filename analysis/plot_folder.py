"""`ifp.plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder or its result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifp.analysis.figures.page_choices import PageChoices, checked_choices, choosing
from ifp.analysis.figures.result import Result
from ifp.analysis.figures.run_names import run_names
from ifp.analysis.figures.style import FORMATS, checked_formats
from ifp.errors import IfpError, bad_value
from ifp.formats import GAN_FORMAT, RECORD_FORMAT, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.checksums import trusting
from ifp.system.files import read_json
from ifp.system.out_folder import FIGURES, as_folder, check_finished, result_folder

ALL = "all"
"""The word that stands for all kinds of figures that a folder has."""
_RUNS = (
    "the folder of a run of `ifp anneal` (of traversals or of a whole data set), `ifp train`, `ifp diagnose`, "
    "`ifp shift`, `ifp channels` or `ifp directions`"
)
_TRAVERSALS_ONLY = ("kinds", "method", "scale")
_NAMING = ("order", "labels", "factors")


def plot(
    run: str | Path | Result | Sequence[str | Path | Result],
    *,
    kinds: str | Sequence[str] = (),
    width: str | float = "icml",
    height: float | str | None = None,
    method: str | None = None,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    factors: str | Sequence[str] = (),
    names: str | Sequence[str] | Mapping[int, str] = (),
    title: str | None = None,
    legend: bool = True,
    font: str | None = None,
    out: str | Path | None = None,
    formats: str | Sequence[str] = FORMATS,
    trust: bool = False,
) -> list[Path]:
    """Draw the figures of a run, or of several in one figure, into files; returns their paths.

    Beside each figure lie a csv of what it shows and a txt with its caption. Needs neither the data set nor a GPU. To
    see one figure of a result on the screen call `result.plot()`.

    Parameters
    ----------
    run : a folder of `ifp anneal`, `train`, `diagnose`, `shift` or `channels`, or what a library call returned; of
        runs of one kind several, a panel or column each, in which a factor has one colour and one place.
    kinds : of a run of traversals "kde", "trace", "hist", "strip", "ridge" or "all", by default "kde" and "trace"; of a
        diagnosis the names of its figures (docs/figures.md), by default all.
    width : "icml", "neurips", "jmlr", "tmlr" or a number of inches. height : inches, by default what a figure needs.
    method : draw these members only: "exact", "train" or "closed-form". scale : "log" or "linear", of beta.
    order, labels : the factors that come first, and what figures call a factor.
    factors : those that are shown; all if none is named.
    names : what to call the runs, where there are several; by default as their folders.
    title : a line above each figure. legend : whether legends are drawn.
    font : "serif" (the default), "sans", or the name of a font of this machine.
    out : the folder for the figures, which is new, empty or holds figures; RUN/figures by default, of several runs the
        folder `figures` beside the first. Needed for a result that is in memory only.
    formats : of "pdf", "png", "svg" and "pgf" (which needs LaTeX), in a list or separated by commas.
    trust : whether to believe files that are not as they were written: edited settings, tables or curves.

    Raises
    ------
    IfpError : no folder of a run; an unknown kind, width, method, format, scale or factor; or an option that does not
        go with what the folder holds; files that were changed after they were written.
    """
    runs = list(run) if isinstance(run, Sequence) and not isinstance(run, str) else [run]
    if not runs:
        raise IfpError("No run is given; give the folder of one, or of several of one kind.")
    if not isinstance(order, str | Sequence) or not isinstance(labels, str | Sequence | Mapping | None):
        raise IfpError(f"order and labels name factors, got order {order!r} and labels {labels!r}.")
    choices = checked_choices(title, legend, font, height)
    wanted = checked_formats(_words("formats", formats))
    with ExitStack() as kept:
        folders = [_folder_of(one, out, kept) for one in runs]
        figures = None if out is None else result_folder(out, FIGURES, "out")
        for folder in folders:
            check_finished(folder)
        page = {"width": width, "formats": wanted or FORMATS, "out": figures}
        asked = _Asked(
            folders[0], tuple(_words("kinds", kinds)), method, scale, order, labels, tuple(_words("factors", factors)),
            choices, page,
        )  # fmt: skip
        kept.enter_context(trusting(trust))
        kept.enter_context(choosing(choices))
        if len(folders) > 1:
            return _draw_several(asked, folders, names)
        if names:
            raise IfpError("names call several runs in one figure, but one run is given; leave them out, or use title.")
        return _drawing(folders[0])(asked)


def _folder_of(run: str | Path | Result, out: str | Path | None, kept: ExitStack) -> Path:
    """The folder of a run; of a result in memory a temporary one, which goes when `kept` is closed."""
    if not isinstance(run, Result):
        return as_folder(run, "run")
    path = getattr(run, "path", None)
    if path is not None:
        return Path(path)
    if out is None:
        raise IfpError(f"{run!r} is in memory only; say where figures go, ifp.plot(result, out='figures').")
    place = kept.enter_context(tempfile.TemporaryDirectory(prefix="ifp-plot-"))
    return run.save(Path(place) / "run")


def _drawing(folder: Path) -> Callable[[_Asked], list[Path]]:
    """How the figures of a folder are drawn, by what it holds."""
    draw = next((draw for name, draw in _FOLDERS.items() if (folder / name).is_file()), None)
    if draw is None:
        check_traversals(folder)
    return draw or _draw_traversals


def _draw_several(asked: _Asked, folders: Sequence[Path], names: str | Sequence[str] | Mapping[int, str]) -> list[Path]:
    """The figures of several runs of one kind."""
    draws = [_drawing(folder) for folder in folders]
    other = next((folder for folder, draw in zip(folders, draws, strict=True) if draw is not draws[0]), None)
    if other is not None:
        raise IfpError(f"{folders[0]} and {other} are runs of different kinds; draw those of one kind in one figure.")
    if draws[0] not in _SEVERAL:
        raise IfpError(
            f"The figure of {folders[0]} takes a page of its own: several are drawn in one of traversals "
            "(`ifp anneal`) and runs of `ifp train`, `ifp diagnose` and `ifp shift`."
        )
    called = run_names(folders, names)
    if asked.page["out"] is None:
        asked.page["out"] = result_folder(folders[0].parent / "figures", FIGURES, "out")
    return _SEVERAL[draws[0]](asked, dict(zip(called, folders, strict=True)))


def _words(name: str, given: Any) -> list[str]:
    """Names given as one text, separated by commas, or as several; raises IfpError, which calls them `name`."""
    if isinstance(given, str):
        return [word.strip() for word in given.split(",") if word.strip()]
    words = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(word, str) for word in words):
        raise bad_value(name, given, "a name or a list of names")
    return words


def check_traversals(folder: Path) -> None:
    """Raise IfpError where nothing says that the folder is of a run of traversals."""
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give {_RUNS}.")
    about = folder / "run.json"
    if not about.is_file():
        raise IfpError(f"{folder} holds no run.json and nothing else that can be drawn; give {_RUNS}.")
    kind = read_json(about, "run the same command again").get("format")
    if kind == RECORD_FORMAT:
        raise IfpError(f"{folder} holds no record yet; let its loop come to its first record.")
    if kind in (TRAIN_FORMAT, VAE_FORMAT, GAN_FORMAT):
        raise IfpError(f"{folder} holds no records of a training yet, or one network of it alone; give {_RUNS}.")


@dataclass(frozen=True)
class _Asked:
    """What the user asked for; `page` holds the arguments that all figures take."""

    run: Path
    kinds: tuple[str, ...]
    method: str | None
    scale: str
    order: Sequence[str]
    labels: Mapping[str, str] | Sequence[str] | None
    factors: tuple[str, ...]
    choices: PageChoices
    page: dict[str, Any]

    def refuse(self, what: str, *names: str) -> None:
        """Raise IfpError for the first of these arguments that was given, where the folder holds `what`."""
        for name in names:
            if getattr(self, name) not in ((), [], {}, "", None) and (name, self.scale) != ("scale", "log"):
                raise IfpError(f"{self.run} is {what}, with which `{name}` does not go; leave it out.")

    def refuse_legend(self, what: str) -> None:
        """Raise IfpError where the legend was to be left out of a figure that has none."""
        if not self.choices.legend:
            raise IfpError(f"{self.run} is {what}, whose figures have no legend that could be left out.")

    def refuse_height(self, what: str) -> None:
        """Raise IfpError where a height was given for a page whose height follows from its rows."""
        if self.choices.height_in is not None:
            raise IfpError(f"{self.run} is {what}, whose figures are as high as their rows; leave `height` out.")

    @property
    def named(self) -> bool:
        """Whether order, labels or factors were given."""
        return bool(self.order or self.labels or self.factors)

    def naming(self, known: Sequence[str]) -> dict[str, Any]:
        """Order, labels and factors, checked against the factors that there are."""
        from ifp.analysis.freezing.naming import factor_naming, read_factors

        if not self.named:
            return {}
        if not known:
            raise IfpError(
                f"{self.run} has no factors, so that order, labels and factors mean nothing; leave them out."
            )
        order, labels = factor_naming(self.order, self.labels, known)
        return {"order": order, "labels": labels, "factors": read_factors(self.factors, known)}


def _draw_diagnosis(asked: _Asked) -> list[Path]:
    from ifp.analysis.diffusion.figure_naming import factors_of
    from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis
    from ifp.analysis.diffusion.results import load_results

    asked.refuse("a diagnosis", "method", "scale")
    figures = None if not asked.kinds or ALL in asked.kinds else asked.kinds
    known = factors_of(load_results(asked.run)) if asked.named else ()
    return draw_diagnosis(asked.run, figures=figures, **asked.naming(known), **asked.page)


def _draw_channels(asked: _Asked) -> list[Path]:
    from ifp.analysis.channels.plot_results import draw_results

    asked.refuse("of `ifp channels`, whose figures are always the same", *_TRAVERSALS_ONLY, *_NAMING)
    asked.refuse_legend("of `ifp channels`")
    asked.refuse_height("of `ifp channels`")
    return draw_results(asked.run, **asked.page)


def _draw_whole(asked: _Asked) -> list[Path]:
    from ifp.analysis.joint.plot_joint import draw_joint

    asked.refuse("an annealing of a whole data set, whose figure is always the same", *_TRAVERSALS_ONLY)
    return draw_joint(asked.run, **_named(asked), **asked.page)


def _draw_response(asked: _Asked) -> list[Path]:
    from ifp.analysis.joint.plot_response import draw_response

    asked.refuse("of multi-rate networks, whose figure is always the same", *_TRAVERSALS_ONLY)
    return draw_response(asked.run, **_named(asked), **asked.page)


def _draw_edges(asked: _Asked) -> list[Path]:
    from ifp.analysis.joint.plot_edges import draw_edges

    asked.refuse("a closed form of a whole data set, whose figure is always the same", *_TRAVERSALS_ONLY)
    return draw_edges(asked.run, **_named(asked), **asked.page)


def _draw_shift(asked: _Asked) -> list[Path]:
    from ifp.analysis.shift.plot_shift import draw_shift, melting_of

    asked.refuse("of `ifp shift`, whose figure is always the same", *_TRAVERSALS_ONLY)
    read_json(asked.run / "shift.json", "run the same `ifp shift` command again")  # no newer format is drawn
    known = melting_of(asked.run)["name"].unique().tolist() if asked.named else ()
    return draw_shift(asked.run, **asked.naming(known), **asked.page)


def _draw_training(asked: _Asked) -> list[Path]:
    from ifp.analysis.training.plot_training import draw_training, training_records

    asked.refuse("of `ifp train`, whose figure is always the same", *_TRAVERSALS_ONLY)
    known = training_records(asked.run)[1] if asked.named else ()
    return draw_training(asked.run, **asked.naming(known), **asked.page)


def _named(asked: _Asked) -> dict[str, Any]:
    """Order, labels and factors for the figure of a whole data set."""
    if not asked.named:
        return {}
    from ifp.analysis.freezing.saved_run import read_about

    return asked.naming(read_about(asked.run, ("dataset", "likelihood"))["dataset"]["factor_names"])


def _draw_traversals(asked: _Asked) -> list[Path]:
    from ifp.analysis.freezing.plot_run import draw_run
    from ifp.analysis.freezing.saved_run import factors_in

    known = factors_in(asked.run) if asked.named else ()
    return draw_run(
        asked.run, kinds=asked.kinds or None, method=asked.method, scale=asked.scale, **asked.naming(known),
        **asked.page,
    )  # fmt: skip


def _draw_sweep(asked: _Asked) -> list[Path]:
    from ifp.analysis.gan_freezing.plot_sweep import draw_sweep

    asked.refuse("a sweep of GANs, whose figure is always the same", *_TRAVERSALS_ONLY, *_NAMING)
    return draw_sweep(asked.run, **asked.page)


def _draw_directions(asked: _Asked) -> list[Path]:
    from ifp.analysis.directions.plot_directions import draw_directions

    asked.refuse("directions of a decoder, whose figure is always the same", *_TRAVERSALS_ONLY, *_NAMING)
    asked.refuse_legend("directions of a decoder")
    asked.refuse_height("directions of a decoder")
    read_json(asked.run / "directions.json", "run the same `ifp directions` command again")
    return draw_directions(asked.run, **asked.page)


_FOLDERS: dict[str, Callable[[_Asked], list[Path]]] = {
    "diagnosis.json": _draw_diagnosis,
    "channels.json": _draw_channels,
    "whole.json": _draw_whole,
    "multi_rate.json": _draw_response,
    "joint_edges.csv": _draw_edges,
    "shift.json": _draw_shift,
    "directions.json": _draw_directions,
    "gan_sweep.json": _draw_sweep,
    "records.csv": _draw_training,
}
"""The file by which a folder is known, in the order of looking; any other is taken for a run of traversals."""


def _several_traversals(asked: _Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.freezing.plot_runs import draw_runs
    from ifp.analysis.freezing.saved_run import factors_in

    known = [name for folder in folders.values() for name in factors_in(folder)] if asked.named else []
    return draw_runs(
        folders, kinds=asked.kinds or None, method=asked.method, scale=asked.scale,
        **asked.naming(list(dict.fromkeys(known))), **asked.page,
    )  # fmt: skip


def _several_diagnoses(asked: _Asked, folders: Mapping[str, Path]) -> list[Path]:
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


def _several_trainings(asked: _Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.training.plot_training import training_records
    from ifp.analysis.training.plot_trainings import draw_trainings

    asked.refuse("one of several trainings, whose figure is always the same", *_TRAVERSALS_ONLY)
    known = [name for folder in folders.values() for name in training_records(folder)[1]] if asked.named else []
    return draw_trainings(folders, **asked.naming(list(dict.fromkeys(known))), **asked.page)


def _several_shifts(asked: _Asked, folders: Mapping[str, Path]) -> list[Path]:
    from ifp.analysis.shift.plot_shift import melting_of
    from ifp.analysis.shift.plot_shifts import draw_shifts

    asked.refuse("one of several shifts, whose figure is always the same", *_TRAVERSALS_ONLY)
    known = [name for folder in folders.values() for name in melting_of(folder)["name"]] if asked.named else []
    return draw_shifts(folders, **asked.naming(list(dict.fromkeys(known))), **asked.page)


_SEVERAL: dict[Callable[[_Asked], list[Path]], Callable[[_Asked, Mapping[str, Path]], list[Path]]] = {
    _draw_traversals: _several_traversals,
    _draw_diagnosis: _several_diagnoses,
    _draw_training: _several_trainings,
    _draw_shift: _several_shifts,
}
"""How several runs are drawn in one figure, by how one of them is."""
