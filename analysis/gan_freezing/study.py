"""A sweep of the weight of information as one call: settings, training, points; behind `ifp.anneal_whole`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ifp.adversarial.folder import GanFolder
from ifp.adversarial.setup import set_up_gan
from ifp.analysis.figures.style import FORMATS
from ifp.analysis.gan_freezing.points import RECORDS, freezing_points, summarise
from ifp.analysis.gan_freezing.result import ABOUT, POINTS, SUMMARY, GanSweep
from ifp.analysis.tables import Column, read_csv
from ifp.analysis.training.gan import PreparedGan
from ifp.analysis.training.settings import make_config, refuse_for_gans
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import short_name
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.networks.architecture import fit_architecture
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.own_files import SweepAbout, read_own_json
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.training.cost import TrainCost

PRESSURE = (1.0, 1e4)
"""The range of pressure where nobody names one: weights of information from 1e-4 to 1."""
DEFAULTS = {"steps": 30_000, "records": 50, "seeds": 3}
"""Of each direction, where neither the user nor the preset says."""
QUICK_STEPS = 5000
HOLD_SHARE = 0.2
"""Steps at the highest pressure before it falls, as a share of those of a direction: the GAN has to learn first."""
SETTINGS = (
    "architecture", "latents", "hidden", "seeds", "seed", "steps", "batch", "learning_rate", "records", "beta_max",
    "beta_min", "hold_steps", "background",
)  # fmt: skip

_ALL_DATA = "A sweep of GANs trains on the whole data set and measures every factor"
NOT_OF_GANS: Mapping[str, str] = {
    **dict.fromkeys(("factors", "contexts", "nuisance"), _ALL_DATA),
    "law": "The pressure of a GAN moves geometrically",
    "exact_floor": "A GAN has no exact curve",
    "stop_recon_nats": "A GAN has no reconstruction",
    "precision": "A GAN is trained in float32",
}
"""Why a setting of VAEs' annealing is refused, by its name."""


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """A sweep that is checked and not yet trained.

    Attributes
    ----------
    prepared : the training. direction : "cool" or "both". width, formats : of the figure.
    """

    prepared: PreparedGan
    direction: str
    threshold_nats: float
    width: str | float = "icml"
    formats: Sequence[str] = FORMATS

    def default_folder(self) -> Path:
        """Where the command writes when nobody says."""
        config = self.prepared.setup.config
        return Path("runs") / f"whole-{short_name(config.dataset)}-{config.objective}-{config.digest()[:6]}"

    def cost(self, out: str | Path | None = None, *, progress: Progress = silent) -> TrainCost:
        """What the training takes, both directions, measured in some seconds; nothing is written."""
        return self.prepared.cost(progress)

    def run(self, out: str | Path | None = None, *, progress: Progress = silent, say: Say = unsaid) -> GanSweep:
        """Train what is not trained yet, find the points and write them; in memory only where `out` is None."""
        if out is None:
            with tempfile.TemporaryDirectory(prefix="ifp-sweep-") as folder:
                return self._run(Path(folder) / "run", progress, say, kept=False)
        path = as_folder(out, "out")
        with no_folder_if_refused(path):
            return self._run(path, progress, say, kept=True)

    def _run(self, path: Path, progress: Progress, say: Say, *, kept: bool) -> GanSweep:
        for note in self.prepared.notes:
            say(note)
        folder = self.prepared.folder(path)
        trained = self.prepared.run(folder, progress=progress, say=say, temporary=False)
        if not trained.outcome.finished:
            raise IfpError("No network finished, so there is nothing to measure; try a smaller `learning_rate`.")
        records = pd.DataFrame(folder.records.rows())
        records = records[records["seed"].isin(trained.outcome.finished)]
        about, options = self._about(), self.prepared.setup.objective
        points = freezing_points(
            records, folder.records.factor_names, threshold_nats=self.threshold_nats, hold_steps=options.hold_steps
        )
        result = GanSweep(points, summarise(points), records, about, path if kept else None, trained.outcome)
        figures = result.write(path, width=self.width, formats=self.formats)
        return GanSweep(
            points, result.summary, records, about, result.path, trained.outcome, figures=figures if kept else ()
        )

    def _about(self) -> dict[str, Any]:
        config, objective = self.prepared.setup.config, self.prepared.setup.objective
        return {
            "dataset": config.dataset,
            "objective": config.objective,
            "direction": self.direction,
            "pressure": [1 / objective.weight_end, 1 / objective.weight_start],
            "threshold_nats": self.threshold_nats,
            "hold_steps": objective.hold_steps,
            "steps": config.steps,
            "seeds": config.seeds,
        }


