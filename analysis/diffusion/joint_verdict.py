"""Where a factor's information went, in words: held by one latent, spread over several, held jointly, or lost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ifp.analysis.diffusion.diagnosis import Diagnosis
from ifp.analysis.diffusion.holders import ACTIVE, HELD_NMI, SEPARATOR, above_noise_DF
from ifp.analysis.diffusion.wording import LEVEL_TEXT, decimals, interval, latents_text, listed, share, with_interval
from ifp.analysis.information.intervals import LEAST_SHOWN

ONE, COPIED, SPREAD, ROTATED, JOINTLY, HIDDEN, LOST, CONSTANT = (
    "held by one latent", "copied", "spread", "rotated pair", "held jointly", "hidden by other factors", "lost",
    "constant",
)  # fmt: skip
CASES = (ONE, COPIED, SPREAD, ROTATED, JOINTLY, HIDDEN, LOST, CONSTANT)
DIFFUSED = (COPIED, SPREAD, ROTATED, JOINTLY)
COPY_SHARE = 0.5
"""A second latent is a copy when its NMI above the floor is this share of the first's, and no set is needed."""
ROTATED_DIFFUSION, ROTATED_SYNERGY = 0.5, 0.25
"""A pair holds a factor jointly when its best latent alone has lost this share of the joint information, and the pair
holds this share of its own beyond the sum of its two latents. It is a rotated pair where both hold something alone."""
HIDDEN_SHARE = 0.1
"""If the other factors reveal at least this share of the entropy, the verdict says so in a sentence."""


def joint_cases(diagnosis: Diagnosis) -> pd.DataFrame:
    """The table of `measure_joint` with `case` (one of `CASES`), `copies`, the latents that hold a factor singly,
    and `alone`, the latents of the set that hold something of it alone."""
    assert diagnosis.joint is not None
    held_by = diagnosis.factor_rows().set_index("factor")
    table = diagnosis.joint.table.copy()
    table["copies"] = [
        SEPARATOR.join(sorted(_copies(row, held_by.loc[row["factor"]]), key=int)) for _, row in table.iterrows()
    ]
    above_DF = above_noise_DF(diagnosis.information[diagnosis.estimator])
    table["alone"] = [
        SEPARATOR.join(map(str, sorted(_alone(row, above_DF[:, diagnosis.factor_names.index(row["factor"])]))))
        for _, row in table.iterrows()
    ]
    table["case"] = [_case(row) for _, row in table.iterrows()]
    return table


def _copies(row: pd.Series, of_nmi: pd.Series) -> list[str]:
    """All latents that hold the factor alone about as well as the best one does; none where a set is needed."""
    latents = str(of_nmi["held_by"]).split(SEPARATOR)
    needed = len(str(row["set_latents"]).split(SEPARATOR))
    alike = of_nmi["excess_nmi2"] >= COPY_SHARE * of_nmi["excess_nmi1"]
    return latents if row["above_noise"] and needed == 1 and len(latents) > 1 and alike else []


def _alone(row: pd.Series, above_D: np.ndarray) -> set[int]:
    """Latents of the set that are above the noise alone, by their NMI or by their own bound."""
    chosen = _latents(row["set_latents"])
    alone = {latent for latent in chosen if above_D[latent]}
    least = np.nanmax([LEAST_SHOWN, row["floor_high_nats"]])
    single = int(row["single_latent"])
    if single in chosen and row["single_nats"] > least:
        alone.add(single)
    # the other one's bound is what is left of the pair
    if len(chosen) == 2 and single in chosen and row["pair_nats"] - row["synergy_nats"] - row["single_nats"] > least:
        alone |= set(chosen)
    return alone


def _latents(text: str) -> list[int]:
    return [int(latent) for latent in text.split(SEPARATOR) if latent]


def _case(row: pd.Series) -> str:
    if not row["entropy_nats"]:
        return CONSTANT
    if not row["above_noise"] or row["joint_share"] < HELD_NMI:
        return HIDDEN if _reveals(row) and row["given_others_nats"] >= HELD_NMI * row["entropy_nats"] else LOST
    latents = row["set_latents"].split(SEPARATOR)
    if len(latents) == 1:
        return COPIED if row["copies"] else ONE
    jointly = (
        row["set_latents"] == row["pair_latents"]
        and row["diffusion_share"] >= ROTATED_DIFFUSION
        and row["synergy_low"] > 0
        and row["synergy_nats"] >= ROTATED_SYNERGY * row["pair_nats"]
    )
    if not jointly:
        return SPREAD
    return ROTATED if row["alone"] == row["pair_latents"] else JOINTLY


