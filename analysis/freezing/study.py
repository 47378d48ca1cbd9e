"""The annealing test as one call: what `ifp anneal` is a face of, in memory or in a folder.

At which beta does each factor of a data set freeze into a VAE's latents? Three answers: two edges in closed form, the
exact curve of an ideal VAE, and networks trained while beta falls and rises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.figures.style import FORMATS, checked_formats, figure_width
from ifp.analysis.freezing.annealing import Annealing
from ifp.analysis.freezing.naming import factor_naming, read_hold
from ifp.analysis.freezing.saving import write_report
from ifp.annealing.config import AnnealConfig, preset_config
from ifp.annealing.finished import Curves
from ifp.annealing.folder import RunFolder, RunWriter, about_run
from ifp.annealing.plan import Cell, check_some_can_freeze, plan_cells, plan_keys, run_factors, trains
from ifp.annealing.resources import Resources
from ifp.annealing.run import run
from ifp.annealing.run_cost import RunCost, run_cost
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.errors import IfpError, bad_value
from ifp.networks.architecture import fit_architecture
from ifp.system.checksums import trusting
from ifp.system.cluster import check_scheduler, connect, device_here
from ifp.system.cpus import granted_cpus
from ifp.system.devices import check_device
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.precision import check_precision
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.settings import clip_to_steps, clipped_note
from ifp.system.sole_worker import sole_worker

MEASURING_SECONDS = 6.0
"""Seconds for measuring exact curves, and again for training, in an estimate of cost that shall be ready at once."""
MEASURED_TRAVERSALS = 4
"""Traversals of each factor that are rendered for such an estimate."""
LONG_RUN_TRAVERSALS = 64
"""Before runs of at least this many traversals the exact curves of one traversal per factor are timed."""


def anneal(
    dataset: str | FactorDataset | np.ndarray,
    config: AnnealConfig | None = None,
    *,
    preset: str = "standard",
    out: str | Path | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    scheduler: str | None = None,
    width: str | float = "icml",
    formats: str | Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    trust: bool = False,
    **settings: Any,
) -> Annealing:
    """Measure the information freezing points of a data set's factors.

    For every factor and context: the two closed-form edges, the exact equilibrium curve of an ideal VAE, and networks
    trained while beta falls and rises.

    Parameters
    ----------
    dataset : a name from `ifp.datasets.catalog.DATASETS`, a `FactorDataset`, or what `ifp.dataset` made of arrays.
    config : all settings at once; its `dataset` is not looked at. None for those of `preset`.
    preset : "quick", "standard" or "author".
    settings : any field of `AnnealConfig` in the place of the config's or preset's: `factors=["scale"]`, `contexts=4`,
        `method="exact"`, `steps=500`, ...
    out : the folder for run.json, trace.npz, tables and figures; the same call goes on with a run that was stopped.
        None keeps everything in memory.
    data_dir : where the official files lie. device : "auto", "cpu", "cuda", "cuda:N" or "mps". threads : chunks that
        are trained at the same time on a CPU; the CPUs granted if None.
    scheduler : the address of a dask scheduler whose workers compute, or "local" or "local:N" for N processes here
        (docs/cluster.md); None for threads of this process.
    width, formats : of the figures in `out`; no format, no figures.
    order, labels : the factors that come first, and what figures call a factor.
    trust : whether to go on with a run in `out` whose files are not as they were written.

    Returns
    -------
    Annealing: `.table()`, `.freezing_points()`, `.plot()`, `.sentences()`, `.save(folder)`; the curves are `.trace`.

    Raises
    ------
    IfpError : a setting that is unknown or that the data cannot take, or a folder that holds something else.
    NothingFroze : in every traversal all images are equal.

    References
    ----------
    Wu et al., Machine Learning 111 (2022): the annealing test.

    Examples
    --------
    >>> import ifp
    >>> images = np.tri(6, 8)[:, :, None] * np.ones(3)
    >>> ifp.anneal(ifp.dataset(images, np.arange(6), ["length"]), method="closed-form")
    <Annealing: arrays, bernoulli likelihood, 1 factor, onset at beta 9 (length)>
    """
    with trusting(trust):
        plan = plan_annealing(
            dataset, config, preset=preset, out=out, data_dir=data_dir, device=device, threads=threads,
            scheduler=scheduler, width=width, formats=formats, order=order, labels=labels, progress=progress, say=say,
            **settings,
        )  # fmt: skip
        return plan.run(out, progress=progress, say=say)


@dataclass(frozen=True, eq=False)
class AnnealPlan:
    """An annealing test that is checked and rendered, and not yet computed.

    Attributes
    ----------
    config : the settings as they will be used: what the data do not allow and nobody asked for is clipped.
    cells : the traversals. resources : device and threads. scheduler : of the workers that compute, None for threads.
    width, formats, order, labels : of the figures and tables.
    """

    dataset: FactorDataset
    config: AnnealConfig
    cells: Sequence[Cell]
    resources: Resources
    width: str | float
    formats: Sequence[str]
    order: tuple[str, ...]
    labels: Mapping[str, str]
    scheduler: str | None = None
    wanted_device: str = "auto"

    def cost(self, out: str | Path | None = None, *, progress: Progress = silent) -> RunCost:
        """What is still to be computed, and what it takes: measured in some seconds, nothing is written."""
        return self._cost(self._curves(out), time_exact=True, most_seconds=MEASURING_SECONDS, progress=progress)

    def run(self, out: str | Path | None = None, *, progress: Progress = silent, say: Say = unsaid) -> Annealing:
        """Compute what is missing; see `anneal`."""
        check_some_can_freeze(self.cells)
        curves = self._curves(out)
        with connect(self.scheduler, self.wanted_device, say) as elsewhere:
            resources = replace(self.resources, elsewhere=elsewhere)
            if isinstance(curves, RunWriter):
                return self._run_in(curves, resources, progress, say)
            trace = run(self.cells, self.config, curves, resources, progress=progress, say=say)
        about = {**about_run(self.config, self.dataset, self.resources.device), "status": "finished"}
        return Annealing(trace, about, order=self.order, factor_labels=self.labels)

    def _run_in(self, folder: RunWriter, resources: Resources, progress: Progress, say: Say) -> Annealing:
        with no_folder_if_refused(folder.path):
            long = len(self.cells) >= LONG_RUN_TRAVERSALS
            cost = self._cost(folder, time_exact=long, progress=progress)
            say(f"{self.config.dataset}, {self.config.likelihood} likelihood, into {folder.path}\n{cost.text()}")
            if cost.training:
                resources = replace(resources, chunk=cost.training.chunk)
            with sole_worker(folder.path):
                return self._compute_in(folder, resources, progress, say)

    def _compute_in(self, folder: RunWriter, resources: Resources, progress: Progress, say: Say) -> Annealing:
        folder.open()
        try:
            trace = run(self.cells, self.config, folder, resources, progress=progress, say=say)
        except BaseException:
            folder.close("stopped")
            say(f"Stopped; what is finished is in {folder.path}, and the same command goes on from there.")
            raise
        folder.close("finished")
        done = Annealing(trace, folder.about, path=folder.path, order=self.order, factor_labels=self.labels)
        return write_report(done, folder.path, width=self.width, formats=self.formats, progress=progress)

    def _curves(self, out: str | Path | None) -> Curves:
        keys = plan_keys(self.cells, self.config)
        if out is None:
            return Curves(keys)
        return RunWriter(as_folder(out, "out"), self.config, self.dataset, keys, self.resources.device)

    def _cost(self, curves: Curves, *, time_exact: bool, most_seconds: float = math.inf, progress: Progress) -> RunCost:
        return run_cost(
            self.cells, self.config, curves.finished(), device=self.resources.device, threads=self.resources.threads,
            time_exact=time_exact, most_seconds=most_seconds, progress=progress,
        )  # fmt: skip


def plan_annealing(
    dataset: str | FactorDataset | np.ndarray,
    config: AnnealConfig | None = None,
    *,
    preset: str = "standard",
    out: str | Path | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    scheduler: str | None = None,
    width: str | float = "icml",
    formats: str | Sequence[str] = FORMATS,
    order: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[str] | None = None,
    hold: str | Sequence[str] = (),
    for_cost: bool = False,
    progress: Progress = silent,
    say: Say = unsaid,
    **settings: Any,
) -> AnnealPlan:
    """Check everything and render the traversals; see `anneal` for parameters and errors.

    `for_cost` renders a few traversals of each factor, from which the cost of all can be estimated. `labels` may be
    texts as well, FACTOR=TEXT each. `out`, where it is known, is refused before anything is read or rendered, and
    factors in `hold`, for which `ifp.suggest` will be asked, before anything is rendered.
    """
    if config is not None and not isinstance(config, AnnealConfig):
        raise IfpError(
            f"config must be an ifp.AnnealConfig, got {type(config).__name__}; pass settings as keywords (steps=500), "
            "and images with their factors as ifp.dataset(images, factors, names)."
        )
    if threads is not None and threads < 1:
        raise bad_value("threads", threads, "a whole number of at least 1")
    figure_width(width)
    check_scheduler(scheduler)
    formats = checked_formats(formats)
    if "dataset" in settings:
        raise IfpError("The data set is the first argument; leave dataset= out.")
    # a config is made on purpose, so that its architecture is not exchanged for another
    asked = {*settings, "architecture"} if config is not None else set(settings)
    config = _settled(config, preset, settings)
    if out is not None:
        RunFolder.check_kind(as_folder(out, "out"))
    resources = Resources(
        check_device(device_here(device, scheduler)), threads if threads is not None else granted_cpus()
    )
    check_precision(config.precision, resources.device)
    background = Path(config.background) if config.background else None
    data = as_dataset(dataset, data_dir=data_dir, background=background, progress=progress, say=say)
    config = replace(config, dataset=dataset if isinstance(dataset, str) else data.name)
    naming = factor_naming(order, labels, run_factors(data, config))
    read_hold(hold, run_factors(data, config), data.space.names)
    config, notes = fit_architecture(config, data.image_shape, asked, used=trains(config))
    for note in (*notes, clipped_note(config, settings)):
        if note:
            say(note)
    if settings.get("nuisance") == "random" and not data.nuisance_name:
        say(f"Nuisance: {data.name} has none, so that `nuisance='random'` changes nothing.")
    if out is not None:
        RunFolder(as_folder(out, "out"), about_run(config, data, resources.device))
    most = MEASURED_TRAVERSALS if for_cost else None
    cells = plan_cells(data, config, progress, typed=settings, say=say, most_rendered=most)
    return AnnealPlan(data, config, cells, resources, width, formats, *naming, scheduler, device)


def _settled(config: AnnealConfig | None, preset: str, settings: Mapping[str, Any]) -> AnnealConfig:
    if config is None:
        return preset_config(preset, **settings)
    return AnnealConfig.from_json(clip_to_steps(AnnealConfig, {**config.to_json(), **settings}, settings))
