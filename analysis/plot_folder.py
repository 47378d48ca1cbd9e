"""`ifp.plot`: the figures of a run, a diagnosis or an ensemble at a paper's width, from its folder or its result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifp.analysis.figures.result import Result
from ifp.analysis.figures.style import FORMATS, checked_formats
from ifp.errors import IfpError, bad_value
from ifp.formats import GAN_FORMAT, TRAIN_FORMAT, VAE_FORMAT
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


def plot(
    run: str | Path | Result,
    *,
    kinds: str | Sequence[str] = (),
    width: str | float = "icml",
    method: str | None = None,
    scale: str = "log",
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    out: str | Path | None = None,
    formats: str | Sequence[str] = FORMATS,
    trust: bool = False,
) -> list[Path]:
    """Draw the figures of a run into files; returns their paths: beside each figure a csv of what it shows and
    a txt with its caption.

    Needs neither the data set nor a GPU. To see one figure of a result on the screen call `result.plot()`.

    Parameters
    ----------
    run : a folder of `ifp anneal`, `train`, `diagnose`, `shift` or `channels`, or what a library call returned.
    kinds : of a run of traversals "kde", "trace", "hist", "strip", "ridge" or "all", by default "kde" and "trace"; of a
        diagnosis the names of its figures (docs/figures.md), by default all.
    width : "icml", "neurips", "jmlr", "tmlr" or a number of inches.
    method : draw these members only: "exact", "train" or "closed-form". scale : "log" or "linear", of beta.
    order, labels : the factors that come first, and what figures call a factor.
    out : the folder for the figures, which is new, empty or holds figures; RUN/figures by default, needed for a result
        that is in memory only.
    formats : of "pdf", "png", "svg" and "pgf" (which needs LaTeX), in a list or separated by commas.
    trust : whether to believe files that are not as they were written: edited settings, tables or curves.

    Raises
    ------
    IfpError : no folder of a run; an unknown kind, width, method, format, scale or factor; or an option that does not
        go with what the folder holds; files that were changed after they were written.
    """
    if not isinstance(run, Result):
        folder = as_folder(run, "run")
    elif (path := getattr(run, "path", None)) is not None:
        folder = Path(path)
    elif out is None:
        raise IfpError(f"{run!r} is in memory only; say where figures go, ifp.plot(result, out='figures').")
    else:
        with tempfile.TemporaryDirectory(prefix="ifp-plot-") as place:
            saved = run.save(Path(place) / "run")
            return plot(saved, kinds=kinds, width=width, method=method, scale=scale, order=order, labels=labels,
                        out=out, formats=formats)  # fmt: skip
    if not isinstance(order, str | Sequence) or not isinstance(labels, str | Sequence | Mapping | None):
        raise IfpError(f"order and labels name factors, got order {order!r} and labels {labels!r}.")
    wanted = checked_formats(_words("formats", formats))
    figures = None if out is None else result_folder(out, FIGURES, "out")
    check_finished(folder)
    page = {"width": width, "formats": wanted or FORMATS, "out": figures}
    asked = _Asked(folder, tuple(_words("kinds", kinds)), method, scale, order, labels, page)
    draw = next((draw for name, draw in _FOLDERS.items() if (folder / name).is_file()), None)
    if draw is None:
        _check_traversals(folder)
        draw = _draw_traversals
    with trusting(trust):
        return draw(asked)


def _words(name: str, given: Any) -> list[str]:
    """Names given as one text, separated by commas, or as several; raises IfpError, which calls them `name`."""
    if isinstance(given, str):
        return [word.strip() for word in given.split(",") if word.strip()]
    words = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(word, str) for word in words):
        raise bad_value(name, given, "a name or a list of names")
    return words


def _check_traversals(folder: Path) -> None:
    """Raise IfpError where nothing says that the folder is of a run of traversals."""
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give {_RUNS}.")
    about = folder / "run.json"
    if not about.is_file():
        raise IfpError(f"{folder} holds no run.json and nothing else that can be drawn; give {_RUNS}.")
    if read_json(about, "run the same command again").get("format") in (TRAIN_FORMAT, VAE_FORMAT, GAN_FORMAT):
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
    page: dict[str, Any]

    def refuse(self, what: str, *names: str) -> None:
        """Raise IfpError for the first of these arguments that was given, where the folder holds `what`."""
        for name in names:
            if getattr(self, name) not in ((), [], {}, "", None) and (name, self.scale) != ("scale", "log"):
                raise IfpError(f"{self.run} is {what}, with which `{name}` does not go; leave it out.")

    def naming(self, known: Sequence[str]) -> dict[str, Any]:
        """Order and labels, checked against the factors that there are."""
        from ifp.analysis.freezing.naming import factor_naming

        order, labels = factor_naming(self.order, self.labels, known)
        return {"order": order, "labels": labels}


def _draw_diagnosis(asked: _Asked) -> list[Path]:
    from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

    asked.refuse("a diagnosis", "method", "scale", "order", "labels")
    figures = None if not asked.kinds or ALL in asked.kinds else asked.kinds
    return draw_diagnosis(asked.run, figures=figures, **asked.page)


def _draw_channels(asked: _Asked) -> list[Path]:
    from ifp.analysis.channels.plot_results import draw_results

    asked.refuse("of `ifp channels`, whose figures are always the same", *_TRAVERSALS_ONLY, "order", "labels")
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
    from ifp.analysis.shift.plot_shift import draw_shift

    asked.refuse("of `ifp shift`, whose figure is always the same", *_TRAVERSALS_ONLY, "order", "labels")
    read_json(asked.run / "shift.json", "run the same `ifp shift` command again")  # no newer format is drawn
    return draw_shift(asked.run, **asked.page)


def _draw_training(asked: _Asked) -> list[Path]:
    from ifp.analysis.training.plot_training import draw_training

    asked.refuse("of `ifp train`, whose figure is always the same", *_TRAVERSALS_ONLY, "order", "labels")
    return draw_training(asked.run, **asked.page)


def _named(asked: _Asked) -> dict[str, Any]:
    """Order and labels for the figure of a whole data set."""
    if not asked.order and not asked.labels:
        return {}
    from ifp.analysis.freezing.saved_run import read_about

    return asked.naming(read_about(asked.run, ("dataset", "likelihood"))["dataset"]["factor_names"])


def _draw_traversals(asked: _Asked) -> list[Path]:
    from ifp.analysis.freezing.plot_run import draw_run
    from ifp.analysis.freezing.saved_run import factors_in

    known = factors_in(asked.run) if asked.order or asked.labels else ()
    return draw_run(
        asked.run, kinds=asked.kinds or None, method=asked.method, scale=asked.scale, **asked.naming(known),
        **asked.page,
    )  # fmt: skip


def _draw_sweep(asked: _Asked) -> list[Path]:
    from ifp.analysis.gan_freezing.plot_sweep import draw_sweep

    asked.refuse("a sweep of GANs, whose figure is always the same", *_TRAVERSALS_ONLY, "order", "labels")
    return draw_sweep(asked.run, **asked.page)


def _draw_directions(asked: _Asked) -> list[Path]:
    from ifp.analysis.directions.plot_directions import draw_directions

    asked.refuse("directions of a decoder, whose figure is always the same", *_TRAVERSALS_ONLY, "order", "labels")
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