def _reveals(row: pd.Series) -> bool:
    """Whether the other factors reveal more of it than the latents show by themselves."""
    more = row["given_others_nats"] - row["joint_nats"]
    return bool(row["given_others_low"] > row["joint_high"] and more >= HIDDEN_SHARE * row["entropy_nats"])


def joint_headline(cases: pd.DataFrame) -> str:
    """Which factors have diffused, how, and what became of the others; without a full stop."""
    names = {case: cases.loc[cases["case"] == case, "factor"].tolist() for case in CASES}
    diffused = [factor for case in DIFFUSED for factor in names[case]]
    order = [factor for factor in cases["factor"] if factor in diffused]
    head = f"Information diffusion in {listed(order)}" if order else "No information diffusion"
    tails = []
    if names[ROTATED]:
        tails.append(f"{listed(names[ROTATED])} {_is(names[ROTATED])} held jointly in a rotated pair of latents")
    for _, row in cases[cases["case"] == JOINTLY].iterrows():
        tails.append(f"{row['factor']} is {_jointly(row)}")
    if names[ONE]:
        each = "" if len(names[ONE]) == 1 else " each"
        tails.append(f"{listed(names[ONE])} {_is(names[ONE])} held by one latent{each}")
    if names[HIDDEN]:
        tails.append(f"{listed(names[HIDDEN])} {_shows(names[HIDDEN])} only when the other factors are known")
    for case in (LOST, CONSTANT):
        if names[case]:
            tails.append(f"{listed(names[case])} {_is(names[case])} {case}")
    return "; ".join([head, *tails])


def _jointly(row: pd.Series) -> str:
    """Which two latents hold it together, and which of them holds nothing alone."""
    pair, alone = _latents(row["set_latents"]), _latents(row["alone"])
    silent = [latent for latent in pair if latent not in alone]
    by = "neither alone" if not alone else f"latent {silent[0]} not alone"
    return f"held jointly by latents {listed(pair)}, by {by}"


def joint_sentences(diagnosis: Diagnosis, cases: pd.DataFrame) -> list[str]:
    """A sentence or two per factor."""
    of_nmi = diagnosis.factor_rows().set_index("factor")
    return [_factor_sentence(row, cases, of_nmi.loc[row["factor"]], diagnosis.unit) for _, row in cases.iterrows()]


