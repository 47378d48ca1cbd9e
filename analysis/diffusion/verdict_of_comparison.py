"""The verdict on two models: how the second differs from the first."""

from __future__ import annotations

import pandas as pd

from ifp.analysis.diffusion.comparison import ACTIVE_LATENTS, TOTAL_KL, Comparison
from ifp.analysis.diffusion.diagnosis import POSTERIOR
from ifp.analysis.diffusion.wording import LEVEL_TEXT, decimals, listed, signed
from ifp.analysis.information.intervals import LEAST_SHOWN


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
        sentences = [f"{a} and {b} differ in what they hold of {listed(factors)}{by}."]
    elif estimator:
        noise = f"noise or to less than {LEAST_SHOWN:g}" if (beyond_noise & tiny).any() else "noise"
        sentences = [f"What {a} and {b} hold of each factor is equal within {noise}{by}."]
    else:
        sentences = [f"What {a} and {b} hold cannot be compared without labels; their KL can{by}."]
    for _, row in apart.iterrows():
        if row["measure"] in ("excess_nmi1", "excess_nmi2"):
            rank = row["measure"].removeprefix("excess_nmi")
            what = "the best latent holds" if rank == "1" else "the second latent holds"
            sentences.append(
                f"{row['factor']}: {what} {'more' if row['difference'] > 0 else 'less'} in {b}, "
                f"NMI{rank} above the floor {decimals(row['a'])} -> {decimals(row['b'])}, {_difference(row)}."
            )
    kl, active = (rows[rows["measure"] == measure].iloc[0] for measure in (TOTAL_KL, ACTIVE_LATENTS))
    equal = "equal within noise" if kl["within_noise"] else _difference(kl)
    sentences.append(f"Total KL: {decimals(kl['a'])} nats in {a}, {decimals(kl['b'])} in {b}, {equal}.")
    sentences.append(f"Active latents: {active['a']:.0f} in {a}, {active['b']:.0f} in {b}.")
    return [*sentences, "These intervals speak of the two checkpoints; other training seeds would differ by more."]


def _difference(row: pd.Series) -> str:
    difference, low, high = signed(row["difference"], row["low"], row["high"])
    return f"difference {difference} ({LEVEL_TEXT} {low} to {high})"
