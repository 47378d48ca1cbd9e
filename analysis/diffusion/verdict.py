"""The verdict: what a diagnosis says, in sentences, in the terms of the paper.

information freezing: a latent takes up a factor's information. information diffusion: a factor's information spreads
over several latents (over a series: NMI2 rises). information leakage: information that a latent held is lost again
(over a series: NMI1 falls). The first sentence is the headline. What is within noise is said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ifp.analysis.diffusion.comparison import ACTIVE_LATENTS, TOTAL_KL, Comparison
from ifp.analysis.diffusion.diagnosis import HISTOGRAM, POSTERIOR, Diagnosis
from ifp.analysis.diffusion.holders import (
    ACTIVE,
    ACTIVE_NATS,
    COLLAPSED,
    COLLAPSED_NATS,
    HELD_NMI,
    SEPARATOR,
    WEAK,
)
from ifp.analysis.diffusion.joint_verdict import idle_sentences, joint_cases, joint_headline, joint_sentences
from ifp.analysis.diffusion.series import AT_END, DIFFUSION, LARGEST, LEAKAGE, Series
from ifp.analysis.diffusion.wording import listed, signed, two_decimals
from ifp.analysis.information.intervals import LEAST_SHOWN, LEVEL

ENOUGH_IMAGES = 1000
"""With fewer the verdict says so."""

LEVEL_TEXT = f"{LEVEL:.0%}".replace("%", " %")


def checkpoint_verdict(diagnosis: Diagnosis) -> list[str]:
    """What one checkpoint holds: a headline, a sentence a factor, entangled latents, collapsed latents, caveats."""
    if not diagnosis.information:
        return [
            _latent_counts(diagnosis),
            *_status_lists(diagnosis),
            "What the latents hold cannot be said: that needs labels, images whose factors are known.",
        ]
    rows = diagnosis.factor_rows()
    if not rows["entropy_nats"].any():
        nothing = f"{_latent_counts(diagnosis)[:-1]}, but {_constant(rows['factor'])}, so there is nothing to hold."
        return [nothing, *_status_lists(diagnosis), *_few_images(diagnosis)]
    cases = joint_cases(diagnosis) if diagnosis.joint is not None else None
    if cases is None:
        sentences = [_headline(diagnosis, rows), *(_factor_sentence(row) for _, row in rows.iterrows())]
    elif (diagnosis.latent_rows()["status"] == COLLAPSED).all():
        sentences = [_headline(diagnosis, rows)]
    else:
        sentences = [f"{joint_headline(cases)}.", *joint_sentences(diagnosis, cases)]
    for _, row in diagnosis.latent_rows().iterrows():
        held = row["holds"].split(SEPARATOR)
        if len(held) > 1:
            sentences.append(
                f"Latent {row['latent']} is entangled: it holds {listed(held)} (purity {row['purity']:.2f} of 1)."
            )
    sentences += [*idle_sentences(diagnosis, cases), *_status_lists(diagnosis), *_caveats(diagnosis)]
    return [*sentences, *_few_images(diagnosis)]


def series_verdict(series: Series) -> list[str]:
    """What happened between the first and the last record: a headline, then freezing, diffusion, leakage by factor."""
    first, last = series.records[0], series.records[-1]
    between = f"between step {first.step} and step {last.step}"
    estimator = last.diagnosis.estimator
    if not estimator:
        before, after = series.steps.iloc[0], series.steps.iloc[-1]
        return [
            f"The total KL goes from {before['kl_nats']:.2f} to {after['kl_nats']:.2f} nats {between}, with "
            f"{before[ACTIVE]} and then {after[ACTIVE]} active latents.",
            "Diffusion and leakage cannot be told without labels.",
        ]
    of_last = last.diagnosis.factor_rows()
    changes = series.changes[series.changes["estimator"] == estimator]
    found = {
        measure: changes[(changes["measure"] == measure) & ~changes["within_noise"] & changes["frozen_step"].notna()]
        for measure in (DIFFUSION, LEAKAGE)
    }
    at_end = {measure: rows[rows["span"] == AT_END] for measure, rows in found.items()}
    sentences = [
        f"{between[0].upper()}{between[1:]}: {_series_headline(at_end)}.",
        *_freezing_sentences(changes, first.step, of_last.loc[of_last["entropy_nats"] == 0, "factor"].tolist()),
    ]
    for measure, text in ((DIFFUSION, "NMI2 of {} rose"), (LEAKAGE, "NMI1 of {} fell")):
        for _, row in found[measure].iterrows():
            if row["span"] == LARGEST and row["factor"] in set(at_end[measure]["factor"]):
                continue  # what stayed to the end has been said
            undone = "" if row["span"] == AT_END else ", but not for good"
            sentences.append(
                f"Information {measure}: {text.format(row['factor'])} by {row['change_nmi']:.3f} "
                f"({LEVEL_TEXT} {row['low']:.3f} to {row['high']:.3f}) from step {row['from_step']} to step "
                f"{row['to_step']}{undone}."
            )
        frozen = changes["frozen_step"].notna()
        quiet = [
            factor for factor in changes.loc[frozen, "factor"].unique() if factor not in set(found[measure]["factor"])
        ]
        if quiet:
            sentences.append(f"Information {measure} of {listed(quiet)} is within noise.")
    return sentences


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


def comparison_verdict(comparison: Comparison) -> list[str]:
    """How B differs from A, by the verdict's estimator (the posterior one where it was measured)."""
    a, b, table = comparison.label_a, comparison.label_b, comparison.table
    estimators = [name for name in table["estimator"].unique() if name]
    estimator = POSTERIOR if POSTERIOR in estimators else next(iter(estimators), "")
    rows = table[table["estimator"].isin([estimator, ""])]
    beyond_noise = rows["within_noise"].eq(False)
    tiny = rows["measure"].isin(["excess_nmi1", "excess_nmi2"]) & (rows["difference"].abs() < LEAST_SHOWN)
    apart = rows[beyond_noise & ~tiny]
    factors = apart.loc[apart["measure"].isin(["excess_nmi1", "excess_nmi2"]), "factor"].unique().tolist()
    images = "the same images" if comparison.paired else "different images"
    by = f" ({estimator} estimator, {images})" if estimator else f" ({images})"
    if factors:
        sentences = [f"{b} and {a} differ in what they hold of {listed(factors)}{by}."]
    elif estimator:
        noise = f"noise or to less than {LEAST_SHOWN:g}" if (beyond_noise & tiny).any() else "noise"
        sentences = [f"What {b} and {a} hold of each factor is equal within {noise}{by}."]
    else:
        sentences = [f"What {b} and {a} hold cannot be compared without labels; their KL can{by}."]
    for _, row in apart.iterrows():
        if row["measure"] in ("excess_nmi1", "excess_nmi2"):
            rank = row["measure"].removeprefix("excess_nmi")
            what = "the best latent holds" if rank == "1" else "the second latent holds"
            sentences.append(
                f"{row['factor']}: {what} {'more' if row['difference'] > 0 else 'less'} in {b}, "
                f"NMI{rank} above the floor {two_decimals(row['a'])} -> {two_decimals(row['b'])}, {_difference(row)}."
            )
    kl, active = (rows[rows["measure"] == measure].iloc[0] for measure in (TOTAL_KL, ACTIVE_LATENTS))
    equal = "equal within noise" if kl["within_noise"] else _difference(kl)
    sentences.append(f"Total KL: {kl['a']:.2f} nats in {a}, {kl['b']:.2f} in {b}, {equal}.")
    sentences.append(f"Active latents: {active['a']:.0f} in {a}, {active['b']:.0f} in {b}.")
    return [*sentences, "These intervals speak of the two checkpoints; other training seeds would differ by more."]


