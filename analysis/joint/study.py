"""A whole data set annealed as one call: what `ifp anneal --whole` is a face of, in memory or in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ifp.analysis.figures.style import FORMATS
from ifp.analysis.gan_freezing.result import GanSweep
from ifp.analysis.joint.plan import plan_whole
from ifp.analysis.joint.response_result import WholeResponse
from ifp.analysis.joint.results import WholeAnnealing, WholeEdges
from ifp.datasets.base import FactorDataset
from ifp.system.checksums import may_trust
from ifp.system.progress import Progress, Say, silent, unsaid
from ifp.training.config import TrainConfig


@may_trust
def anneal_whole(
    dataset: str | FactorDataset | np.ndarray,
    *,
    method: str = "train",
    objective: str = "beta",
    options: Mapping[str, Any] | None = None,
    preset: str = "standard",
    config: TrainConfig | str | Path | None = None,
    direction: str | None = None,
    threshold_nats: float = 0.1,
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
) -> WholeAnnealing | WholeEdges | WholeResponse | GanSweep:
    """Anneal networks on all images of a data set at once: what freezes when, in the company of all factors.

    Parameters
    ----------
    dataset : a name, a `FactorDataset`, or what `ifp.dataset` made of arrays; factors are not needed.
    method : "train" networks while beta falls and rises; "multi-rate": one network per seed for all betas at once,
        whose curve has no history, beside cooled networks where `out` holds such; or "closed-form": the joint edge,
        the spectrum of the linear theory and each factor's edges, without training.
    objective : "beta", or "infogan" or "ic-gan": GANs whose weight of information is swept. Their pressure is 1 /
        weight, `beta_max` and `beta_min` its range (10,000 to 1), `hold_steps` the steps before it falls; `options` are
        those of the objective. Such points are of an adversarial training, no equilibrium (docs/gan.md).
    preset : "quick" or "standard". config : the settings of an earlier run, or the run.json that holds them.
    direction : "cool", or "both" to heat the cooled networks afterwards (the default, but for the author's law).
    threshold_nats : the information, and the KL of a latent, that counts as frozen.
    settings : `steps`, `seeds`, `records` (of multi-rate networks the number of betas of the curve), `latents`,
        `hidden`, `architecture`, `likelihood`, `sigma`, `batch`, `learning_rate`, `seed`, `law`, `beta_max`,
        `beta_min`, `background`.
    out : the folder for networks, codes, tables and figures; the same call goes on with a run that was stopped. None
        keeps the tables in memory, and no network.
    data_dir, device, threads, scheduler, width, formats, order, labels : see `ifp.anneal`.
    trust : whether to believe files of runs that are not as they were written.

    Returns
    -------
    WholeAnnealing, WholeResponse of multi-rate networks, or WholeEdges of the closed form: `.table()`, `.tables`,
    `.plot()`, `.sentences()`, `.save(folder)`; GanSweep of GANs: `.table()`, `.points`, `.plot()`, `.notes()`,
    `.save(folder)`.

    Raises
    ------
    IfpError : a setting that is unknown, of single traversals, or refused by the data or the network; no network that
        finished; a folder that holds something else.

    References
    ----------
    docs/annealing.md, "The whole data set at once".

    Examples
    --------
    >>> import ifp
    >>> images = np.eye(4)[:, None, :] * np.ones((2, 1))
    >>> ifp.anneal_whole(ifp.dataset(images, np.arange(4), ["place"]), method="closed-form")
    <WholeEdges: arrays, bernoulli likelihood, joint edge 2.67 (4 images, 8 pixels that vary)>
    """
    plan = plan_whole(
        dataset, method=method, objective=objective, options=options, preset=preset, config=config,
        direction=direction, threshold_nats=threshold_nats, out=out, data_dir=data_dir, device=device, threads=threads,
        scheduler=scheduler, width=width, formats=formats, order=order, labels=labels, progress=progress, say=say,
        **settings,
    )  # fmt: skip
    return plan.run(out, progress=progress, say=say)
