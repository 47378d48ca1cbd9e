"""An annealing of a whole data set before it runs: settings checked, the range of beta found, its cost."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.adversarial.objective import GANS
from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width
from ifp.analysis.freezing.naming import factor_naming, read_hold
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.gan_freezing.study import SweepPlan, plan_sweep, refuse_method
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.joint.cost import WholeCost, measuring_seconds
from ifp.analysis.joint.edges import affordable_images, check_folder, compute_edges
from ifp.analysis.joint.prepared import COOL, JointStudy, joint_study, read_study
from ifp.analysis.joint.response_plan import ResponsePlan, plan_response
from ifp.analysis.joint.response_settings import METHOD as RESPONSE
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges
from ifp.analysis.joint.run import run_study
from ifp.analysis.joint.settings import DIRECTIONS, METHODS, check_settings, stored_settings, whole_config
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset, short_name
from ifp.errors import IfpError, bad_value, unknown_name
from ifp.system.cluster import check_scheduler, connect, device_here
from ifp.system.devices import check_device
from ifp.system.json_text import load_json
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.settings import check_threshold
from ifp.training.codes_folder import CodesFolder
from ifp.training.config import OWN, TrainConfig
from ifp.training.cost import train_cost


@dataclass(frozen=True, eq=False)
class WholePlan:
    """An annealing of a whole data set that is checked, and not yet computed.

    Attributes
    ----------
    config : the training that cools; None for the closed form. heat : whether to heat the cooled networks.
    closed_form : likelihood, sigma, seed and images of the closed form.
    width, formats, order, labels : of the figure and tables.
    scheduler, wanted_device : of the workers that train, None for this process.
    """

    dataset: FactorDataset
    config: TrainConfig | None
    closed_form: Mapping[str, Any]
    heat: bool
    threshold_nats: float
    device: str
    threads: int | None
    width: str | float
    formats: Sequence[str]
    order: tuple[str, ...]
    labels: Mapping[str, str]
    scheduler: str | None = None
    wanted_device: str = "auto"

    def default_folder(self) -> Path:
        """Where the command writes when nobody says."""
        name = short_name(self.dataset.name)
        if self.config is None:
            return Path("runs") / f"edges-{name}-{self.closed_form['likelihood']}"
        return Path("runs") / f"whole-{short_name(self.config.dataset)}-{self.config.digest()[:6]}"

    def cost(self, out: str | Path | None = None, *, progress: Progress = silent) -> WholeCost:
        """What training and measuring take, measured in some seconds; nothing is written."""
        if self.config is None:
            raise IfpError("The closed form trains nothing and takes minutes at most; leave the dry run out.")
        study = self._study(Path(out) if out is not None else self.default_folder(), progress)
        training = train_cost(study.setups[COOL], progress, nmi=histogram_nmi)
        progress("Measuring information", 0, 1)
        return WholeCost(training, tuple(study.setups), measuring_seconds(study))

    def run(
        self, out: str | Path | None = None, *, progress: Progress = silent, say: Say = unsaid
    ) -> WholeAnnealing | WholeEdges:
        """Train, measure and write; see `anneal_whole`."""
        if self.config is None:
            return self._run_edges(out, progress)
        if out is not None:
            path = as_folder(out, "out")
            with no_folder_if_refused(path):
                result = self._train(path, progress, say)
            return result.written(path, width=self.width, formats=self.formats, progress=progress)
        with tempfile.TemporaryDirectory(prefix="ifp-whole-") as folder:
            return self._train(Path(folder) / "run", progress, say)

    def _run_edges(self, out: str | Path | None, progress: Progress) -> WholeEdges:
        folder = as_folder(out, "out") if out is not None else None
        if folder is not None:
            check_folder(folder)
        tables, run = compute_edges(self.dataset, device=self.device, progress=progress, **self.closed_form)
        result = WholeEdges(tables, {}, run, order=self.order, factor_labels=self.labels)
        return (
            result
            if folder is None
            else result.written(folder, width=self.width, formats=self.formats, progress=progress)
        )

    def _train(self, folder: Path, progress: Progress, say: Say) -> WholeAnnealing:
        study = self._study(folder, progress)
        with connect(self.scheduler, self.wanted_device, say) as workers:
            outcomes = run_study(study, progress, say, workers)
        tables, about = read_study(folder)
        return WholeAnnealing(
            tables, about, read_about(folder), order=self.order, factor_labels=self.labels, outcomes=outcomes
        )

    def _study(self, folder: Path, progress: Progress) -> JointStudy:
        assert self.config is not None
        return joint_study(
            self.dataset, self.config, folder, heat=self.heat, threshold_nats=self.threshold_nats, device=self.device,
            threads=self.threads, progress=progress,
        )  # fmt: skip


def plan_whole(
    dataset: str | FactorDataset | np.ndarray | None,
    *,
    method: str = "train",
    objective: str = "beta",
    options: Mapping[str, Any] | None = None,
    preset: str = "standard",
    config: TrainConfig | str | Path | None = None,
    direction: str | None = None,
    threshold_nats: float = 0.1,
    data_dir: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    scheduler: str | None = None,
    width: str | float = "icml",
    formats: str | Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    hold: str | Sequence[str] = (),
    out: str | Path | None = None,
    for_cost: bool = False,
    progress: Progress = silent,
    say: Say = unsaid,
    **settings: Any,
) -> WholePlan | SweepPlan | ResponsePlan:
    """Check everything, and find the range of beta; see `anneal_whole` for parameters and errors.

    Parameters
    ----------
    dataset : None for that of `config`. labels : may be texts as well, FACTOR=TEXT each.
    hold : factors for which `ifp.suggest` will be asked; those that the data lack are refused before anything is slow.
    out : where it is known, a folder that holds something else is refused before images are read.
    for_cost : the range of beta, which may take minutes to find and does not change the cost, is made up, or read from
        the run in the folder `out`.
    """
    figure_width(width)
    formats = checked_formats(formats)
    check_threshold("threshold_nats", threshold_nats)
    check_scheduler(scheduler)
    if scheduler is not None and (objective in GANS or method != "train"):
        raise IfpError("`scheduler` is for the cooling and heating of VAEs; leave it out here.")
    wanted, device = device, device_here(device, scheduler)
    if objective in GANS:
        refuse_method(objective, config, method)
    for name, value, allowed in (("method", method, METHODS), ("direction", direction or "both", DIRECTIONS)):
        if value not in allowed:
            raise unknown_name(f"{name} of ifp.anneal_whole", value, allowed)
    if objective in GANS:
        if dataset is None:
            raise IfpError("No data set is named; give `dataset` (`ifp data list` shows the names).")
        background = settings.get("background")
        data = as_dataset(
            dataset, data_dir=data_dir, background=Path(background) if background else None, progress=progress, say=say
        )
        factor_naming(order, labels, data.space.names if data.labelled else ())
        name = dataset if isinstance(dataset, str) else data.name
        return plan_sweep(
            data, name, objective, settings, preset=preset, direction=direction, threshold_nats=threshold_nats,
            options=options, device=device, threads=threads, width=width, formats=formats,
            out=out,
        )  # fmt: skip
    if objective != "beta":
        raise unknown_name("objective of ifp.anneal_whole", objective, ("beta", *GANS))
    if options:
        raise IfpError(
            f"`options` is for the objectives of GANs, {' and '.join(GANS)}; leave it out, or name one as `objective`."
        )
    if method == RESPONSE:
        check_settings({**settings, "preset": preset})
        return plan_response(
            dataset, {**settings, "preset": preset}, config=config, direction=direction, threshold_nats=threshold_nats,
            data_dir=data_dir, device=device, threads=threads, width=width, formats=formats, order=order, labels=labels,
            hold=hold, out=out, for_cost=for_cost, progress=progress, say=say,
        )  # fmt: skip
    if out is not None:
        (check_folder if method == "closed-form" else CodesFolder.check_kind)(as_folder(out, "out"))
    stored = config.to_json() if isinstance(config, TrainConfig) else stored_settings(config)
    if settings.get("seed", 0) < 0:
        raise bad_value("seed", settings["seed"], "a whole number of at least 0")
    dataset = dataset if dataset is not None else stored.get("dataset")
    if dataset is None:
        raise IfpError("No data set is named; give `dataset` (`ifp data list` shows the names).")
    check_settings({**settings, "preset": preset})
    background = settings.get("background", stored.get("background"))
    data = as_dataset(
        dataset, data_dir=data_dir, background=Path(background) if background else None, progress=progress, say=say
    )
    name = dataset if isinstance(dataset, str) else data.name
    naming = factor_naming(order, labels, data.space.names if data.labelled else ())
    read_hold(hold, data.space.names if data.labelled else ())
    heat = direction != "cool"
    asked = {**stored, **settings}
    closed_form = {
        "likelihood": asked.get("likelihood", "bernoulli"), "sigma": asked.get("sigma", 1.0),
        "seed": asked.get("seed", 0), "images": OWN[preset].get("images", 0) or affordable_images(data),
    }  # fmt: skip
    if method == "closed-form":
        return WholePlan(
            data, None, closed_form, False, threshold_nats, check_device(device), threads, width, formats, *naming
        )
    range_of = _range_there(out, settings) if for_cost else None
    cooling = whole_config({**settings, "preset": preset, "dataset": name}, stored, data, progress, range_of=range_of)
    if cooling.options["law"] == "author" and heat and direction is None:
        heat = False
        say("The author's law only cools, so nothing is heated.")
    return WholePlan(
        data, cooling, closed_form, heat, threshold_nats, device, threads, width, formats, *naming, scheduler, wanted
    )


def _range_there(out: str | Path | None, settings: Mapping[str, Any]) -> dict[str, float]:
    """The range of beta of the run that the folder holds, so that it is known as the same; any range without one."""
    highest, lowest = settings.get("beta_max"), settings.get("beta_min")
    end = lowest or (highest / 10 if highest else 1.0)
    made_up = {"beta_start": highest or 10 * end, "beta_end": end}
    path = Path(out) / "run.json" if out is not None else None
    if path is None or not path.is_file():
        return made_up
    try:
        options = load_json(path)["config"]["options"]
        return {end: float(options[end]) for end in made_up}
    except (OSError, ValueError, KeyError, TypeError):
        return made_up  # what is wrong with the folder is said where it is taken up
