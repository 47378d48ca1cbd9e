"""`ifp.train`: train VAEs on a whole data set with any objective, recorded and checkpointed as they train."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from ifp.adversarial.objective import GANS
from ifp.adversarial.setup import set_up_gan
from ifp.analysis.information.mutual_information import histogram_nmi
from ifp.analysis.information.training_records import posterior_nmi
from ifp.analysis.training.gan import PreparedGan
from ifp.analysis.training.result import TrainResult
from ifp.analysis.training.run_in_folder import default_folder, left_in_order, logging
from ifp.analysis.training.settings import by_objective, make_config
from ifp.datasets.base import FactorDataset
from ifp.datasets.catalog import as_dataset
from ifp.errors import IfpError, bad_value
from ifp.networks.architecture import fit_architecture
from ifp.system.checksums import may_trust
from ifp.system.cluster import check_scheduler, connect, device_here
from ifp.system.event_files import check_log
from ifp.system.out_folder import as_folder, no_folder_if_refused
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.system.settings import clipped_note
from ifp.system.sole_worker import sole_worker
from ifp.training.config import TrainConfig
from ifp.training.cost import TrainCost, train_cost
from ifp.training.event_log import drawer
from ifp.training.folder import TrainFolder
from ifp.training.run import train as train_networks
from ifp.training.setup import Setup, set_up


@may_trust
def train(
    dataset: str | FactorDataset | np.ndarray,
    objective: str = "beta",
    *,
    preset: str = "standard",
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    threads: int | None = None,
    scheduler: str | None = None,
    data_dir: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
    log: str | None = None,
    trust: bool = False,
    **settings: Any,
) -> TrainResult:
    """Train VAEs on a whole data set with one of eleven objectives, DEFT among them, or GANs with informative codes.

    Per-latent KL, reconstruction, beta, stage and the information of latents on factors are recorded as training goes.
    A network whose loss is no longer a finite number is stopped while the others go on; the result says which.

    Parameters
    ----------
    dataset : a name, a data set (`ifp.dataset(images, factors, names)` makes one), or images.
    objective : "beta", "annealed", "cascade", "beta-tc", "factor", "dip-i", "dip-ii", "control", "dynamic" or "deft";
        "infogan" or "ic-gan" for GANs (docs/gan.md), of which `latents` counts the codes and `learning_rate` is
        that of generator and Q.
    preset : "quick", "standard", or a study of `ifp.objectives.presets`; gives what is not named here.
    out : the run's folder, in which the same call resumes a run that was stopped; None trains in a temporary folder
        that lives as long as the result (`save` keeps it).
    device : "auto", "cpu", "cuda", "cuda:N" or "mps". threads : on a CPU; None for the CPUs granted.
    scheduler : the address of a dask scheduler whose workers train the networks, or "local" or "local:N" for N
        processes here (docs/cluster.md); not of GANs. None for this process.
    data_dir : where the official files of `dsprites` and `smallnorb` lie.
    progress : see `ifp.system.progress.Progress`. say : called with each sentence that the user should read.
    **settings : of `ifp.TrainConfig` by name (seeds, steps, batch, latents, architecture, ...), and hyper-parameters
        of the objective by name (beta, betas, gamma, ...), which may also stand in `options`. `pressures_from` is the
        folder of the `ifp anneal` run that DEFT's pressures are read from.
    log : "tensorboard" for event files in out/tensorboard, one run of theirs per seed, with the extra
        `ifp[tensorboard]`; of GANs numbers alone, of VAEs also what the decoder draws.
    trust : whether to believe files of runs that are not as they were written.

    Raises
    ------
    IfpError : an unknown name, a setting out of range, one that does not suit the data, a folder that holds another
        run, not enough memory, or files that cannot be written.

    Examples
    --------
    `deft = ifp.train("sprites", "deft", betas=[70, 30, 12, 1], seeds=3, out="runs/deft")`
    """
    where = None if out is None else as_folder(out, "out")
    check_log(log)
    if log is not None and where is None:
        raise IfpError("Event files need a folder that stays; name one as `out`, or leave `log` out.")
    if isinstance(dataset, Setup):
        raise IfpError("ifp.train takes a data set; a Setup is trained by ifp.training.run.train(setup, folder).")
    given = {"preset": preset, **by_objective(objective, settings)}
    if isinstance(dataset, str):
        given["dataset"] = dataset
    else:
        dataset = as_dataset(dataset, say=say)
        given["dataset"] = dataset.name
    prepared = prepare_training(
        dataset, make_config(given), typed=given, device=device, threads=threads,
        scheduler=scheduler, data_dir=data_dir, progress=progress, say=say,
    )  # fmt: skip
    if where is not None:
        folder = prepared.folder(where)
        with no_folder_if_refused(folder.path):
            return prepared.run(folder, log=log, progress=progress, say=say)
    temporary = Path(mkdtemp(prefix="ifp-train-"))
    try:
        return prepared.run(prepared.folder(temporary), progress=progress, say=say, temporary=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@dataclass(frozen=True, eq=False)
class PreparedTraining:
    """A training whose settings fit its data and the machine; nothing is written or trained yet.

    Attributes
    ----------
    notes : what was changed so that the settings fit, a sentence each.
    scheduler, wanted_device : of the workers that train, None for this process.
    """

    setup: Setup
    notes: tuple[str, ...]
    scheduler: str | None = None
    wanted_device: str = "auto"

    def folder(self, path: Path | None = None) -> TrainFolder:
        """The run's folder, for `run`; raises IfpError where it holds anything but this run.

        By default it is that of `default_folder`.
        """
        return self.setup.folder(path or default_folder(self.setup.config))

    def cost(self, progress: Progress = silent) -> TrainCost:
        """What the training would take, measured on this machine; writes nothing."""
        return train_cost(self.setup, progress, nmi=histogram_nmi, posterior_nmi=posterior_nmi)

    def run(
        self,
        folder: TrainFolder,
        *,
        log: str | None = None,
        progress: Progress = silent,
        say: Say = unsaid,
        temporary: bool = False,
    ) -> TrainResult:
        """Train what `folder` has not finished.

        Parameters
        ----------
        log : see `train`. temporary : whether the folder is deleted with the result.
        """
        config = self.setup.config
        where = "" if temporary else f", into {folder.path}"
        say(f"{config.objective} on {config.dataset}, {config.likelihood} likelihood{where}")
        with (
            connect(self.scheduler, self.wanted_device, say) as workers,
            sole_worker(folder.path),
            left_in_order(folder, say, temporary=temporary),
            logging(folder, log, drawer(self.setup)),
        ):
            outcome = train_networks(
                self.setup, folder,
                nmi=histogram_nmi, posterior_nmi=posterior_nmi, workers=workers, progress=progress, say=say,
            )  # fmt: skip
        return TrainResult(folder, outcome, temporary)


def prepare_training(
    dataset: str | FactorDataset,
    config: TrainConfig,
    *,
    typed: Collection[str] = (),
    device: str = "auto",
    threads: int | None = None,
    scheduler: str | None = None,
    data_dir: Path | None = None,
    progress: Progress = silent,
    say: Say = unsaid,
) -> PreparedTraining | PreparedGan:
    """Read the data set, and check everything that can be checked before its images are trained on.

    Parameters
    ----------
    typed : the names of the settings that the user gave; only others are changed where they do not fit the data.

    Raises
    ------
    IfpError : see `ifp.datasets.catalog.as_dataset`, `ifp.training.setup.set_up` and
        `ifp.adversarial.setup.set_up_gan`.
    """
    if threads is not None and threads < 1:
        raise bad_value("threads", threads, "a whole number of at least 1")
    check_scheduler(scheduler)
    background = Path(config.background) if config.background else None
    data = as_dataset(dataset, data_dir=data_dir, background=background, progress=progress, say=say)
    config, notes = fit_architecture(config, data.image_shape, typed)
    clipped = clipped_note(config, typed)
    notes = [*notes, *([clipped] if clipped else [])]
    if config.objective in GANS:
        if scheduler is not None:
            raise IfpError("GANs are trained in one process; leave `scheduler` out.")
        return PreparedGan(set_up_gan(data, config, device=device, threads=threads), tuple(notes))
    setup = set_up(data, config, device=device_here(device, scheduler), threads=threads)
    return PreparedTraining(setup, tuple(notes), scheduler, device)
