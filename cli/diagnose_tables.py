"""`ifp diagnose` on screen: what latents and factors hold, the verdict, and how the model was read."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from ifp.analysis.diffusion.results import Results
from ifp.analysis.metrics import METRICS, Score
from ifp.cli.diagnose_reading import reading_lines
from ifp.cli.diagnose_runs import Diagnosed
from ifp.cli.factor_tables import factors_table, joint_table, latents_tables, runs_tables
from ifp.cli.printing import stdout_console


def print_diagnosis(found: Diagnosed, results: Results) -> None:
    """One run: latents, factors, verdict, metrics, and everything assumed."""
    console = stdout_console()
    record = found.run.last
    name = found.run.name + (f", step {record.step}" if record.step is not None else "")
    tables = latents_tables(name, results)
    if not results.table("joint").empty:
        tables.append(joint_table(results))
    if results.estimators:
        tables.append(factors_table(results))
    for table in tables:
        _print_table(console, table)
    for line in _verdict_lines(name, results):
        console.print(line, soft_wrap=True)
    if found.scores:
        scores = [_score(name, score, seconds) for name, (score, seconds) in found.scores.items()]
        console.print(f"Metrics: {', '.join(scores)}; settings in diagnosis.json", soft_wrap=True)
    for line in _regime(results.content["about"]["dataset"].get("regime")):
        console.print(line, soft_wrap=True)
    decomposition = results.content["decomposition"]
    if decomposition is not None:
        console.print(_decomposition(decomposition), soft_wrap=True)
    for line in reading_lines(found.run.last):
        console.print(line, soft_wrap=True)
    console.print()


def _verdict_lines(name: str, results: Results) -> list[str]:
    """The verdict's sentences, each part under a heading where there are several."""
    compared = results.content["compared"]
    headings = {
        "comparison": f"{compared['b']} compared with {compared['a']}:" if compared else "",
        "series": "Over the series:",
        "checkpoint": f"{name} by itself:",
    }
    parts = {key: results.content["verdict"].get(key, []) for key in headings}
    several = sum(map(bool, parts.values())) > 1
    lines = []
    for key, sentences in parts.items():
        lines += [headings[key]] if several and sentences else []
        lines += [f"- {sentence}" for sentence in sentences]
    return lines


def _regime(regime: dict[str, Any] | None) -> list[str]:
    """A sentence where factors were correlated: what they share, and what that does to the numbers above."""
    if regime is None:
        return []
    pairs = [
        f"{a} and {b} (sigma {sigma:g}, {nats:.2f} nats shared)"
        for (a, b, sigma), nats in zip(regime["pairs"], regime["shared_nats"], strict=True)
    ]
    return [
        f"These images were drawn with correlated factors: {', '.join(pairs)}. A latent that holds one of a pair "
        "reads on the other; minimality and sufficiency do not suffer from that (Almudévar et al. 2024), other metrics "
        "may."
    ]


def _score(name: str, score: Score, seconds: float) -> str:
    """Value, what is reported beside it, and the time it took.

    >>> _score("mig", Score(value=0.25, settings={}), 1.2)
    'mig 0.250 (1.2 s)'
    """
    numbers = score.numbers()
    beside = [f"{part.replace('_', ' ')} {numbers[part]:.3f}" for part in METRICS[name].beside]
    return f"{name} {score.value:.3f} ({', '.join([*beside, f'{seconds:.1f} s'])})"


def print_runs(runs: pd.DataFrame, sentence: str) -> None:
    """Several models side by side, and what they say together."""
    console = stdout_console()
    for table in runs_tables(runs):
        _print_table(console, table)
    console.print(f"- {sentence}", soft_wrap=True)


def _print_table(console: Console, table: Table) -> None:
    """Title and caption as lines of their own: inside a narrow table they would be broken."""
    title, caption = table.title, table.caption
    table.title = table.caption = None
    console.print(title, soft_wrap=True)
    console.print(table)
    if caption:
        console.print(f"  {caption}", soft_wrap=True)
        console.print()


def _decomposition(parts: dict[str, Any]) -> str:
    """KL in its three parts, and how far the first can be trusted."""
    near = parts["near_cap"]
    text = (
        f"KL {parts['kl_nats']:.2f} nats = index-code MI {'at least ' * near}{parts['index_code_mi_nats']:.2f} + total "
        f"correlation {'at most ' * near}{parts['total_correlation_nats'] + 0.0:.2f} + dimension-wise KL "
        f"{parts['dimwise_kl_nats'] + 0.0:.2f} (Monte Carlo)"
    )
    if near:
        text += f"; the MI is near the most that these images can show, ln N = {parts['cap_nats']:.2f}"
    return text
