"""A configuration trained to its end on one core, for the experiments that share these networks and images."""

from __future__ import annotations

import time
from pathlib import Path

from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.datasets.base import FactorDataset
from ifp.system.files import write_json
from ifp.training.config import TrainConfig
from ifp.training.run import train
from ifp.training.setup import set_up


def train_to_end(config: TrainConfig, dataset: FactorDataset, folder: Path) -> None:
    """Train the networks of a configuration unless that was done; minutes.json has the CPU minutes of the last call."""
    if (folder / "minutes.json").is_file():
        return
    started = time.process_time()
    setup = set_up(dataset, config, device="cpu", threads=1)
    run = setup.folder(folder)
    outcome = train(setup, run, nmi=histogram_nmi, say=lambda text: print(f"{folder.name}: {text}", flush=True))
    run.close("finished")
    minutes = (time.process_time() - started) / 60
    write_json(folder / "minutes.json", {"cpu_minutes": minutes, **outcome.to_json()})
