"""How the figures of one run are drawn, by what its folder holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ifp.analysis.plot_asked import ALL, NAMING, TRAVERSALS_ONLY, Asked
from ifp.errors import IfpError
from ifp.formats import GAN_FORMAT, RECORD_FORMAT, TRAIN_FORMAT, VAE_FORMAT
from ifp.system.files import read_json

RUNS = (
    "the folder of a run of `ifp anneal` (of traversals or of a whole data set), `ifp train`, `ifp diagnose`, "
    "`ifp shift`, `ifp channels` or `ifp directions`"
)


def drawing_of(folder: Path) -> Callable[[Asked], list[Path]]:
    """How the figures of a folder are drawn, by what it holds."""
    draw = next((draw for name, draw in FOLDERS.items() if (folder / name).is_file()), None)
    if draw is None:
        check_traversals(folder)
    return draw or of_traversals


def check_traversals(folder: Path) -> None:
    """Raise IfpError where nothing says that the folder is of a run of traversals."""
    if not folder.is_dir():
        raise IfpError(f"There is no folder {folder}; give {RUNS}.")
    about = folder / "run.json"
    if not about.is_file():
        raise IfpError(f"{folder} holds no run.json and nothing else that ifp has written; give {RUNS}.")
    kind = read_json(about, "run the same command again").get("format")
    if kind == RECORD_FORMAT:
        raise IfpError(f"{folder} holds no record yet; let its loop come to its first record.")
    if kind == TRAIN_FORMAT:
        raise IfpError(f"{folder} holds a training without any record yet; run the same command again, or wait for it.")
    if kind in (VAE_FORMAT, GAN_FORMAT):
        raise IfpError(f"{folder} holds one network of a training; give the folder of the training, {folder.parent}.")


def of_diagnosis(asked: Asked) -> list[Path]:
    from ifp.analysis.diffusion.plot_diagnosis import draw_diagnosis

    asked.refuse("a diagnosis", "method", "scale")
    figures = None if not asked.kinds or ALL in asked.kinds else asked.kinds
    return draw_diagnosis(asked.run, figures=figures, **_named(asked), **asked.page)


def of_channels(asked: Asked) -> list[Path]:
    from ifp.analysis.channels.plot_results import draw_results

    asked.refuse("of `ifp channels`, whose figures are always the same", *TRAVERSALS_ONLY, *NAMING)
    asked.refuse_legend("of `ifp channels`")
    asked.refuse_height("of `ifp channels`")
    return draw_results(asked.run, **asked.page)


def of_whole(asked: Asked) -> list[Path]:
    from ifp.analysis.joint.plot_joint import draw_joint

    asked.refuse("an annealing of a whole data set, whose figure is always the same", *TRAVERSALS_ONLY)
    return draw_joint(asked.run, **_named(asked), **asked.page)


def of_response(asked: Asked) -> list[Path]:
    from ifp.analysis.joint.plot_response import draw_response

    asked.refuse("of multi-rate networks, whose figure is always the same", *TRAVERSALS_ONLY)
    return draw_response(asked.run, **_named(asked), **asked.page)


def of_edges(asked: Asked) -> list[Path]:
    from ifp.analysis.joint.plot_edges import draw_edges

    asked.refuse("a closed form of a whole data set, whose figure is always the same", *TRAVERSALS_ONLY)
    return draw_edges(asked.run, **_named(asked), **asked.page)


def of_shift(asked: Asked) -> list[Path]:
    from ifp.analysis.shift.plot_shift import draw_shift

    asked.refuse("of `ifp shift`, whose figure is always the same", *TRAVERSALS_ONLY)
    read_json(asked.run / "shift.json", "run the same `ifp shift` command again")  # no newer format is drawn
    return draw_shift(asked.run, **_named(asked), **asked.page)


def of_training(asked: Asked) -> list[Path]:
    from ifp.analysis.training.plot_training import draw_training

    asked.refuse("of `ifp train`, whose figure is always the same", *TRAVERSALS_ONLY)
    return draw_training(asked.run, **_named(asked), **asked.page)


def _named(asked: Asked) -> dict[str, Any]:
    """Order, labels and factors, checked against those of the run."""
    return asked.naming(known_factors(asked.run)) if asked.named else {}


def of_traversals(asked: Asked) -> list[Path]:
    from ifp.analysis.freezing.naming import check_annealed
    from ifp.analysis.freezing.plot_run import draw_run
    from ifp.analysis.freezing.saved_run import read_about

    if asked.named:
        check_annealed(asked.factors, known_factors(asked.run), read_about(asked.run)["dataset"]["factor_names"])
    return draw_run(
        asked.run, kinds=asked.kinds or None, method=asked.method, scale=asked.scale, **_named(asked), **asked.page
    )


def of_sweep(asked: Asked) -> list[Path]:
    from ifp.analysis.gan_freezing.plot_sweep import draw_sweep

    asked.refuse("a sweep of GANs, whose figure is always the same", *TRAVERSALS_ONLY, *NAMING)
    return draw_sweep(asked.run, **asked.page)


def of_directions(asked: Asked) -> list[Path]:
    from ifp.analysis.directions.plot_directions import draw_directions

    asked.refuse("directions of a decoder, whose figure is always the same", *TRAVERSALS_ONLY, *NAMING)
    asked.refuse_legend("directions of a decoder")
    asked.refuse_height("directions of a decoder")
    read_json(asked.run / "directions.json", "run the same `ifp directions` command again")
    return draw_directions(asked.run, **asked.page)


FOLDERS: dict[str, Callable[[Asked], list[Path]]] = {
    "diagnosis.json": of_diagnosis,
    "channels.json": of_channels,
    "whole.json": of_whole,
    "multi_rate.json": of_response,
    "shift.json": of_shift,
    "directions.json": of_directions,
    "gan_sweep.json": of_sweep,
    "records.csv": of_training,  # of an annealing of a whole data set that is not measured yet, too
    "joint_edges.csv": of_edges,
}
"""The file by which a folder is known, in the order of looking; any other is taken for a run of traversals."""


def known_factors(folder: Path) -> list[str]:
    """The factors that figures of a run can show, by what its folder holds; none of channels, directions and GANs."""
    factors = FACTORS.get(drawing_of(folder))
    return [] if factors is None else list(factors(folder))


def _diagnosed(folder: Path) -> Sequence[str]:
    from ifp.analysis.diffusion.figure_naming import factors_of
    from ifp.analysis.diffusion.results import load_results

    return factors_of(load_results(folder))


def _melted(folder: Path) -> Sequence[str]:
    from ifp.analysis.shift.plot_shift import melting_of

    names: list[str] = melting_of(folder)["name"].unique().tolist()
    return names


def _trained(folder: Path) -> Sequence[str]:
    from ifp.analysis.training.plot_training import training_records

    return training_records(folder)[1]


def _of_dataset(folder: Path) -> Sequence[str]:
    from ifp.analysis.freezing.saved_run import read_about

    names: list[str] = read_about(folder, ("dataset", "likelihood"))["dataset"]["factor_names"]
    return names


def _annealed(folder: Path) -> Sequence[str]:
    from ifp.analysis.freezing.saved_run import factors_in

    return factors_in(folder)


FACTORS: dict[Callable[[Asked], list[Path]], Callable[[Path], Sequence[str]]] = {
    of_diagnosis: _diagnosed,
    of_whole: _of_dataset,
    of_response: _of_dataset,
    of_edges: _of_dataset,
    of_shift: _melted,
    of_training: _trained,
    of_traversals: _annealed,
}
"""Where the factors of a run stand, by how it is drawn."""
