"""One sentence that sums up any number of models: what has diffused, what is lost, how much they hold."""

from __future__ import annotations

from collections.abc import Sequence

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holders import SEPARATOR
from ifp.analysis.diffusion.joint_verdict import DIFFUSED, LOST, joint_cases
from ifp.analysis.diffusion.wording import listed


def models_sentence(names: Sequence[str], diagnoses: Sequence[Diagnosis]) -> str:
    """By the joint information where all models have it, else by the latents that hold a factor singly.

    >>> models_sentence([], [])
    ''
    """
    if not diagnoses:
        return ""
    total = [f"{diagnosis.total_kl_nats()[0]:.2f}" for diagnosis in diagnoses]
    kl = f"total KL {listed(total)} nats in {listed(names)}"
    if not all(diagnosis.information for diagnosis in diagnoses):
        return f"{kl[0].upper()}{kl[1:]}; what they hold needs labels."
    diffused, lost = zip(*map(_diffused_and_lost, diagnoses), strict=True)
    singles = any(diagnosis.joint is None for diagnosis in diagnoses)
    gone = "held by no single latent" if singles else "lost"
    return f"Information diffusion: {_by_model(names, diffused)}; {gone}: {_by_model(names, lost)}; {kl}."


def _diffused_and_lost(diagnosis: Diagnosis) -> tuple[list[str], list[str]]:
    if diagnosis.joint is not None:
        cases = joint_cases(diagnosis)
        of = {case: cases.loc[cases["case"] == case, "factor"].tolist() for case in cases["case"].unique()}
        spread = [factor for factor in cases["factor"] if any(factor in of.get(case, ()) for case in DIFFUSED)]
        return spread, of.get(LOST, [])
    rows = diagnosis.factor_rows()
    varying = rows[rows["entropy_nats"] > 0]
    return (
        varying.loc[varying["held_by"].str.contains(SEPARATOR), "factor"].tolist(),
        varying.loc[varying["held_by"] == "", "factor"].tolist(),
    )


def _by_model(names: Sequence[str], factors: Sequence[list[str]]) -> str:
    """posX in A and B, scale in B: the factors, each with its models; "none" where there are none."""
    models_of: dict[str, list[str]] = {}
    for name, of_model in zip(names, factors, strict=True):
        for factor in of_model:
            models_of.setdefault(factor, []).append(name)
    everywhere = len(names) > 2
    texts = [
        f"{factor} in {'all' if everywhere and len(models) == len(names) else listed(models)}"
        for factor, models in models_of.items()
    ]
    return ", ".join(texts) or "none"
