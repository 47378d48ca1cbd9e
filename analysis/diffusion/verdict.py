"""The verdict: what a diagnosis says, in sentences, in the terms of the paper.

information freezing: a latent takes up a factor's information. information diffusion: a factor's information spreads
over several latents (over a series: NMI2 rises). information leakage: information that a latent held is lost again
(over a series: NMI1 falls). The first sentence is the headline. What is within noise is said to be.
"""

from __future__ import annotations

import pandas as pd

from ifp.analysis.diffusion.diagnosis import HISTOGRAM, Diagnosis
from ifp.analysis.diffusion.holders import (
    ACTIVE,
    ACTIVE_NATS,
    COLLAPSED,
    COLLAPSED_NATS,
    HELD_NMI,
    SEPARATOR,
    WEAK,
)
from ifp.analysis.diffusion.joint_verdict import (
    CONSTANT,
    LOST,
    idle_sentences,
    joint_cases,
    joint_headline,
    joint_sentences,
)
from ifp.analysis.diffusion.wording import LEVEL_TEXT, constant_text, decimals, listed, with_interval
from ifp.analysis.information.intervals import LEAST_SHOWN
from ifp.errors import counted

ENOUGH_IMAGES = 1000
"""With fewer images than this the verdict says that they are few."""


def checkpoint_verdict(diagnosis: Diagnosis) -> list[str]:
    """What one checkpoint holds: a headline, one sentence per factor, entangled and collapsed latents, caveats."""
    if not diagnosis.information:
        return [
            _latent_counts(diagnosis),
            *_status_lists(diagnosis),
            f"What the latents hold cannot be said: that needs labels, {diagnosis.unit}s whose factors are known.",
        ]
    rows = diagnosis.factor_rows()
    if not rows["entropy_nats"].any():
        constant = constant_text(rows["factor"], diagnosis.unit)
        nothing = f"{_latent_counts(diagnosis)[:-1]}, but {constant}, so there is nothing to hold."
        return [nothing, *_status_lists(diagnosis), *_few_rows(diagnosis)]
    cases = joint_cases(diagnosis) if diagnosis.joint is not None else None
    status = diagnosis.latent_rows()["status"]
    active = bool((status == ACTIVE).any())
    if cases is None:
        sentences = [
            _headline(diagnosis, rows),
            *(_factor_sentence(row, diagnosis.unit, any_active=active) for _, row in rows.iterrows()),
        ]
    elif (status == COLLAPSED).all():
        sentences = [_headline(diagnosis, rows)]
    elif not active and set(cases["case"]) <= {LOST, CONSTANT}:
        sentences = [_nothing_held(diagnosis), *joint_sentences(diagnosis, cases)]
    else:
        sentences = [f"{joint_headline(cases)}.", *joint_sentences(diagnosis, cases)]
    for _, row in diagnosis.latent_rows().iterrows():
        held = row["holds"].split(SEPARATOR)
        if len(held) > 1:
            sentences.append(
                f"Latent {row['latent']} is entangled: it holds {listed(held)} (purity {row['purity']:.2f} of 1)."
            )
    sentences += [*idle_sentences(diagnosis, cases), *_status_lists(diagnosis), *_caveats(diagnosis)]
    return [*sentences, *_few_rows(diagnosis)]


def _headline(diagnosis: Diagnosis, rows: pd.DataFrame) -> str:
    by = f" ({diagnosis.estimator} estimator)"
    if (diagnosis.latent_rows()["status"] == COLLAPSED).all():
        return f"The model holds nothing: all {diagnosis.num_latents} latents are collapsed{by}."
    held = rows[rows["held_by"] != ""]
    if held.empty and not (diagnosis.latent_rows()["status"] == ACTIVE).any():
        return _nothing_held(diagnosis)
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


def _nothing_held(diagnosis: Diagnosis) -> str:
    """The headline of a model without an active latent, of whose weak ones none holds a factor either."""
    total, low, high = diagnosis.total_kl_nats()
    latents = (
        f"none of its {diagnosis.num_latents} latents is active" if diagnosis.num_latents > 1 else "its latent is weak"
    )
    kl_nats, ends = with_interval(total, low, high)
    return f"The model holds nothing: {latents}; the total KL is {kl_nats} nats ({LEVEL_TEXT} {ends})."


def _factor_sentence(row: pd.Series, unit: str, *, any_active: bool) -> str:
    factor, latents = row["factor"], row["held_by"].split(SEPARATOR) if row["held_by"] else []
    if not row["entropy_nats"]:
        return f"{factor} has one value in these {unit}s (it is constant), so nothing can be said of it."
    most, second = (
        f"NMI {nmi} above its floor, {LEVEL_TEXT} {ends}"
        for nmi, ends in (
            with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in ("excess_nmi1", "excess_nmi2")
        )
    )
    if not latents:
        if not row["nmi1_above_noise"]:
            if row["excess_nmi1"] < LEAST_SHOWN:
                return f"{factor} is not held by any single latent: no NMI is {LEAST_SHOWN:g} above its floor."
            largest = f"{decimals(row['excess_nmi1'])} above its floor (latent {row['carrier1']})"
            return f"{factor} is not held by any single latent: the largest NMI, {largest}, is within noise."
        if not any_active:
            return f"{factor} is not held: latent {row['carrier1']}, which is not active, has the most ({most})."
        return (
            f"{factor} is hardly held: latent {row['carrier1']} has the most above the noise ({most}), less than the "
            f"{HELD_NMI:g} that counts as held."
        )
    if len(latents) == 1:
        noise = f"below {LEAST_SHOWN:g}" if row["excess_nmi2"] < LEAST_SHOWN else "within noise"
        rest = "" if row["carrier2"] < 0 else f"; what the others hold is {noise}"
        if row["nmi2_above_noise"]:
            little = f"NMI {decimals(row['excess_nmi2'])} above its floor"
            rest = f"; the second, latent {row['carrier2']}, has little ({little})"
        return f"{factor} is held by latent {latents[0]} ({most}){rest}."
    return (
        f"{factor} is spread over latents {listed(latents)}: latent {row['carrier1']} holds the most ({most}), then "
        f"latent {row['carrier2']} ({second}); {row['carriers']:.1f} carriers."
    )


def _latent_counts(diagnosis: Diagnosis) -> str:
    active = int((diagnosis.latent_rows()["status"] == ACTIVE).sum())
    kl_nats, ends = with_interval(*diagnosis.total_kl_nats())
    return (
        f"{active} of {diagnosis.num_latents} latents {'is' if active == 1 else 'are'} active; the total KL is "
        f"{kl_nats} nats ({LEVEL_TEXT} {ends})."
    )


def _few_rows(diagnosis: Diagnosis) -> list[str]:
    rows = int(diagnosis.settings["images"])
    if rows >= ENOUGH_IMAGES:
        return []
    return [
        f"These are {counted(rows, diagnosis.unit)}: below {ENOUGH_IMAGES:,} intervals are wide, floors are "
        "high, and what is held "
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
            single = len(latents) == 1
            sentences.append(f"Latent{'' if single else 's'} {listed(latents)} {'is' if single else 'are'} {text}.")
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
