"""Sections on runs of `ifp anneal`: traversals, whole data sets by training or in closed form, multi-rate, GANs."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ifp.analysis.figures.conditions import conditions_in_words
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.consistency import consistency_sentence
from ifp.analysis.freezing.report import report_caption, report_title
from ifp.analysis.freezing.saved_run import read_run
from ifp.analysis.gan_freezing.result import MARK as GAN_MARK
from ifp.analysis.gan_freezing.study import read_sweep
from ifp.analysis.joint.report import PrintedTable
from ifp.analysis.joint.response_report import MARK as RESPONSE_MARK
from ifp.analysis.joint.response_result import WholeResponse, read_response
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges, read_whole
from ifp.analysis.report.questions import ASKED_OF_RESPONSE, asked_of_whole
from ifp.analysis.report.section import Section, one_line, rounded, sentence
from ifp.analysis.suggestion.result import Suggestion
from ifp.analysis.suggestion.study import suggest
from ifp.errors import IfpError
from ifp.system.own_files import read_own_json

METHODS = {
    "closed-form": "Computed: the two edges of each traversal in closed form.",
    "exact": "Computed: the two edges of each traversal, and the exact equilibrium curve of an ideal VAE.",
    "train": "Computed: the two edges of each traversal, and networks trained while beta changes.",
    "both": "Computed: the two edges of each traversal, the exact equilibrium curve of an ideal VAE, and networks "
    "trained while beta changes.",
}  # fmt: skip
MULTI_RATE = "J. Bae et al., Multi-rate VAE: train once, get the full rate-distortion curve, ICLR 2023."
INFOGAN = (
    "X. Chen et al., InfoGAN: interpretable representation learning by information maximizing generative adversarial "
    "nets, NeurIPS 2016."
)
OF_WHOLES = (
    "No bound of the theory holds for joint freezing points of images in general: where factors add up in the image a "
    "joint freezing point lies just below its edge given the rest, elsewhere neither edge bounds it. The edges stand "
    "beside the points in table and figure."
)


def of_traversals(folder: Path) -> Section:
    """The section on a run of traversals."""
    run = read_run(folder)
    config, summary = run.config, run.table()
    factors = list(dict.fromkeys(summary["factor"]))
    contexts = int(summary["n_contexts"].max()) if len(summary) else 0
    asked = (
        f"At which beta does each of the {len(factors)} factors {', '.join(map(one_line, factors))} freeze into the "
        f"latents of a VAE, when it moves alone and all others are held? {METHODS.get(str(config.get('method')), '')} "
        f"{contexts} context{'s' if contexts != 1 else ''} per factor; {conditions_in_words(run.run)}; a factor "
        f"counts as frozen at a KL of {run.threshold_nats:g} nat."
    )
    checks = run.consistency()
    said = consistency_sentence(checks)
    found = [f"{sentence(run.headline())}.", *filter(None, [run.nothing_froze()])]
    found += [text for text in run.sentences() if text != said]
    suggested = _suggested(run)
    found += suggested.sentences()[:-2] if suggested else []
    table = ShownTable(
        report_title(one_line(run.dataset)), run.texts(), report_caption(summary), ("factor", "censored")
    )
    known = checks[checks["of"] > 0][["check", "holds", "of", "not_made"]].rename(columns={"not_made": "not made"})
    title, tables = f"Information freezing points of {_name(run.dataset)}", [table, *_as_table(suggested)]
    section = Section(
        "Annealing test", title, asked, found, tables,
        said or "Nothing could be compared with the theory: the run holds edges alone.",
        None if known.empty else rounded(known, "Comparisons with the bounds of the theory", left=("check",)),
    )  # fmt: skip
    return section.of_run(run.run, folder)


def of_whole(folder: Path) -> Section:
    """The section on an annealing of a whole data set, by training or in closed form."""
    result = read_whole(folder)
    if isinstance(result, WholeAnnealing):
        asked = asked_of_whole(len(result.about["seeds"]), heats="heat" in result.about.get("directions", ("heat",)))
        kind, theory = "Annealing of a whole data set", OF_WHOLES
    else:
        asked = "Where would latents and factors freeze in linear theory, if all are annealed at once? Closed form"
        kind, theory = "Closed form of a whole data set", "These numbers are the theory: nothing was trained."
    return _of_whole(result, folder, kind, asked, theory, ())


def of_response(folder: Path) -> Section:
    """The section on multi-rate networks."""
    theory = f"{RESPONSE_MARK}. {OF_WHOLES}"
    return _of_whole(read_response(folder), folder, "Multi-rate networks", ASKED_OF_RESPONSE, theory, (MULTI_RATE,))


def of_sweep(folder: Path) -> Section:
    """The section on a sweep of GANs."""
    sweep = read_sweep(folder)
    about = sweep.about
    asked = (
        f"At which pressure, 1 / weight of information, does each code of {about.get('objective', 'GANs')} on "
        f"{about.get('dataset', 'images')} take up information, as the weight rises and falls again?"
    )
    found = [f"{sweep.headline()}.", *filter(None, [sweep.nothing_froze()]), *sweep.notes()[1:]]
    names = {"cool_median": "cooling", "cool_froze": "froze", "cool_held": "held", "heat_median": "heating",
             "heat_melted": "melted", "heat_held": "held again"}  # fmt: skip
    table = rounded(sweep.table().rename(columns=names), "Freezing points: pressure, median over seeds",
                    left=("kind", "name"))  # fmt: skip
    theory = f"There is no theory to compare with: {GAN_MARK}."
    section = Section("Sweep of GANs", f"Freezing points of GANs on {_name(about.get('dataset', 'images'))}",
                      sentence(asked), list(map(sentence, found)), [table], theory, cite=(INFOGAN,))  # fmt: skip
    run = read_own_json(folder / "run.json", Struct, "run the same command again")
    return section.of_run({**run, "settings": about}, folder)


def _of_whole(
    result: WholeAnnealing | WholeEdges | WholeResponse,
    folder: Path,
    kind: str,
    asked: str,
    theory: str,
    cite: tuple[str, ...],
) -> Section:
    parts = result.report()
    tables = [ShownTable(part.title, part.table, part.note, ("factor",)) for part in parts if
              isinstance(part, PrintedTable)]  # fmt: skip
    found = [f"{sentence(result.headline())}."]
    if isinstance(result, WholeAnnealing | WholeResponse) and result.nothing_froze():
        found.append(result.nothing_froze())
    found += [sentence(part) for part in parts if isinstance(part, str) and part != RESPONSE_MARK]
    if isinstance(result, WholeAnnealing | WholeResponse) and (suggested := _suggested(result)):
        found += map(sentence, suggested.sentences()[:-2])
        tables += _as_table(suggested)
    section = Section(
        kind, f"{kind}: {_name(result.dataset)}", f"{asked}; {conditions_in_words(result.run)}.", found, tables, theory,
        cite=cite,
    )  # fmt: skip
    return section.of_run(result.run, folder)


def _suggested(result: Annealing | WholeAnnealing | WholeResponse) -> Suggestion | None:
    """Which beta holds the factors; None where none is known."""
    try:
        return suggest(result)
    except IfpError:
        return None


def _as_table(suggested: Suggestion | None) -> list[ShownTable]:
    if suggested is None:
        return []
    kind = suggested.sentences()[-1]
    title = "Which beta holds which factor: the beta below which it is held"
    return [ShownTable(title, suggested.texts(), f"Betas in {suggested.units.in_words}. {kind}", ("factor",))]


def _name(dataset: object) -> str:
    """The name of a data set without the folders of a path."""
    return one_line(Path(str(dataset).removeprefix("npz:").removeprefix("images:")).name)
