"""Multi-rate networks on a whole data set before they train: settings checked, the range of beta found, the cost."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.freezing.naming import factor_naming, read_hold
from ifp.analysis.freezing.saved_run import read_about
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.joint.cost import ResponseCost, response_reading_seconds
from ifp.analysis.joint.response_measure import measure_response, read_response_tables
from ifp.analysis.joint.response_result import WholeResponse
from ifp.analysis.joint.response_settings import (
    METHOD,
    check_beside,
    cooled_beside,
    range_beside,
    response_config,
    response_folder,
    response_stored,
)
from ifp.analysis.training.run_in_folder import left_in_order
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset, short_name
from ifp.errors import IfpError, bad_value
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.sole_worker import sole_worker
from ifp.training.config import TrainConfig
from ifp.training.cost import train_cost
from ifp.training.multi_rate import set_up_multi_rate
from ifp.training.multi_rate_folder import MultiRateFolder
from ifp.training.run import train
from ifp.training.setup import Setup


@dataclass(frozen=True, eq=False)
class ResponsePlan:
    """A training of multi-rate networks that is checked, and not yet computed.

    Attributes
    ----------
    cooled : the folder of the cooled run beside; None without one. width, formats, order, labels : of the figure
        and tables.
    """

    setup: Setup
    cooled: Path | None
    threshold_nats: float
    width: str | float
    formats: Sequence[str]
    order: tuple[str, ...]
    labels: Mapping[str, str]

    def default_folder(self) -> Path:
        """Where the command writes when nobody says."""
        config = self.setup.config
        return Path("runs") / f"whole-{short_name(config.dataset)}-{METHOD}-{config.digest()[:6]}"

    def cost(self, out: str | Path | None = None, *, progress: Progress = silent) -> ResponseCost:
        """What training and reading take, measured in some seconds; nothing is written."""
        training = train_cost(self.setup, progress, nmi=histogram_nmi)
        progress("Measuring information", 0, 1)
        return ResponseCost(training, response_reading_seconds(self.setup, training))

    def run(self, out: str | Path | None = None, *, progress: Progress = silent, say: Say = unsaid) -> WholeResponse:
        """Train what is not trained yet, read the networks at all betas, and write; in memory where `out` is None."""
        if out is None:
            with tempfile.TemporaryDirectory(prefix="ifp-multi-rate-") as folder:
                return self._run(Path(folder) / "run", progress, say)
        path = response_folder(as_folder(out, "out"))
        with no_folder_if_refused(path):
            result = self._run(path, progress, say)
        return result.written(path, width=self.width, formats=self.formats, progress=progress)

    def _run(self, path: Path, progress: Progress, say: Say) -> WholeResponse:
        setup, config = self.setup, self.setup.config
        folder = MultiRateFolder(path, setup, progress)
        with sole_worker(path):
            options = config.options
            say(
                f"Multi-rate networks on the whole of {config.dataset}, {config.likelihood} likelihood, beta from "
                f"{options['beta_start']:g} to {options['beta_end']:g} at once, into {path}"
            )
            with left_in_order(folder, say, place=path):
                outcome = train(setup, folder, nmi=histogram_nmi, progress=progress, say=say)
            measure_response(folder, setup, self.cooled, self.threshold_nats, progress)
        tables, about = read_response_tables(path)
        return WholeResponse(
            tables, about, read_about(path), order=self.order, factor_labels=self.labels, outcome=outcome
        )


def plan_response(
    dataset: str | FactorDataset | np.ndarray | None,
    settings: Mapping[str, Any],
    *,
    config: TrainConfig | str | Path | None,
    direction: str | None,
    threshold_nats: float,
    data_dir: Path | None,
    device: str,
    threads: int | None,
    width: str | float,
    formats: Sequence[str],
    order: Any,
    labels: Any,
    hold: Any,
    out: str | Path | None,
    for_cost: bool,
    progress: Progress = silent,
    say: Say = unsaid,
) -> ResponsePlan:
    """Check everything, and find the range of beta; see `ifp.analysis.joint.plan.plan_whole`.

    Parameters
    ----------
    settings : of `ifp.anneal_whole`, the preset among them; checked already.
    """
    folder = as_folder(out, "out") if out is not None else None
    cooled = cooled_beside(folder)
    if folder is not None:
        MultiRateFolder.check_kind(response_folder(folder))
        _refuse_other(response_folder(folder))
    stored = response_stored(config)
    if settings.get("seed", 0) < 0:
        raise bad_value("seed", settings["seed"], "a whole number of at least 0")
    dataset = dataset if dataset is not None else stored.get("dataset")
    if dataset is None:
        raise IfpError("No data set is named; give `dataset` (`ifp data list` shows the names).")
    background = settings.get("background", stored.get("background"))
    data = as_dataset(
        dataset, data_dir=data_dir, background=Path(background) if background else None, progress=progress, say=say
    )
    naming = factor_naming(order, labels, data.space.names if data.labelled else ())
    read_hold(hold, data.space.names if data.labelled else ())
    known = range_beside(cooled, settings)
    if for_cost and not stored:
        # the range does not change the cost, and may take minutes to find
        highest, lowest = settings.get("beta_max"), settings.get("beta_min")
        known = {"beta_start": highest or 10 * (lowest or 1), "beta_end": lowest or (highest or 10) / 10, **known}
    wanted = {**settings, "dataset": dataset if isinstance(dataset, str) else data.name, "direction": direction}
    made = response_config(wanted, stored, data, progress, range_of=known)
    check_beside(cooled, data, made)
    setup = set_up_multi_rate(data, made, device=device, threads=threads)
    return ResponsePlan(setup, cooled, threshold_nats, width, formats, *naming)


def _refuse_other(path: Path) -> None:
    """Raise IfpError where `path` holds a training with another objective, which `check_kind` takes for one of ours."""
    if (path / "run.json").is_file():
        run = read_about(path, ("config",))
        if run["config"].get("objective") != METHOD:
            raise IfpError(
                f"{path} holds a training that is not finished, or one of other networks; finish it, or choose a new "
                "folder as `out`."
            )