def plan_sweep(
    data: FactorDataset,
    name: str,
    objective: str,
    settings: Mapping[str, Any],
    *,
    preset: str = "standard",
    direction: str | None = None,
    threshold_nats: float = 0.1,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
    width: str | float = "icml",
    formats: Sequence[str] = FORMATS,
    out: str | Path | None = None,
) -> SweepPlan:
    """Check everything; see `ifp.anneal_whole`.

    Parameters
    ----------
    name : of the data set, as the user gave it. settings : of `ifp.anneal_whole`. options : of the objective.

    Raises
    ------
    IfpError : a setting that a sweep does not have, or that does not suit the data.
    """
    refuse_for_gans({**settings, "objective": objective})
    for setting in settings:
        if setting in NOT_OF_GANS:
            raise IfpError(f"{NOT_OF_GANS[setting]}, so `{setting}` has no meaning for {objective}; leave it out.")
        if setting not in SETTINGS:
            raise unknown_name(f"setting of a sweep of {objective}", setting, SETTINGS)
    direction = direction or "both"
    if preset not in ("quick", "standard"):
        raise unknown_name("preset of ifp.anneal_whole", preset, ("quick", "standard"))
    if out is not None:
        GanFolder.check_kind(as_folder(out, "out"))
    for option in ("law", "weight_start", "weight_end", "info_weight", "hold_steps"):
        if option in (options or {}):
            raise IfpError(
                f"The option {option} is the sweep's own; give `beta_max` and `beta_min`, which are 1 / weight of "
                "information, and `hold_steps`."
            )
    low, high = (settings.get(end) or usual for end, usual in zip(("beta_min", "beta_max"), PRESSURE, strict=True))
    if not 0 < low < high:
        raise bad_value("beta_min", low, f"positive and below beta_max, {high:g}")
    found = {**DEFAULTS, **({"steps": QUICK_STEPS} if preset == "quick" else {}), **settings}
    steps, directions = int(found["steps"]), 2 if direction == "both" else 1
    hold = int(found.get("hold_steps", round(HOLD_SHARE * steps)))
    law = {"law": "up-down" if directions == 2 else "up", "weight_start": 1 / high, "weight_end": 1 / low}
    wanted = {key: value for key, value in found.items() if key not in ("beta_max", "beta_min", "hold_steps", "steps")}
    wanted["records"] = min(directions * int(found["records"]), hold + directions * steps)
    config = make_config(
        {
            **wanted,
            "dataset": name,
            "preset": preset,
            "objective": objective,
            "steps": hold + directions * steps,
            "options": {**(options or {}), **law, "hold_steps": hold},
        }
    )
    config, notes = fit_architecture(config, data.image_shape, settings)
    setup = set_up_gan(data, config, device=device, threads=threads)
    return SweepPlan(PreparedGan(setup, tuple(notes)), direction, threshold_nats, width, formats)


def refuse_method(objective: str, config: object, method: str) -> None:
    """Raise IfpError where a sweep of GANs is asked for by an earlier run or by a method that is VAEs'."""
    if method != "train":
        raise IfpError("A GAN has no closed form and no exact curve; leave `method` out.")
    if config is not None:
        raise IfpError(
            f"A sweep of {objective} takes no `config`; leave it out, the same call goes on with a stopped run."
        )


_POINTS: dict[str, Column] = {
    "seed": "whole", "direction": "text", "kind": "text", "name": "text", "pressure": "positive", "status": "text",
}  # fmt: skip
_SUMMARY: dict[str, Column] = {
    "kind": "text", "name": "text", "cool_median": "positive", "heat_median": "positive",
}  # fmt: skip


def read_sweep(folder: Path) -> GanSweep:
    """The sweep in a folder; raises IfpError where there is none."""
    advice = "give the folder of a sweep of GANs"
    about = read_own_json(folder / ABOUT, SweepAbout, advice)
    points = read_csv(folder / f"{POINTS}.csv", advice, _POINTS)
    summary = read_csv(folder / f"{SUMMARY}.csv", advice, _SUMMARY)
    records = read_csv(folder / "records.csv", advice, RECORDS)
    return GanSweep(points, summary, records, about, folder)
