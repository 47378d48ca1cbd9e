"""Which metrics keep their meaning when factors are correlated: models trained on all images alike, scored by regime.

    python experiments/correlated_evaluation/run.py --public FOLDER

FOLDER holds folders with a checkpoint each (those that YannDubs/disentangling-vae publishes: VAE_dsprites ...); without
it only ours are scored. Ours are trained first, in OUT/work, unless they are there; scores.csv grows model by model and
the same command goes on where it was stopped. The protocol is that of Almudévar et al. (2024, arXiv 2408.07016).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ifp.system.progress import silent

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before torch

import numpy as np
import pandas as pd
import torch

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.metrics import run_metrics
from ifp.checkpoints.encoded_runs import read_run
from ifp.checkpoints.folders.locate import locate
from ifp.checkpoints.posteriors import Sample, draw_regime, draw_sample, encode_images
from ifp.checkpoints.regimes import READING_IMAGES
from ifp.checkpoints.run_records import Run
from ifp.checkpoints.source import ReadingOptions
from ifp.codes import Codes
from ifp.datasets.catalog import load_dataset
from ifp.datasets.correlated import Pair
from ifp.datasets.regime import correlated_sampler, shared_nats
from ifp.system.files import write_json
from ifp.system.versions import versions
from ifp.training.presets import preset_train_config
from ifp.training.run import train
from ifp.training.setup import set_up

HERE = Path(__file__).resolve().parent
DATASET = "sprites"
IDENTITY = "factors themselves"
PLAIN = "all alike"
REGIMES: dict[str, tuple[Pair, ...]] = {
    PLAIN: (),
    "posX-scale .2": (("posX", "scale", 0.2),),
    "posX-scale .1": (("posX", "scale", 0.1),),
    "posX-posY .1": (("posX", "posY", 0.1),),
    "shape-scale .1": (("shape", "scale", 0.1),),
    "shape-posX, scale-posY .1": (("shape", "posX", 0.1), ("scale", "posY", 0.1)),
    "posX with all .2": tuple(("posX", other, 0.2) for other in ("shape", "scale", "orientation", "posY")),
}
"""The families and strengths of Roth et al. (2023): single pairs, two pairs, and one factor with every other."""
OURS = {"ours beta 4": ("beta", {"beta": 4}), "ours beta-TC 6": ("beta-tc", {"beta": 6}), "ours DEFT": ("deft", {})}
METRICS = (
    "mig", "jemmig", "dci-fast", "infomec", "modularity", "factor-vae", "minimality", "minimality-posterior",
)  # fmt: skip
PARTS = {
    "dci-fast": ("completeness", "informativeness_test"),
    "infomec": ("compactness", "explicitness"),
    "minimality": ("sufficiency",),
    "minimality-posterior": ("sufficiency",),
}
"""Other numbers of a metric that are kept beside its value."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--public", type=Path, help="folder of folders with a checkpoint each")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the tables, and for work")
    parser.add_argument("--images", type=int, default=3000, help="images of each regime")
    parser.add_argument("--steps", type=int, default=3000, help="of our trainings")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    started = time.perf_counter()
    dataset = load_dataset(DATASET)
    plain = draw_sample(dataset, READING_IMAGES, 0, silent)
    places = sorted(path for path in given.public.iterdir() if path.is_dir()) if given.public else []
    places += [train_ours(name, given.out / "work", given.steps, given.device) for name in OURS]
    runs = [read_run(locate(place), plain, ReadingOptions(), given.device, seed=0, progress=silent) for place in places]
    scores = given.out / "scores.csv"
    kept = pd.read_csv(scores) if scores.is_file() else pd.DataFrame()
    for regime, pairs in REGIMES.items():
        sample = draw_regime(dataset, correlated_sampler(dataset, pairs), given.images, 1, silent)
        done = set(kept.loc[kept["regime"] == regime, "model"]) if len(kept) else set()
        for model, codes in models(runs, places, sample, given.device):
            if model in done:
                continue
            kept = pd.concat([kept, pd.DataFrame(score(codes, model, regime, sample, pairs))], ignore_index=True)
            kept.to_csv(scores, index=False, float_format="%.6g")
            print(f"{(time.perf_counter() - started) / 60:5.1f} min  {regime}: {model}", flush=True)
    settings = {
        "dataset": DATASET, "checksum": dataset.checksum(), "images": given.images, "steps": given.steps,
        "regimes": {name: [list(pair) for pair in pairs] for name, pairs in REGIMES.items()},
        "ours": {name: {"objective": objective, **options} for name, (objective, options) in OURS.items()},
        "minutes": round((time.perf_counter() - started) / 60, 1), "cpus": os.cpu_count(), "versions": versions(),
    }  # fmt: skip
    write_json(given.out / "settings.json", settings)
    from draw import draw

    draw(given.out)


def train_ours(name: str, work: Path, steps: int, device: str) -> Path:
    """Train one of `OURS` on all images alike, unless that was done; its folder."""
    objective, options = OURS[name]
    folder = work / name.replace(" ", "-")
    if (folder / "minutes.json").is_file():
        return _network(folder)
    started = time.perf_counter()
    config = preset_train_config(
        "quick", dataset=DATASET, objective=objective, options=options, steps=steps, seeds=1, hidden=256
    )
    setup = set_up(load_dataset(DATASET), config, device=device)
    run = setup.folder(folder)
    train(setup, run, nmi=histogram_nmi, say=lambda text: print(f"{name}: {text}", flush=True))
    run.close("finished")
    write_json(folder / "minutes.json", {"minutes": (time.perf_counter() - started) / 60})
    return _network(folder)


def _network(folder: Path) -> Path:
    """The folder of the checkpoints of the one network."""
    return next(path for path in sorted(folder.iterdir()) if path.name.startswith("seed") and path.is_dir())


def models(runs: list[Run], places: list[Path], sample: Sample, device: str) -> Iterator[tuple[str, Codes]]:
    """Name and codes of each model on `sample`, the code that is the factors first."""
    values_NF = sample.positions_NF / (np.array(sample.dataset.space.sizes) - 1)
    yield IDENTITY, sample.codes(2 * values_NF - 1, np.full(values_NF.shape, -8.0))
    public = places[: len(places) - len(OURS)]
    names = [*(place.name.replace("_dsprites", "") for place in public), *OURS]
    for name, run in zip(names, runs, strict=True):
        choice = run.last.choice
        assert choice is not None
        yield name, sample.codes(*encode_images(choice.vae.encode, sample.images_NCHW, torch.device(device), silent))


def score(codes: Codes, model: str, regime: str, sample: Sample, pairs: tuple[Pair, ...]) -> list[dict[str, object]]:
    """One row per number of each metric."""
    space = sample.dataset.space
    shared = sum(shared_nats(sample.positions_NF, space.index_of(a), space.index_of(b)) for a, b, _ in pairs)
    rows = []
    for name, found, seconds in run_metrics(codes, METRICS):
        numbers = found.numbers()
        for part in ("value", *PARTS.get(name, ())):
            measure = name if part == "value" else f"{name} {part}"
            rows.append(
                {
                    "model": model, "regime": regime, "shared_nats": shared, "measure": measure,
                    "value": numbers[part], "seconds": round(seconds, 2),
                }
            )  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
