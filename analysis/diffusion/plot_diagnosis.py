"""All figures of a diagnosis, from its folder alone: exact page widths, PDF, PNG, and a csv beside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ifp.analysis.diffusion.figure_naming import DiagnosisNaming, factors_of
from ifp.analysis.diffusion.holders import ACTIVE_NATS, COLLAPSED_NATS
from ifp.analysis.diffusion.plot_comparison import MEASURES, comparison_figure
from ifp.analysis.diffusion.plot_curves import nmi_curves_figure
from ifp.analysis.diffusion.plot_latents import decomposition_figure, kl_figure
from ifp.analysis.diffusion.plot_models import ModelPanel, models_figure
from ifp.analysis.diffusion.plot_nmi import nmi_figure
from ifp.analysis.diffusion.plot_series import nmi_series_figure
from ifp.analysis.diffusion.plot_traversals import traversals_figure
from ifp.analysis.diffusion.results import Results, load_results
from ifp.analysis.figures.captions import caption
from ifp.analysis.figures.page_choices import page_choices
from ifp.analysis.figures.plot_layout import add_heading
from ifp.analysis.figures.plot_page import paper_style, save_figure
from ifp.analysis.figures.style import FORMATS, KNOWN_FORMATS, figure_width
from ifp.analysis.freezing.naming import check_names
from ifp.datasets.own_arrays import FLOAT, Declared, read_own_arrays
from ifp.errors import IfpError, unknown_name

FIGURES = ("nmi", "kl", "kl_decomposition", "traversals", "nmi_series", "nmi_curves", "comparison")
"""The figures and their files, in the order in which they are drawn."""
WITH_LEGEND = ("nmi_curves", "comparison")
WITH_FACTORS = ("nmi", "nmi_series", "nmi_curves", "comparison")
FREE_HEIGHT = ("nmi_curves",)
"""The figures that have a legend, that show factors, and whose height does not follow from their rows."""
TRAVERSALS_FILE = "traversals.npz"
"""images [D, K, C, H, W] in [0, 1] and values [K], beside diagnosis.json where a decoder could be read."""

Traversals = tuple[np.ndarray, np.ndarray]
"""Decoded images [D, K, C, H, W] in [0, 1], and the values [K] of the moving latent."""
_Drawn = tuple[Figure, pd.DataFrame]


def draw_diagnosis(
    folder: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: Path | None = None,
    figures: Sequence[str] | None = None,
    estimator: str | None = None,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """Draw what there is data for; returns the paths written, figures and csv.

    Parameters
    ----------
    folder : what `ifp diagnose --out` wrote. width : a venue or inches; see `figure_width`. formats : of "pdf", "png",
        "svg" and "pgf".
    out : where to write; `folder/figures` if None, and there figures of an earlier diagnosis do not stay.
    figures : of `FIGURES`; None for all that can be drawn.
    estimator : of the figures that show one; None for the verdict's.
    order : the factors that come first. labels : what figures call a factor. factors : those that are shown; all if
        none is named.

    Raises
    ------
    IfpError : not a diagnosis' folder, an unknown name, a figure that is asked for and has no data, or a choice that
        means nothing to the figures that are asked for.
    """
    for names, known, kind in ((figures or (), FIGURES, "figure"), (formats, KNOWN_FORMATS, "figure format")):
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    inches = figure_width(width)
    results = load_results(folder)
    if estimator is not None and estimator not in results.estimators:
        raise unknown_name("estimator", estimator, results.estimators or ["none: the diagnosis has no labels"])
    traversals = _load_traversals(folder / TRAVERSALS_FILE)
    there = factors_of(results)
    naming = DiagnosisNaming(tuple(order), labels or {}, tuple(factors), there)
    check_names([*order, *(labels or {}), *factors], there)
    possible = _possible(results, traversals, estimator or results.estimator, inches, naming)
    for name in figures or ():
        if name not in possible:
            raise IfpError(f"{folder} has no data for the figure {name!r}; it has for {', '.join(possible)}.")
    chosen = [name for name in FIGURES if name in (figures or possible) and name in possible]
    _refuse_meaningless(folder, chosen, bool(order or labels or factors))
    with paper_style(), naming.looks():
        # all are drawn before the first is saved: a mistake leaves no half of the set
        drawn = {name: possible[name]() for name in chosen}
        for name, (figure, _) in drawn.items():
            if heading := heading_of(results, both=name == "comparison"):
                add_heading(figure, heading)
    into = out or folder / "figures"
    if out is None:
        _remove_stale(into, set(FIGURES) - set(possible))
    saved = [
        save_figure(
            figure,
            into / name,
            naming.unlabelled(data),
            formats=formats,
            caption=caption(name, of=_of_what(results, name)),
        )
        for name, (figure, data) in drawn.items()
    ]  # fmt: skip
    return [path for paths in saved for path in paths]


def _refuse_meaningless(folder: Path, chosen: Sequence[str], named: bool) -> None:
    """Raise IfpError for a choice of the user's that means nothing to any of these figures."""
    choices = page_choices()
    for given, able, what in (
        (not choices.legend, WITH_LEGEND, "legend that could be left out"),
        (named, WITH_FACTORS, "factors to order, to name or to choose"),
    ):
        if given and not set(chosen) & set(able):
            raise IfpError(f"The figures of {folder} to draw ({', '.join(chosen)}) have no {what}; ask for others.")
    fixed = [name for name in chosen if name not in FREE_HEIGHT]
    if choices.height_in is not None and fixed:
        raise IfpError(
            f"The height of the figure {fixed[0]!r} follows from its rows; give `height` with the kind "
            f"{', '.join(FREE_HEIGHT)} alone, or leave it out."
        )


