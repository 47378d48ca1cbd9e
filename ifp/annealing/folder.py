"""A run's folder: run.json, written before step 1, and trace.npz, rewritten whole after every finished chunk.

trace.npz always holds the curves that are finished, in the plan's order, so that an interrupted run can be drawn,
and resuming means computing the curves that are missing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ifp
from ifp.annealing.config import AnnealConfig
from ifp.annealing.finished import Curves
from ifp.datasets.base import FactorDataset
from ifp.errors import IfpError
from ifp.system.files import replace_file
from ifp.system.versions import versions
from ifp.trace import AnnealTrace, Key

BETA_CONVENTION = (
    "loss = reconstruction summed over pixels and channels + beta * KL summed over latents, averaged over images, nats"
)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `path` whole or not at all."""
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode())


def read_run_json(folder: Path) -> dict[str, Any]:
    """The folder's run.json; raises IfpError when there is none or it is not one of ours."""
    path = folder / "run.json"
    if not path.is_file():
        raise IfpError(f"{folder} holds no run.json, so it is not an `ifp anneal` run; name a run's folder.")
    try:
        stored = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise IfpError(f"{path} cannot be read ({error}); restore it, or start the run in a new folder.") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("config"), dict):
        raise IfpError(f"{path} holds no settings of an `ifp anneal` run; name a run's folder.")
    return stored


def about_run(config: AnnealConfig, dataset: FactorDataset, device: str) -> dict[str, Any]:
    """The content of run.json: settings, data and their checksum, versions, seed, and that the run has not ended."""
    return {
        "ifp_version": ifp.__version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "config": config.to_json(),
        "digest": config.digest(),
        "dataset": {
            "name": dataset.name,
            "checksum": dataset.checksum(),
            "image_shape": list(dataset.image_shape),
            "factor_names": list(dataset.space.names),
            "factor_sizes": list(dataset.space.sizes),
        },
        "likelihood": config.likelihood,
        "sigma": config.sigma if config.likelihood == "gaussian" else None,
        "beta_convention": BETA_CONVENTION,
        "seed": config.seed,
        "versions": versions(),
        "device": device,
        "status": "running",
    }


class RunWriter(Curves):
    """The files of one run, for writing.

    Parameters
    ----------
    path : made by `open` if missing; may hold the same run, whose finished curves are then kept.
    keys : every curve of the finished run, in order.
    device : recorded, not used.

    Attributes
    ----------
    about : the content of run.json.

    Raises
    ------
    IfpError : the folder holds something else, another run, or another version's run.
    """

    def __init__(
        self, path: Path, config: AnnealConfig, dataset: FactorDataset, keys: Sequence[Key], device: str
    ) -> None:
        super().__init__(keys)
        self.path = path
        self.about = about_run(config, dataset, device)
        if path.exists() and not path.is_dir():
            raise IfpError(f"{path} is a file; --out must name a folder.")
        if path.is_dir() and any(path.iterdir()):
            self._take_over(config)

    def _take_over(self, config: AnnealConfig) -> None:
        """Go on with the run that is in the folder, if it is this one."""
        if not (self.path / "run.json").is_file():
            raise IfpError(f"{self.path} is not empty and holds no run.json; choose a new folder with --out.")
        stored = read_run_json(self.path)
        if stored.get("ifp_version") != ifp.__version__:
            raise IfpError(
                f"{self.path} holds a run of ifp {stored.get('ifp_version')}, this is ifp {ifp.__version__}; "
                "choose a new folder with --out."
            )
        if stored.get("digest") != config.digest():
            now, then = config.to_json(), stored["config"]
            differ = [f"{k} {then.get(k)!r} there, {now[k]!r} now" for k in now if then.get(k) != now[k]]
            raise IfpError(f"{self.path} holds another run ({'; '.join(differ)}); choose a new folder with --out.")
        if stored.get("dataset") != self.about["dataset"]:
            raise IfpError(f"{self.path} holds a run on other images of that name; choose a new folder with --out.")
        self.about["created"] = stored.get("created")
        if (self.path / "trace.npz").exists():
            super().add(AnnealTrace.load(self.path / "trace.npz"))

    def open(self) -> None:
        """Make the folder and write run.json; nothing is written before this."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "run.json", self.about)

    def add(self, trace: AnnealTrace) -> None:
        """Take in the curves of a finished chunk and save."""
        super().add(trace)
        self.trace.save(self.path / "trace.npz")

    def close(self, status: str) -> None:
        """Write the final status ("finished", "stopped") into run.json."""
        self.about["status"] = status
        write_json(self.path / "run.json", self.about)
