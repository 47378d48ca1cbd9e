"""What `ifp anneal --whole` prints of the tables it wrote, and the cost of measuring them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np
import pandas as pd

from ifp.analysis.freezing.naming import joint_order
from ifp.analysis.joint.study import COOL, HEAT, UNSURE_NATS, JointStudy, read_study
from ifp.analysis.tables import json_rows
from ifp.cli.printing import print_line, stdout_console
from ifp.cli.progress import StageProgress
from ifp.errors import NothingFroze
from ifp.training.run import Outcome

PRINTED = ("peaks", "steps", "joint_freezing_points", "joint_summary", "pressures", "spectrum", "joint_edges")
_TITLES = {"peaks": "Peaks of -dMI/dbeta", "steps": "Steps of -2 dMI/dln(beta), latents at work"}
_SHOWN_EDGES = 6


def report_whole(
    study: JointStudy,
    outcomes: Mapping[str, Outcome],
    stages: StageProgress,
    *,
    width: str,
    naming: tuple[Sequence[str], Mapping[str, str]],
    as_json: bool,
) -> None:
    """Draw the figure and print the tables; raises NothingFroze when no latent took up information.

    `naming` : the order of the factors, and what the figure calls them; see `ifp.analysis.freezing.naming`.
    """
    found, about = read_study(study.path)
    stages.update("Figures", 0, 1)
    from ifp.analysis.joint.plot_joint import draw_joint

    order, labels = naming
    figures = draw_joint(study.path, width=width, order=order, labels=labels)
    stages.close()
    if as_json:
        rows = {name: json_rows(found[name]) for name in PRINTED}
        heated = {"heating": outcomes[HEAT].to_json()} if HEAT in outcomes else {}
        content = {"folder": str(study.path), **outcomes[COOL].to_json(), **heated, **about, **rows}
        click.echo(json.dumps({**content, "figures": [str(path) for path in figures]}, indent=2))
    else:
        _print(study, found, about, order)
        for path in (*(study.path / f"{name}.csv" for name in ("joint_freezing_points", "mi", "pressures")), *figures):
            click.echo(path)
    _fail_if_nothing_froze(found["joint_information"], study.threshold_nats)


def _fail_if_nothing_froze(curves: pd.DataFrame, threshold_nats: float) -> None:
    """Raise NothingFroze where no latent of any network ended its cooling above the threshold.

    `curves` : `joint_information`, whose largest KL the figure shows; it may be that of the fresh networks.
    """
    cooled = curves[curves["direction"] == COOL]
    last = cooled.groupby("seed").tail(1).filter(regex=r"^kl_nats_\d+$")
    if (last >= threshold_nats).to_numpy().any():
        return
    kl = curves.filter(regex=r"^kl_nats_\d+$").max(axis=1)
    at = curves.iloc[int(kl.argmax())]
    when = "cooling" if at["direction"] == COOL else "heating"
    ends = f"{last.to_numpy().max():.3g} there, at beta {cooled['beta'].min():.3g}"
    raise NothingFroze(
        f"Nothing froze: no latent's KL reached {threshold_nats:g} nats by the end of cooling ({ends}; the largest "
        f"{kl.max():.3g}, at beta {at['beta']:.3g} while {when}); lower --beta-min, or raise --steps."
    )


def _print(study: JointStudy, found: dict[str, pd.DataFrame], about: dict[str, Any], order: Sequence[str] = ()) -> None:

    dataset, seeds = study.folders[COOL].config.dataset, about["seeds"]
    for name in ("peaks", "steps"):
        _print_places(found[name], name, dataset, about)
    print_line(
        f"MI smoothed over +-{about['half_width_ln_beta']:.2g} in ln(beta); noise of MI {about['noise_nats']:.2g} nats "
        f"a record (mean of {len(seeds)} network{'s' if len(seeds) > 1 else ''})"
    )
    if len(seeds) == 1:
        print_line("One network: its slow wandering may pass for peaks and steps; --seeds 3 tells them apart.")
    edges = ", ".join(f"{beta:.4g}" for beta in found["spectrum"]["beta_edge"][:_SHOWN_EDGES])
    print_line(f"Linear theory: joint edge and the eigenvalues after it {edges} ...")
    if len(found["joint_summary"]):
        _print_factors(found, about, order)
    if len(found["pressures"]):
        betas = ", ".join(f"{beta:g}" for beta in found["pressures"]["beta"])
        print_line(f"Suggested DEFT pressures [{betas}], from the {found['pressures']['measure'].iloc[0]}")
    else:
        print_line(f"No DEFT pressures are suggested. {about['why_empty']['pressures']}")
    if about["unsure_below_beta"] is not None:
        print_line(
            f"Below beta {about['unsure_below_beta']:.3g} MI is known to no more than {UNSURE_NATS:g} nats: "
            f"{about['images']:,} images cap it at {about['cap_nats']:.3g}, so that it rises less there than the "
            "information on all images does."
        )


def _print_places(places: pd.DataFrame, name: str, dataset: str, about: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    if not len(places):
        print_line(f"{_TITLES[name]}: none above the noise. {about['why_empty'][name]}")
        return
    table = Table(title=f"{_TITLES[name]}, the whole of {dataset}, cooling", box=box.SIMPLE_HEAD)
    last = ("latents after",) if name == "steps" else ()
    for heading in ("beta", "95 % interval", "height", "noise level", *last):
        table.add_column(heading, justify="right")
    for _, row in places.iterrows():
        interval = f"{row['low']:.3g} to {row['high']:.3g}"
        more = [f"{row['latents_after']:.1f}"] if last else []
        table.add_row(f"{row['beta']:.3g}", interval, f"{row['value']:.3g}", f"{row['noise']:.2g}", *more)
    stdout_console().print(table)


def _print_factors(found: dict[str, pd.DataFrame], about: dict[str, Any], order: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table

    points = found["joint_freezing_points"]
    table = Table(
        title="Joint freezing points of the factors", box=box.SIMPLE_HEAD,
        caption=f"beta at which all latents together hold {about['threshold_nats']:g} nat of the factor: each network"
        + ("; the truth lies between cooling and heating" if _is_bracketed(points) else ""),
    )  # fmt: skip
    for heading in ("factor", "cooling", "heating", "alone", "given the rest"):
        table.add_column(heading, justify="left" if heading == "factor" else "right")
    by_factor = found["joint_summary"].set_index("factor", drop=False)
    for _, row in by_factor.loc[joint_order(by_factor, order)].iterrows():
        cells = [_points(points, row, direction) for direction in ("cool", "heat")]
        table.add_row(str(row["factor"]), *cells, f"{row['beta_alone']:.3g}", f"{row['beta_given_rest']:.3g}")
    stdout_console().print(table)


def _is_bracketed(points: pd.DataFrame) -> bool:
    """Whether of any factor both cooled and heated networks have a freezing point."""
    frozen = points[(points["kind"] == "factor") & points["beta_ifp"].notna()]
    return bool((frozen.groupby("name")["direction"].nunique() == 2).any())


def _points(points: pd.DataFrame, row: pd.Series, direction: str) -> str:
    """The median and its interval where there is one, else every network; censored ones by their status."""
    of = points[
        (points["kind"] == "factor") & (points["name"] == str(row["factor"])) & (points["direction"] == direction)
    ]
    if np.isfinite(row[f"{direction}_low"]) and np.isfinite(row[f"{direction}_median"]):
        low, high = row[f"{direction}_low"], row[f"{direction}_high"]
        return f"{row[f'{direction}_median']:.3g} [{low:.3g}, {high:.3g}]"
    known = sorted(of["beta_ifp"].dropna(), reverse=True)
    words = [f"{beta:.3g}" for beta in known]
    counts = of.loc[of["beta_ifp"].isna(), "status"].value_counts()
    words += [f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items()]
    return ", ".join(words)
