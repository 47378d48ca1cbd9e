"""A long scale in pieces of a few minutes, on whatever machines are lent: one network of one configuration at a time.

    python experiments/deft_vs_baselines/pieces.py --scale paper                                  # what is missing
    python experiments/deft_vs_baselines/pieces.py --scale paper --only beta --network 0 --minutes 8 --device cuda
    python experiments/deft_vs_baselines/pieces.py --scale paper --measure                        # what is at its end

The second line trains until the time is over and stops at a record; the same line goes on, here or on another machine
to which OUT/pieces/beta-0 was carried. That folder holds one network: where it was put away, its records, and the
checkpoints of this visit; run the first line where the results are kept after each visit: it takes the checkpoints
home, so that the folder that travels stays small (its size is printed). When all networks of a configuration are
there, run.py measures them as if it had trained them; the third line measures what is there, and says how many.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from configurations import SCALES, Scale, configurations, run_folder, with_steps
from measure import measure_run
from run import HERE, gather, prepare, write_machine

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.checkpoints.posteriors import Sample, draw_sample
from ifp.datasets.catalog import load_dataset
from ifp.system.progress import Progress, silent
from ifp.training.config import TrainConfig
from ifp.training.run import train
from ifp.training.setup import set_up
from ifp.training.state import read_content

CARRIED_MB = 60
"""What a folder that travels should not exceed."""


class TimeIsOver(Exception):
    """Raised by the progress of a training whose minutes are used up."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=list(SCALES), required=True)
    parser.add_argument("--only", help="the configuration to train; without it nothing is trained")
    parser.add_argument("--network", type=int, default=0, help="the network of it to train")
    parser.add_argument("--measure", action="store_true", help="measure the networks that are at their end")
    parser.add_argument("--minutes", type=float, default=8.0, help="until the last record of this visit")
    parser.add_argument("--out", type=Path, help="default: results/SCALE beside this file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, help="a shorter training, for a trial")
    given = parser.parse_args()
    scale = SCALES[given.scale] if given.steps is None else with_steps(SCALES[given.scale], given.steps)
    out = (given.out or HERE / "results" / scale.name).resolve()
    configs = all_configurations(scale, out)
    if given.only is None:
        print("\n".join(missing(configs, out)))
        if given.measure:
            some = next(iter(configs.values()))
            sample = draw_sample(load_dataset(some.dataset), scale.measured_images, 1, silent)
            print("\n".join(measure_there(configs, out, sample)))
            write_machine(out, list(configs), 1)
        return
    if given.only not in configs:
        parser.error(f"there is no configuration {given.only!r}; choose from {', '.join(configs)}")
    seeds = configs[given.only].seeds
    if not 0 <= given.network < seeds:
        parser.error(f"network {given.network} does not exist; {given.only} has 0 to {seeds - 1}")
    folder = piece_folder(out, given.only, given.network)
    step = train_piece(configs[given.only], folder, given.network, 60 * given.minutes, given.device)
    print(f"{given.only}, network {given.network}: step {step:,} of {scale.training['steps']:,}; {describe(folder)}")


def all_configurations(scale: Scale, out: Path) -> dict[str, TrainConfig]:
    """The configurations of a scale; the closed form's pressures are computed once."""
    edges = out / "work" / "pressures.txt"
    if not edges.is_file():
        _, pressures = prepare(scale, out)
        edges.write_text(" ".join(map(repr, pressures)))
    dataset = f"npz:{out / 'work' / 'sprites-32.npz'}" if scale.coarse else scale.training["dataset"]
    return configurations(scale, dataset, [float(text) for text in edges.read_text().split()])


def piece_folder(out: Path, name: str, network: int) -> Path:
    """Where one network of a configuration is trained."""
    return out / "pieces" / f"{name}-{network}"


def train_piece(config: TrainConfig, folder: Path, network: int, seconds: float, device: str) -> int:
    """Go on with one network until the time is over; the step of its last record."""
    ends = time.monotonic() + seconds
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    setup = set_up(load_dataset(config.dataset), config, device=device, threads=1 if on_cpu else None)
    run = setup.folder(folder)
    try:
        train(setup, run, nmi=histogram_nmi, only=[network], progress=until(ends, time.monotonic), say=print)
    except TimeIsOver:
        print("The time is over; the last record is kept.")
    run.close("stopped")
    return run.step(network)


def until(ends: float, clock: Callable[[], float]) -> Progress:
    """A progress that ends a training after `ends`."""

    def progress(text: str, done: int, total: int) -> None:
        if text.startswith("Training") and clock() > ends:
            raise TimeIsOver

    return progress


def missing(configs: dict[str, TrainConfig], out: Path) -> list[str]:
    """Take home what the pieces hold; one line per network that is not at its end, and what run.py can measure."""
    lines = []
    for name, config in configs.items():
        home = run_folder(out, name)
        for network in range(config.seeds):
            take_home(piece_folder(out, name, network), home, network)
        steps = [step_at(home, network) for network in range(config.seeds)]
        for network, step in enumerate(steps):
            if step < config.steps:
                lines.append(f"{name}, network {network}: {step:,} of {config.steps:,} steps")
        if min(steps) == config.steps and not (home / "minutes.json").is_file():
            lines.append(f"{name}: trained; run.py --only {name} measures it")
    return lines or ["Nothing is missing."]


def measure_there(configs: dict[str, TrainConfig], out: Path, sample: Sample) -> list[str]:
    """Measure the networks that are home and at their end, unless that was done, and say how many there are of each."""
    lines = []
    for name, config in configs.items():
        home = run_folder(out, name)
        there = [network for network in range(config.seeds) if step_at(home, network) == config.steps]
        if there:
            table = home / "measures.csv"
            kept = pd.read_csv(table) if table.is_file() else pd.DataFrame({"seed": []})
            new = [network for network in there if network not in set(kept["seed"])]
            measured = measure_run(home, sample, "cpu", dci_always=False, only=new)
            pd.concat([kept, measured]).to_csv(table, index=False, float_format="%.5g")
            of_pieces = [piece_folder(out, name, network) / "records.csv" for network in there]
            records = [pd.read_csv(path) for path in of_pieces if path.is_file()]
            if records:
                pd.concat(records).to_csv(home / "records.csv", index=False, float_format="%.6g")
            lines.append(f"{name}: {len(there)} of {config.seeds} networks measured")
    gather(out, list(configs))
    return lines


def take_home(piece: Path, home: Path, network: int) -> None:
    """Move a piece's checkpoints home, and copy the network's state and what the run is, unless home is further on."""
    state = piece / ".resume" / f"seed-{network}.pt"
    if not state.is_file() or step_at(piece, network) < step_at(home, network):
        return
    (home / ".resume").mkdir(parents=True, exist_ok=True)
    (home / f"seed-{network}").mkdir(exist_ok=True)
    for source in (piece / f"seed-{network}").glob("step-*.pt"):
        shutil.move(source, home / source.relative_to(piece))
    for source in (state, piece / f"seed-{network}" / "run.json"):
        shutil.copy(source, home / source.relative_to(piece))
    if not (home / "run.json").is_file():
        shutil.copy(piece / "run.json", home)


def step_at(folder: Path, network: int) -> int:
    """The step of a network's last record in a folder, 0 where there is none."""
    state = folder / ".resume" / f"seed-{network}.pt"
    return int(read_content(state)["records"]["step"][-1]) if state.is_file() else 0


def describe(folder: Path) -> str:
    """The size of a folder that travels."""
    megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return f"{folder} has {megabytes:.0f} MB" + (f", more than {CARRIED_MB}" if megabytes > CARRIED_MB else "")


if __name__ == "__main__":
    main()