def figure_of(
    results: Results, name: str, *, traversals: Traversals | None = None, width: str | float = "icml"
) -> Figure:
    """One of `FIGURES` as `draw_diagnosis` draws it, in memory and without the heading.

    Raises
    ------
    IfpError : an unknown name or width, or a figure for which there is no data.
    """
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    possible = _possible(results, traversals, results.estimator, figure_width(width))
    if name not in possible:
        raise IfpError(f"There is no data for the figure {name!r}; there is for {', '.join(possible)}.")
    with paper_style():
        return possible[name]()[0]


def draw_models(
    folders: Sequence[Path],
    out: Path,
    *,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    names: Sequence[str] = (),
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    factors: Sequence[str] = (),
) -> list[Path]:
    """The NMI matrices of several diagnoses in one figure, `models`, in `out`; nothing of models without labels.

    Parameters
    ----------
    folders : of diagnoses of the same data, in the order of their panels.
    names : of the models; as their diagnoses call them if left out. width, formats, order, labels, factors : see
        `draw_diagnosis`.

    Returns
    -------
    The paths written.
    """
    shown = [load_results(folder) for folder in folders]
    if not all(results.estimators for results in shown):
        return []
    called = list(names)
    naming = DiagnosisNaming(tuple(order), labels or {}, tuple(factors), factors_of(shown[0]))
    panels = [
        ModelPanel(
            called[number] if called else str((results.content.get("about") or {}).get("run") or folder.name),
            _of(naming.labelled(results.table("nmi")), results.estimator),
            _of(results.table("latents"), results.estimator),
        )
        for number, (results, folder) in enumerate(zip(shown, folders, strict=True))
    ]
    with paper_style():
        figure, data = models_figure(panels, estimator=shown[0].estimator, width_in=figure_width(width))
        if heading := " \N{MIDDLE DOT} ".join(_conditions(shown[0])):
            add_heading(figure, heading)
    words = caption("models", of=", ".join(_conditions(shown[0])))
    return save_figure(figure, out / "models", naming.unlabelled(data), formats=formats, caption=words)


def heading_of(results: Results, *, both: bool = False) -> str:
    """Model (or both that were compared), data and likelihood, as far as they are known."""
    compared = (results.content.get("compared") or {}) if both else {}
    model = f"{compared['a']}, {compared['b']}" if compared else (results.content.get("about") or {}).get("run")
    return " \N{MIDDLE DOT} ".join([*([str(model)] if model else []), *_conditions(results)])