def verdict_lines(
    name: str, parts: Mapping[str, Sequence[str]], compared: Mapping[str, str] | None = None
) -> list[str]:
    """The sentences of a verdict as they are printed, each part under a heading where there are several.

    Parameters
    ----------
    name : the model's. parts : sentences of "comparison", "series" and "checkpoint", as `Results.content` has them.
    compared : the names of the models "a" and "b" where there is a comparison.

    >>> verdict_lines("beta-VAE", {"checkpoint": ["No information diffusion."]})
    ['- No information diffusion.']
    """
    headings = {
        "comparison": f"{compared['b']} compared with {compared['a']}:" if compared else "",
        "series": "Over the series:",
        "checkpoint": f"{name} by itself:",
    }
    several = sum(bool(parts.get(part)) for part in headings) > 1
    lines = []
    for part, heading in headings.items():
        sentences = parts.get(part, [])
        lines += [heading] if several and sentences else []
        lines += [f"- {sentence}" for sentence in sentences]
    return lines


def _constant(factors: Iterable[str]) -> str:
    names = list(factors)
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'} one value in these images"


def _headline(diagnosis: Diagnosis, rows: pd.DataFrame) -> str:
    by = f" ({diagnosis.estimator} estimator)"
    if (diagnosis.latent_rows()["status"] == COLLAPSED).all():
        return f"The model holds nothing: all {diagnosis.num_latents} latents are collapsed{by}."
    held = rows[rows["held_by"] != ""]
    if held.empty:
        return f"{_latent_counts(diagnosis)[:-1]}, but no single latent holds any of the known factors{by}."
    spread = held.loc[held["held_by"].str.contains(SEPARATOR), "factor"].tolist()
    constant = rows.loc[rows["entropy_nats"] == 0, "factor"].tolist()
    missing = rows.loc[(rows["held_by"] == "") & (rows["entropy_nats"] > 0), "factor"].tolist()
    head = f"Information diffusion in {listed(spread)}" if spread else "No information diffusion"
    single = [factor for factor in held["factor"] if factor not in spread]
    if single:
        head += f"; {listed(single)} {'is held by one latent' if len(single) == 1 else 'are held by one latent each'}"
    if missing:
        head += f"; {listed(missing)} by none"
    if constant:
        head += f"; {listed(constant)} {'is' if len(constant) == 1 else 'are'} constant"
    return f"{head}{by}."


