"""What an annealing of a whole data set says after its run: tables as texts, and sentences between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint.measured import UNSURE_NATS
from ifp.analysis.joint.prepared import COOL, HEAT

TITLES = {"peaks": "Peaks of -dMI/dbeta", "steps": "Steps of -2 dMI/dln(beta), latents at work"}
EDGES_IN_A_SENTENCE, EDGES_OF_CLOSED_FORM = 6, 8
"""Eigenvalues that are named: after a training, and of the closed form. The csv holds them all."""


@dataclass(frozen=True)
class PrintedTable:
    """A table as texts, one row per line, with its heading and a note below it."""

    title: str
    table: pd.DataFrame
    note: str = ""


Report = list[str | PrintedTable]
"""Sentences and tables in the order in which they are printed."""


def whole_report(
    tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], dataset: str, order: Sequence[str] = ()
) -> Report:
    """The report of a training.

    Parameters
    ----------
    tables, about : of `ifp.analysis.joint.prepared.read_study`. order : the factors that come first.
    """
    seeds = about["seeds"]
    parts: Report = [_places(tables[name], name, dataset, about) for name in ("peaks", "steps")]
    parts.append(
        f"MI smoothed over +-{about['half_width_ln_beta']:.2g} in ln(beta); noise of MI {about['noise_nats']:.2g} nats "
        f"per record (mean of {len(seeds)} network{'s' if len(seeds) > 1 else ''})"
    )
    if len(seeds) == 1:
        parts.append("One network: its slow wandering may pass for peaks and steps; three (`seeds=3`) tell them apart.")
    edges = ", ".join(f"{beta:.4g}" for beta in tables["spectrum"]["beta_edge"][:EDGES_IN_A_SENTENCE])
    parts.append(f"Linear theory: joint edge and the eigenvalues after it {edges} ...")
    if len(tables["joint_summary"]):
        parts.append(_factors(tables, about, order))
    if len(tables["pressures"]):
        betas = ", ".join(f"{beta:g}" for beta in tables["pressures"]["beta"])
        parts.append(f"Suggested DEFT pressures [{betas}], from the {tables['pressures']['measure'].iloc[0]}")
    else:
        parts.append(f"No DEFT pressures are suggested. {about['why_empty'].get('pressures', '')}")
    if about["unsure_below_beta"] is not None:
        parts.append(
            f"Below beta {about['unsure_below_beta']:.3g} MI is known to no more than {UNSURE_NATS:g} nats: "
            f"{about['images']:,} images cap it at {about['cap_nats']:.3g}, so that it rises less there than the "
            "information on all images does."
        )
    return parts


def edges_report(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], order: Sequence[str] = ()) -> Report:
    """The report of the closed form; `about` is the content of its run.json."""
    spectrum = tables["spectrum"]["beta_edge"]
    named = ", ".join(f"{beta:.4g}" for beta in spectrum[:EDGES_OF_CLOSED_FORM])
    more = len(spectrum) - EDGES_OF_CLOSED_FORM
    parts: Report = [
        f"Joint edge {about['joint_edge']:.4g}: below it the collapsed state is unstable ({images_read(about)})",
        f"Spectrum of the linear theory: {named}" + (f" and {more} more" if more > 0 else ""),
    ]
    if not len(tables["joint_edges"]):
        return parts
    by_factor = tables["joint_edges"].set_index("factor", drop=False)
    rows = [
        {
            "factor": str(row["factor"]),
            "alone": f"{row['beta_alone']:.3g}",
            "given the rest": f"{row['beta_given_rest']:.3g}",
            "range": f"{row['given_rest_low']:.3g} to {row['given_rest_high']:.3g}",
            "contexts": str(row["contexts"]),
        }
        for _, row in by_factor.loc[joint_order(by_factor, order)].iterrows()
    ]
    note = "alone: of an encoder that sees this factor only; given the rest: of its traversals, all others known"
    return [*parts, PrintedTable("Edges of the factors", pd.DataFrame(rows), note)]


def images_read(about: Mapping[str, Any]) -> str:
    """How many images the closed form read, and how many pixels vary.

    >>> images_read({"images": 500, "everything": 2000, "varying_pixels": 64})
    '500 of 2,000 images, drawn by chance, 64 pixels that vary'
    """
    drawn = f" of {about['everything']:,} images, drawn by chance" if about["images"] < about["everything"] else (
        " images"
    )  # fmt: skip
    return f"{about['images']:,}{drawn}, {about['varying_pixels']:,} pixels that vary"


def why_nothing_froze(curves: pd.DataFrame, threshold_nats: float) -> str:
    """What was seen where no latent of any network ended its cooling above the threshold; "" where one did.

    `curves` : `joint_information`, whose largest KL the figure shows; it may be that of the fresh networks.
    """
    cooled = curves[curves["direction"] == COOL]
    last = cooled.groupby("seed").tail(1).filter(regex=r"^kl_nats_\d+$")
    if (last >= threshold_nats).to_numpy().any():
        return ""
    kl = curves.filter(regex=r"^kl_nats_\d+$").max(axis=1)
    largest = curves.iloc[int(kl.argmax())]
    when = "cooling" if largest["direction"] == COOL else "heating"
    ends = f"{last.to_numpy().max():.3g} there, at beta {cooled['beta'].min():.3g}"
    return (
        f"Nothing froze: no latent's KL reached {threshold_nats:g} nats by the end of cooling ({ends}; the largest "
        f"{kl.max():.3g}, at beta {largest['beta']:.3g} while {when}); lower `beta_min`, "
        "or raise `steps`."
    )


def _places(places: pd.DataFrame, name: str, dataset: str, about: Mapping[str, Any]) -> str | PrintedTable:
    """The peaks or steps as a table, or why there are none."""
    if not len(places):
        return f"{TITLES[name]}: none above the noise. {about['why_empty'].get(name, '')}"
    rows = []
    for _, row in places.iterrows():
        texts = {
            "beta": f"{row['beta']:.3g}", "95 % interval": f"{row['low']:.3g} to {row['high']:.3g}",
            "height": f"{row['value']:.3g}", "noise level": f"{row['noise']:.2g}",
        }  # fmt: skip
        rows.append(texts | ({"latents after": f"{row['latents_after']:.1f}"} if name == "steps" else {}))
    return PrintedTable(f"{TITLES[name]}, the whole of {dataset}, cooling", pd.DataFrame(rows))


def _factors(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], order: Sequence[str]) -> PrintedTable:
    points = tables["joint_freezing_points"]
    by_factor = tables["joint_summary"].set_index("factor", drop=False)
    rows = [
        {
            "factor": str(row["factor"]),
            "cooling": _points(points, row, COOL),
            "heating": _points(points, row, HEAT),
            "alone": f"{row['beta_alone']:.3g}",
            "given the rest": f"{row['beta_given_rest']:.3g}",
        }
        for _, row in by_factor.loc[joint_order(by_factor, order)].iterrows()
    ]
    note = f"beta at which all latents together hold {about['threshold_nats']:g} nat of the factor: each network"
    if _is_bracketed(points):
        note += "; the truth lies between cooling and heating"
    return PrintedTable("Joint freezing points of the factors", pd.DataFrame(rows), note)


def _is_bracketed(points: pd.DataFrame) -> bool:
    """Whether of any factor both cooled and heated networks have a freezing point."""
    frozen = points[(points["kind"] == "factor") & points["beta_ifp"].notna()]
    return bool((frozen.groupby("name")["direction"].nunique() == 2).any())


def _points(points: pd.DataFrame, row: pd.Series, direction: str) -> str:
    """The median and its interval where there is one, else every network; censored ones by their status."""
    of_factor = points[
        (points["kind"] == "factor") & (points["name"] == str(row["factor"])) & (points["direction"] == direction)
    ]
    if np.isfinite(row[f"{direction}_low"]) and np.isfinite(row[f"{direction}_median"]):
        low, high = row[f"{direction}_low"], row[f"{direction}_high"]
        return f"{row[f'{direction}_median']:.3g} [{low:.3g}, {high:.3g}]"
    words = [f"{beta:.3g}" for beta in sorted(of_factor["beta_ifp"].dropna(), reverse=True)]
    counts = of_factor.loc[of_factor["beta_ifp"].isna(), "status"].value_counts()
    words += [f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items()]
    return ", ".join(words)
