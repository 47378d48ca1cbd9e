"""Which pieces of information do VAEs of sprites find again and again, and at which beta do they freeze?

    python experiments/channels/run.py

Trains 20 networks at each of three betas and 20 more while beta falls, then compares their latents with `ifp channels`.
The same command goes on where it was stopped. Networks go to work/, which is not kept; tables and figures to results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the small products of these networks gain nothing by two

import click

from ifp.analysis.channels.hotspots import DISTANCES
from ifp.cli.channels import channels
from ifp.cli.train import train
from ifp.system.files import write_json
from ifp.system.versions import versions

HERE = Path(__file__).resolve().parent
BETAS = (30, 12, 4)
"""Between the joint freezing points that `ifp anneal --dataset sprites --whole --preset quick` finds (positions near
60, scale and shape near 26) and below them."""
SHARED = (
    "--dataset", "sprites", "--architecture", "mlp", "--hidden", "128", "--latents", "10", "--images", "20000",
    "--batch", "64", "--learning-rate", "1e-3", "--threads", "1", "--objective", "beta",
)  # fmt: skip
FALLING = ("--option", "law=geometric", "--option", "beta_start=200", "--option", "beta_end=4", "--records", "40")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="networks at each beta, and with falling beta")
    parser.add_argument("--steps", type=int, default=4000, help="of each network; 5/4 of it where beta falls")
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    shared = (*SHARED, "--seeds", str(given.seeds))
    minutes: dict[str, float] = {}
    for beta in BETAS:
        options = ("--option", f"beta={beta}", "--steps", str(given.steps), "--records", "4")
        minutes[f"train beta {beta}"] = timed(train, (*shared, *options, "--out", str(given.work / f"beta-{beta}")))
    steps = given.steps * 5 // 4
    options = (*FALLING, "--steps", str(steps), "--checkpoint-every", str(steps // 10))
    minutes["train falling beta"] = timed(train, (*shared, *options, "--out", str(given.work / "falling")))

    fixed = [str(given.work / f"beta-{beta}") for beta in BETAS]
    falling = [str(given.work / "falling")]
    comparisons = {
        f"{ensemble}-{distance}": (*paths, "--distance", distance)
        for ensemble, paths in (("three-betas", fixed), ("falling", falling))
        for distance in DISTANCES
    }
    comparisons["falling-along-nmi"] = (*falling, "--distance", "nmi", "--along-training")
    comparisons["spaces"] = (*fixed, *falling, "--by", "space", "--no-hotspots", "--monte-carlo")
    for name, arguments in comparisons.items():
        folder = given.work / f"channels-{name}"
        minutes[name] = timed(channels, (*arguments, "--dataset", "sprites", "--out", str(folder)))
        keep(folder, given.out / name, given.work)
    write_machine(given.out, minutes)


def timed(command: click.Command, arguments: Sequence[str]) -> float:
    """Run a command of `ifp`; minutes."""
    started = time.perf_counter()
    command.main(list(arguments), standalone_mode=False)
    return (time.perf_counter() - started) / 60


def keep(folder: Path, out: Path, work: Path) -> None:
    """Copy tables and figures, checkpoints named from `work` on; the matrices are large and can be made anew."""
    out.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.csv"):
        (out / path.name).write_text(path.read_text().replace(f"{work}{os.sep}", ""))
    for path in folder.glob("figures/*.png"):
        shutil.copy(path, out)


def write_machine(out: Path, minutes: dict[str, float]) -> None:
    """Hardware, versions, and the minutes of each part; a part that was done before keeps those it took."""
    path = out / "machine.json"
    before = json.loads(path.read_text())["minutes"] if path.is_file() else {}
    took = {name: max(round(now, 2), before.get(name, 0.0)) for name, now in minutes.items()}
    write_json(path, {"cores": os.cpu_count(), "machine": platform.machine(), "versions": versions(), "minutes": took})


if __name__ == "__main__":
    main()