def _factor_sentence(row: pd.Series) -> str:
    factor, latents = row["factor"], row["held_by"].split(SEPARATOR) if row["held_by"] else []
    if not row["entropy_nats"]:
        return f"{factor} has one value in these images (it is constant), so nothing can be said of it."
    most, second = (
        f"NMI {two_decimals(row[name])} above its floor, {LEVEL_TEXT} {two_decimals(row[f'{name}_low'])} to "
        f"{two_decimals(row[f'{name}_high'])}"
        for name in ("excess_nmi1", "excess_nmi2")
    )
    if not latents:
        if not row["nmi1_above_noise"]:
            if row["excess_nmi1"] < LEAST_SHOWN:
                return f"{factor} is not held by any single latent: no NMI is {LEAST_SHOWN:g} above its floor."
            largest = f"{two_decimals(row['excess_nmi1'])} above its floor (latent {row['carrier1']})"
            return f"{factor} is not held by any single latent: the largest NMI, {largest}, is within noise."
        return (
            f"{factor} is hardly held: latent {row['carrier1']} has the most above the noise ({most}), less than the "
            f"{HELD_NMI:g} that counts as held."
        )
    if len(latents) == 1:
        noise = f"below {LEAST_SHOWN:g}" if row["excess_nmi2"] < LEAST_SHOWN else "within noise"
        rest = "" if row["carrier2"] < 0 else f"; what the others hold is {noise}"
        if row["nmi2_above_noise"]:
            little = f"NMI {two_decimals(row['excess_nmi2'])} above its floor"
            rest = f"; the second, latent {row['carrier2']}, has little ({little})"
        return f"{factor} is held by latent {latents[0]} ({most}){rest}."
    return (
        f"{factor} is spread over latents {listed(latents)}: latent {row['carrier1']} holds the most ({most}), then "
        f"latent {row['carrier2']} ({second}); {row['carriers']:.1f} carriers."
    )


