"""Collects what the runs of README.md found into results/: points, objectives and figures.

    python experiments/multi_rate/collect.py work

`work` holds the folders known, sprites, known-alone-BETA and sprites-alone-BETA of the commands in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
EXACT = {"a": 8.413, "b": 3.963, "c": 2.093, "d": 0.967}
"""Of the known set, at 0.1 nat (tests/analysis/joint/known_joint.py)."""
RUNS = ("known", "sprites")
MACHINE = "machine.json"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    runs = [name for name in RUNS if (given.work / name / "multi-rate" / "multi_rate.json").is_file()]
    points = pd.concat([points_of(given.work / name, name) for name in runs])
    points.to_csv(given.out / "points.csv", index=False, float_format="%.4g")
    for name in runs:
        folder = given.work / name / "multi-rate"
        objective = pd.read_csv(folder / "response_objective.csv")
        objective.to_csv(given.out / f"objective_{name}.csv", index=False, float_format="%.6g")
        for kind in ("png", "pdf"):
            shutil.copy(folder / "figures" / f"multi_rate.{kind}", given.out / f"{name}.{kind}")
    alone = pd.concat([singles(given.work, name) for name in runs])
    alone.to_csv(given.out / "trained_at_one_beta.csv", index=False, float_format="%.5g")
    stored = json.loads((given.work / runs[0] / "multi-rate" / "run.json").read_text())
    about = {"cores": os.cpu_count(), "machine": platform.machine(), "versions": stored["versions"]}
    (given.out / MACHINE).write_text(json.dumps(about, indent=2) + "\n")


def points_of(folder: Path, name: str) -> pd.DataFrame:
    """Medians of all three ways, the range over networks of the multi-rate ones, and the truth where it is known."""
    summary = pd.read_csv(folder / "multi-rate" / "response_summary.csv", dtype={"factor": str})
    points = pd.read_csv(folder / "multi-rate" / "response_points.csv", dtype={"name": str})
    of_factor = points[points["kind"] == "factor"].groupby("name")["beta_ifp"]
    ends = summary["factor"].map(of_factor.min()), summary["factor"].map(of_factor.max())
    exact = summary["factor"].map(EXACT) if name == "known" else np.nan
    table = summary[["factor", "networks", "frozen", "median"]].assign(lowest=ends[0], highest=ends[1], exact=exact)
    beside = summary[["cool_median", "heat_median", "place", "beta_alone", "beta_given_rest"]]
    return pd.concat([table, beside], axis=1).assign(run=name)


def singles(work: Path, run: str) -> pd.DataFrame:
    """The objective of networks trained at one beta alone, beside the multi-rate networks' at it, seed by seed."""
    curves = pd.read_csv(work / run / "multi-rate" / "response_curves.csv")
    rows = []
    for folder in sorted(work.glob(f"{run}-alone-*")):
        if not (folder / "records.csv").is_file():
            continue
        records = pd.read_csv(folder / "records.csv").groupby("seed").tail(1)
        for _, row in records.iterrows():
            of_seed = curves[curves["seed"] == row["seed"]].sort_values("beta")
            at = [
                np.interp(np.log(row["beta"]), np.log(of_seed["beta"]), of_seed[n]) for n in ("recon_nats", "kl_nats")
            ]
            rows.append(
                {
                    "run": run,
                    "beta": row["beta"], "seed": int(row["seed"]), "alone_kl_nats": row["kl_nats"],
                    "multi_rate_kl_nats": at[1],
                    "alone_objective_nats": row["recon_nats"] + row["beta"] * row["kl_nats"],
                    "multi_rate_objective_nats": at[0] + row["beta"] * at[1],
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
