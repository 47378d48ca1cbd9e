"""The verdict on a series of checkpoints: what froze when, what diffused, and what leaked away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ifp.analysis.diffusion.holders import ACTIVE, HELD_NMI
from ifp.analysis.diffusion.series import AT_END, DIFFUSION, LARGEST, LEAKAGE, Series
from ifp.analysis.diffusion.wording import LEVEL_TEXT, constant_text, decimals, listed


def series_verdict(series: Series) -> list[str]:
    """What happened between the first and the last record: a headline, then freezing, diffusion, leakage by factor."""
    first, last = series.records[0], series.records[-1]
    between = f"between step {first.step} and step {last.step}"
    estimator = last.diagnosis.estimator
    if not estimator:
        before, after = series.steps.iloc[0], series.steps.iloc[-1]
        return [
            f"The total KL goes from {decimals(before['kl_nats'])} to {decimals(after['kl_nats'])} nats {between}, "
            f"with {before[ACTIVE]} and then {after[ACTIVE]} active latents.",
            "Diffusion and leakage cannot be told without labels.",
        ]
    of_last = last.diagnosis.factor_rows()
    changes = series.changes[series.changes["estimator"] == estimator]
    beyond_noise = {
        measure: changes[(changes["measure"] == measure) & ~changes["within_noise"] & changes["frozen_step"].notna()]
        for measure in (DIFFUSION, LEAKAGE)
    }
    at_end = {measure: rows[rows["span"] == AT_END] for measure, rows in beyond_noise.items()}
    constant = of_last.loc[of_last["entropy_nats"] == 0, "factor"].tolist()
    sentences = [
        f"{between[0].upper()}{between[1:]}: {_series_headline(at_end)}.",
        *_freezing_sentences(changes, first.step, constant, series.records[-1].diagnosis.unit),
    ]
    for measure, text in ((DIFFUSION, "NMI2 of {} rose"), (LEAKAGE, "NMI1 of {} fell")):
        for _, row in beyond_noise[measure].iterrows():
            if row["span"] == LARGEST and row["factor"] in set(at_end[measure]["factor"]):
                continue  # what stayed to the end has been said
            undone = "" if row["span"] == AT_END else ", but not for good"
            sentences.append(
                f"Information {measure}: {text.format(row['factor'])} by {row['change_nmi']:.3f} "
                f"({LEVEL_TEXT} {row['low']:.3f} to {row['high']:.3f}) from step {row['from_step']} to step "
                f"{row['to_step']}{undone}."
            )
        frozen = changes["frozen_step"].notna()
        said = set(beyond_noise[measure]["factor"])
        quiet = [factor for factor in changes.loc[frozen, "factor"].unique() if factor not in said]
        if quiet:
            sentences.append(f"Information {measure} of {listed(quiet)} is within noise between any two steps.")
    return sentences


def of_last_step(series: Series, sentences: Sequence[str]) -> list[str]:
    """The verdict on the last checkpoint of a series, which says that its headline is of that step alone.

    "Information diffusion" of one checkpoint is that a factor lies in several latents; whether it came to that within
    the series is another matter, and both are read in one list.
    """
    step = series.records[-1].step
    return [f"At step {step} taken alone, however it came about: {sentences[0]}", *sentences[1:]]


def _series_headline(at_end: Mapping[str, pd.DataFrame]) -> str:
    """Changes left at the end: those as large as what counts as holding a factor, apart from the small ones."""
    parts = []
    for measure, how in ((DIFFUSION, "NMI2 rose"), (LEAKAGE, "NMI1 fell")):
        rows = at_end[measure]
        large = rows["change_nmi"] >= HELD_NMI
        if large.any():
            parts.append(f"information {measure} of {listed(rows.loc[large, 'factor'])} ({how})")
        if (~large).any():
            parts.append(f"small {measure} of {listed(rows.loc[~large, 'factor'])} ({how} by less than {HELD_NMI:g})")
    return "; ".join(parts) or "no information diffusion and no leakage beyond noise is left at the end"


def _freezing_sentences(changes: pd.DataFrame, first_step: int, constant: list[str], unit: str) -> list[str]:
    frozen = changes.drop_duplicates("factor").set_index("factor")["frozen_step"]
    sentences = [f"{factor} froze by step {step:.0f}." for factor, step in frozen.items() if step > first_step]
    early = [str(factor) for factor, step in frozen.items() if step <= first_step]
    if early:
        sentences.insert(0, f"{listed(early)} {'is' if len(early) == 1 else 'are'} held from the first record on.")
    never = [str(factor) for factor in frozen.index[frozen.isna()] if factor not in constant]
    if never:
        sentences.append(f"{listed(never)} {'is' if len(never) == 1 else 'are'} held by no latent at any step.")
    if constant:
        sentences.append(
            f"{constant_text(constant, unit)}, so nothing can be said of {'it' if len(constant) == 1 else 'them'}."
        )
    return sentences