def _factor_sentence(row: pd.Series, cases: pd.DataFrame, of_nmi: pd.Series, unit: str) -> str:
    factor, case = row["factor"], row["case"]
    if case == CONSTANT:
        return f"{factor} has one value in these {unit}s (it is constant), so nothing can be said of it."
    entropy = decimals(row["entropy_nats"])
    sure = f"{LEVEL_TEXT} {interval(row['joint_low'], row['joint_high'])}"
    joint_nats, ends = with_interval(row["joint_nats"], row["joint_low"], row["joint_high"])
    all_hold = f"at least {joint_nats} of {entropy} nats ({LEVEL_TEXT} {ends})"
    single, best = decimals(row["single_nats"]), f"latent {row['single_latent']}"
    known = f" Given the other factors the latents hold at least {decimals(row['given_others_nats'])} nats of it."
    given = known if _reveals(row) else ""
    if case in (LOST, HIDDEN):
        if row["above_noise"]:
            text = f"{factor} is nearly lost: all latents together hold {all_hold}, less than {share(HELD_NMI)} of it."
        else:
            text = (
                f"{factor} is lost: in all latents together no classifier finds anything of its {entropy} nats above "
                "the noise."
            )
        if case == HIDDEN:
            text = (
                f"{factor} shows only when the other factors are known: then the latents hold at least "
                f"{decimals(row['given_others_nats'])} of {entropy} nats, else "
                f"{decimals(row['joint_nats']) if row['above_noise'] else 'nothing above the noise'}."
            )
        return text + (given if case == LOST else "")
    if case == ONE:
        rest = ""
        if of_nmi["nmi2_above_noise"] and of_nmi["carrier2"] >= 0:
            rest = f"; latent {of_nmi['carrier2']} repeats a little (NMI {decimals(of_nmi['excess_nmi2'])})"
        joint = decimals(row["joint_nats"])
        together = "and so have all together" if single == joint else f"all latents together at least {joint}"
        return (
            f"{factor} is held by {best}: that latent alone has at least {single} of the {entropy} nats there are, "
            f"{together} ({sure}){rest}.{given}"
        )
    if case == COPIED:
        copies = _latents(row["copies"])
        return (
            f"{factor} is spread over {len(copies)} latents ({latents_text(copies)}) as copies: each holds much of it "
            f"alone, {best} the most ({single} nats); all latents together hold {all_hold}.{given}"
        )
    chosen = _latents(row["set_latents"])
    lost = f"{best} alone holds {single}" if row["single_nats"] >= LEAST_SHOWN else "none alone holds anything of it"
    moved_nats, moved_ends = with_interval(row["diffusion_nats"], row["diffusion_low"], row["diffusion_high"])
    moved = f"{share(row['diffusion_share'])} ({moved_nats} nats, {LEVEL_TEXT} {moved_ends})"
    if case == ROTATED:
        same = cases.loc[
            (cases["pair_latents"] == row["pair_latents"]) & (cases["case"] == ROTATED) & (cases["factor"] != factor),
            "factor",
        ].tolist()
        beside = f", which it shares with {listed(same)}" if same else ""
        return (
            f"{factor} is held jointly by latents {listed(chosen)}, a rotated pair{beside}: all latents hold "
            f"{all_hold}, the pair {decimals(row['pair_nats'])}, the better of the two alone {single}.{given}"
        )
    if case == JOINTLY:
        better = f", {best} alone {single}" if row["alone"] else ""
        pair = decimals(row["pair_nats"])
        return f"{factor} is {_jointly(row)}: all latents hold {all_hold}, these two {pair}{better}.{given}"
    return (
        f"{factor} is spread over {len(chosen)} latents ({latents_text(chosen)}): all latents hold {all_hold}, these "
        f"{decimals(row['set_nats'])}; {lost}, so that {moved} has diffused.{given}"
    )


def idle_sentences(diagnosis: Diagnosis, cases: pd.DataFrame | None) -> list[str]:
    """Active latents that hold no factor above the noise floor: those that a set needs, and those that none does."""
    above_D = np.any(above_noise_DF(diagnosis.information[diagnosis.estimator]), axis=1).tolist()
    alone_by_bound = {latent for text in cases["alone"] for latent in _latents(text)} if cases is not None else set()
    rows = diagnosis.latent_rows().set_index("latent")
    idle = [latent for latent in rows.index if rows.loc[latent, "status"] == ACTIVE and not above_D[latent]]
    by_bound = [latent for latent in idle if latent in alone_by_bound]
    idle = [latent for latent in idle if latent not in alone_by_bound]
    needed = {
        latent: [row["factor"] for _, row in cases.iterrows() if str(latent) in row["set_latents"].split(SEPARATOR)]
        for latent in idle
    } if cases is not None else {}  # fmt: skip
    sentences = [
        f"Latent {latent} is active ({rows.loc[latent, 'kl_nats']:.2f} nats) and holds no known factor alone; it takes "
        f"part in {listed(needed[latent])}."
        for latent in idle
        if needed.get(latent)
    ]
    if by_bound:
        several = len(by_bound) > 1
        sentences.append(
            f"Latent{'s' if several else ''} {listed(by_bound)} {'hold' if several else 'holds'} something alone by "
            "the bound of classifiers, though every NMI, counted in bins, is within its noise: more "
            f"{diagnosis.unit}s may show it."
        )
    alone = [latent for latent in idle if not needed.get(latent)]
    if alone:
        several = len(alone) > 1
        nats = listed(f"{rows.loc[latent, 'kl_nats']:.2f}" for latent in alone)
        sentences.append(
            f"Latent{'s' if several else ''} {listed(alone)} {'are' if several else 'is'} active ({nats} nats) but "
            f"{'hold' if several else 'holds'} nothing of any known factor above the noise floor."
        )
    return sentences


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shows(names: list[str]) -> str:
    return "shows" if len(names) == 1 else "show"