def _freezing_sentences(changes: pd.DataFrame, first_step: int, constant: list[str]) -> list[str]:
    frozen = changes.drop_duplicates("factor").set_index("factor")["frozen_step"]
    sentences = [f"{factor} froze by step {step:.0f}." for factor, step in frozen.items() if step > first_step]
    early = [str(factor) for factor, step in frozen.items() if step <= first_step]
    if early:
        sentences.insert(0, f"{listed(early)} {'is' if len(early) == 1 else 'are'} held from the first record on.")
    never = [str(factor) for factor in frozen.index[frozen.isna()] if factor not in constant]
    if never:
        sentences.append(f"{listed(never)} {'is' if len(never) == 1 else 'are'} held by no latent at any step.")
    if constant:
        sentences.append(f"{_constant(constant)}, so nothing can be said of {'it' if len(constant) == 1 else 'them'}.")
    return sentences


def _latent_counts(diagnosis: Diagnosis) -> str:
    active = int((diagnosis.latent_rows()["status"] == ACTIVE).sum())
    total, low, high = diagnosis.total_kl_nats()
    return (
        f"{active} of {diagnosis.num_latents} latents {'is' if active == 1 else 'are'} active; the total KL is "
        f"{total:.2f} nats ({LEVEL_TEXT} {low:.2f} to {high:.2f})."
    )


def _few_images(diagnosis: Diagnosis) -> list[str]:
    images = int(diagnosis.settings["images"])
    if images >= ENOUGH_IMAGES:
        return []
    return [
        f"These are {images} images: below {ENOUGH_IMAGES:,} intervals are wide, floors are high, and what is held "
        "weakly may pass for lost."
    ]


def _status_lists(diagnosis: Diagnosis) -> list[str]:
    rows = diagnosis.latent_rows()
    texts = {
        WEAK: f"weak (KL of {COLLAPSED_NATS:g} to {ACTIVE_NATS:g} nat)",
        COLLAPSED: f"collapsed (KL below {COLLAPSED_NATS:g} nat)",
    }
    sentences = []
    for status, text in texts.items():
        latents = [str(latent) for latent in rows.loc[rows["status"] == status, "latent"]]
        if latents:
            one = len(latents) == 1
            sentences.append(f"Latent{'' if one else 's'} {listed(latents)} {'is' if one else 'are'} {text}.")
    return sentences


def _caveats(diagnosis: Diagnosis) -> list[str]:
    """Where the other estimators see other holders, and which of those are collapsed."""
    spoken = _holders(diagnosis, diagnosis.estimator)
    collapsed = set(diagnosis.latents.loc[diagnosis.latents["status"] == COLLAPSED, "latent"].astype(str))
    sentences = []
    for estimator in diagnosis.information:
        held = _holders(diagnosis, estimator)
        differing = [factor for factor in held if held[factor] != spoken[factor]]
        if not differing:
            continue
        dead = sorted(set().union(*(held[factor] - spoken[factor] for factor in differing)) & collapsed, key=int)
        why = (
            f" In part it reads means of collapsed latents ({listed(dead)}), which drown in the latents' own noise "
            "before they reach the decoder."
            if dead and estimator == HISTOGRAM
            else ""
        )
        sentences.append(f"The {estimator} estimator finds other holders of {listed(differing)}.{why}")
    return sentences


def _holders(diagnosis: Diagnosis, estimator: str) -> dict[str, set[str]]:
    """The latents that hold each factor."""
    rows = diagnosis.factor_rows(estimator)
    return {
        factor: set(held_by.split(SEPARATOR)) if held_by else set()
        for factor, held_by in zip(rows["factor"], rows["held_by"], strict=True)
    }


def _difference(row: pd.Series) -> str:
    return f"difference {signed(row['difference'])} ({LEVEL_TEXT} {signed(row['low'])} to {signed(row['high'])})"
