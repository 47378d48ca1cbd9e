"""`ifp diagnose` on screen: what latents and factors hold, the verdict, and how the model was read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ifp.analysis.diffusion.doubts import what_to_try, without_verdict
from ifp.analysis.diffusion.how_read import about_tests, reading_lines
from ifp.analysis.diffusion.model_comparison import ModelComparison
from ifp.analysis.diffusion.model_diagnosis import ModelDiagnosis
from ifp.analysis.diffusion.number_sentences import decomposition_sentence, regime_sentence, score_text
from ifp.analysis.diffusion.results import Results
from ifp.analysis.diffusion.results_content import plain
from ifp.analysis.diffusion.shown_tables import models_shown, shown_tables
from ifp.analysis.diffusion.wording import verdict_lines
from ifp.analysis.diffusion.write_models import model_folders
from ifp.analysis.figures.shown_table import ShownTable
from ifp.analysis.tables import json_rows
from ifp.cli.option_words import with_options
from ifp.cli.output import echo
from ifp.cli.printing import print_line, print_table

COLUMNS = 80
"""Width of a table in characters, except where one name alone is longer."""


def print_diagnosis(model: ModelDiagnosis, results: Results) -> None:
    """One model: latents, factors, verdict, metrics, and everything that was assumed."""
    record = model.run.last
    name = model.name + (f", step {record.step}" if record.step is not None else "")
    for shown in shown_tables(name, results):
        print_shown(shown)
    lines = verdict_lines(name, results.content["verdict"], results.content["compared"])
    scores = results.content["about"]["metrics"]
    if scores:
        texts = [score_text(metric, numbers) for metric, numbers in scores.items()]
        lines.append(f"Metrics: {', '.join(texts)}; settings in diagnosis.json")
    if (regime := results.content["about"]["dataset"].get("regime")) is not None:
        lines.append(regime_sentence(regime))
    if (parts := results.content["decomposition"]) is not None:
        lines.append(decomposition_sentence(parts))
    for line in [*lines, *reading_lines(record), ""]:
        print_line(line)


def print_shown(shown: ShownTable) -> None:
    """A table with its title and its note, in blocks that fit beside each other."""
    print_table(
        shown.table, title=shown.title, note=shown.note, left=shown.left, repeated=shown.repeated, width=COLUMNS
    )


def say_models(result: ModelDiagnosis | ModelComparison, out: Path, *, as_json: bool) -> None:
    """Every model, and several side by side, on stdout."""
    if as_json:
        echo(json.dumps(_content(result, out), indent=2))
        return
    for model, results in zip(result.models, result.all_results, strict=True):
        print_diagnosis(model, results)
    if isinstance(result, ModelComparison):
        print_shown(models_shown(result.totals()))
        print_line(f"- {result.models_sentence()}")


def _content(result: ModelDiagnosis | ModelComparison, out: Path) -> dict[str, Any]:
    """What --json prints."""
    folders = model_folders(result.models, out)
    if isinstance(result, ModelDiagnosis):
        return result.results.content | {"folder": str(out)}
    diagnoses = {str(folder): results.content for folder, results in zip(folders, result.all_results, strict=True)}
    return {"summary": result.models_sentence(), "runs": json_rows(result.totals()), "diagnoses": diagnoses}


def say_doubts(models: Sequence[ModelDiagnosis], *, as_json: bool) -> None:
    """Of models that get no verdict: how they were read on stdout, what is wrong and what to try on stderr."""
    doubtful = [model for model in models if model.doubts]
    if as_json:
        content = {model.name: {"doubts": model.doubts, **about_tests(model.run.last)} for model in doubtful}
        echo(json.dumps(plain({"verdict": None, "doubtful": content}), indent=2))
    for model in doubtful:
        if not as_json:
            echo(with_options("\n".join([model.name, *reading_lines(model.run.last)])))
        for sentence in without_verdict(model.run):
            echo(with_options(sentence), err=True)
        echo(with_options(what_to_try(model.run.last)), err=True)