def _of_what(results: Results, name: str) -> str:
    """The heading in a sentence."""
    return heading_of(results, both=name == "comparison").replace(" \N{MIDDLE DOT} ", ", ")


def _conditions(results: Results) -> list[str]:
    """Data and likelihood."""
    about = results.content.get("about") or {}
    likelihood = (about.get("checkpoint") or {}).get("likelihood")
    name = (about.get("dataset") or {}).get("name")
    return [*([str(name)] if name else []), *([f"{likelihood} likelihood"] if likelihood else [])]


def _possible(
    results: Results,
    traversals: Traversals | None,
    estimator: str,
    width_in: float,
    naming: DiagnosisNaming | None = None,
) -> dict[str, Callable[[], _Drawn]]:
    """How to draw each figure for which there is data."""
    tables = {name: results.table(name) for name in ("nmi", "latents", "series", "comparison")}
    if naming is not None:
        tables = {name: naming.labelled(table) for name, table in tables.items()}
    # KL and class are the same for all estimators, the factors that a latent holds are not
    latents, series, comparison = (_of(tables[name], estimator) for name in ("latents", "series", "comparison"))
    settings, compared = results.content.get("settings") or {}, results.content.get("compared") or {}
    parts, cap_nats = _decomposition(results)
    found: dict[str, Callable[[], _Drawn]] = {}
    if not tables["nmi"].empty:
        found["nmi"] = lambda: nmi_figure(tables["nmi"], latents, width_in=width_in)
    if not latents.empty:
        found["kl"] = lambda: kl_figure(
            latents, width_in=width_in, collapsed_nats=float(settings.get("collapsed_nats", COLLAPSED_NATS)),
            active_nats=float(settings.get("active_nats", ACTIVE_NATS)),
        )  # fmt: skip
    if not parts.empty:
        found["kl_decomposition"] = lambda: decomposition_figure(
            parts, width_in=width_in, cap_nats=cap_nats,
            saturated=bool((results.content.get("decomposition") or {}).get("near_cap")),
        )  # fmt: skip
    if traversals is not None:
        found["traversals"] = lambda: traversals_figure(*traversals, latents, width_in=width_in)
    if series["step"].nunique() > 1:
        found["nmi_series"] = lambda: nmi_series_figure(series, width_in=width_in)
        found["nmi_curves"] = lambda: nmi_curves_figure(series, width_in=width_in)
    if comparison["measure"].isin(list(MEASURES)).any():
        found["comparison"] = lambda: comparison_figure(
            comparison, label_a=str(compared.get("a", "A")), label_b=str(compared.get("b", "B")), width_in=width_in
        )
    return found


def _of(table: pd.DataFrame, estimator: str) -> pd.DataFrame:
    return table[table["estimator"].fillna("") == estimator].reset_index(drop=True)


def _decomposition(results: Results) -> tuple[pd.DataFrame, float | None]:
    """The parts of the KL and their sum, without rows where it was not decomposed; and what the MI cannot exceed."""
    content = results.content.get("decomposition") or {}
    names = {"index_code_mi": "index-code MI", "total_correlation": "total correlation",
             "dimwise_kl": "dimension-wise KL", "kl": "KL, their sum"}  # fmt: skip
    rows = [
        {"part": name, "nats": content.get(f"{key}_nats"), "stderr_nats": content.get(f"{key}_stderr_nats", 0.0)}
        for key, name in names.items()
    ]
    parts = pd.DataFrame(rows)
    if parts["nats"].isna().any():
        return parts.iloc[:0], None
    cap = content.get("cap_nats")
    return parts, None if cap is None else float(cap)


_TRAVERSALS = {"images": Declared(FLOAT, "DTCHW", finite=True), "values": Declared(FLOAT, "T", finite=True)}
"""The arrays of traversals.npz."""


def _load_traversals(path: Path) -> Traversals | None:
    if not path.is_file():
        return None
    arrays = read_own_arrays(path, _TRAVERSALS, "run the same `ifp diagnose` command again")
    return arrays["images"], arrays["values"]


def _remove_stale(folder: Path, names: set[str]) -> None:
    for name in sorted(names):
        for suffix in (*KNOWN_FORMATS, "csv", "txt"):
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
