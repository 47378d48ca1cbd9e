"""RunState: how a run stands, read off its folder at one moment.

Shapes: D latents, F factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ifp.codes import ACTIVE_NATS
from ifp.formats import DIVERGED, FINISHED, RUNNING, STOPPED

GONE_SECONDS = 60.0
"""A run that no process of this machine works on, and whose files are older than this, is taken for left."""
GAPS = 3.0
"""... and than so many times what has passed between its records on average."""


@dataclass(frozen=True, eq=False)
class NetworkState:
    """A network in training as its last record shows it; numbers are NaN before the first one.

    Attributes
    ----------
    kl_nats_D : of each latent. nmi_DF : NMI of each latent as sampled with each factor, above the noise floor.
    stage : of the training; None where there are no stages.
    """

    name: str
    status: str
    step: int
    beta: float = math.nan
    stage: int | None = None
    recon_nats: float = math.nan
    kl_nats_D: np.ndarray | None = None
    nmi_DF: np.ndarray | None = None

    @property
    def active_latents(self) -> int:
        """How many latents hold at least 0.1 nat."""
        return 0 if self.kl_nats_D is None else int((self.kl_nats_D >= ACTIVE_NATS).sum())


@dataclass(frozen=True, eq=False)
class RunState:
    """How a run stands.

    Attributes
    ----------
    kind : "ifp train", "ifp anneal", "ifp anneal of a whole data set" or "recording".
    status : as run.json says it: "running", "finished", "stopped", "diverged".
    at_work : whether a process of this machine works on it; None where that cannot be told.
    done, total : units of the run, steps of all networks or curves; total is None where nobody knows it.
    seconds_left : None where nothing tells it, or no process of this machine is at work.
    seconds_unchanged : since a file of the run was last written. seconds_per_record : on average in this call; None
        before two records.
    networks : one per network. curves : of an annealing of traversals, one row per factor.
    doubts : what is plainly wrong, as a recorder noted it.
    """

    path: Path
    kind: str
    dataset: str
    status: str
    at_work: bool | None
    done: int
    total: int | None
    unit: str
    seconds_left: float | None
    seconds_unchanged: float
    seconds_per_record: float | None = None
    factor_names: tuple[str, ...] = ()
    networks: tuple[NetworkState, ...] = ()
    curves: pd.DataFrame | None = None
    doubts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<RunState: {self.headline()}>"

    @property
    def ended(self) -> bool:
        """Whether the run ended: it says so, or nobody works on it any more."""
        return self.status in (FINISHED, STOPPED, DIVERGED) or self.left

    @property
    def left(self) -> bool:
        """Whether the run says that it is at work, and no process of this machine is, and no file changes."""
        patience = max(GONE_SECONDS, GAPS * (self.seconds_per_record or 0.0))
        said = self.status in (FINISHED, STOPPED, DIVERGED)
        return not said and self.at_work is False and self.seconds_unchanged > patience

    def headline(self) -> str:
        """What it is and how far it is, in one line."""
        of = "" if self.total is None else f" of {self.total:,} ({100 * self.done / max(self.total, 1):.0f} %)"
        standing = "left by its process" if self.left else self.status
        return f"{self.kind} on {self.dataset}: {standing}, {self.done:,}{of} {self.unit}"

    def advice(self) -> str:
        """How to go on with a run that was stopped or left; "" of any other."""
        if self.status != STOPPED and not self.left:
            return ""
        return self.going_on()

    def going_on(self) -> str:
        """What goes on with the run, should nobody be at work on it any more."""
        again = "A recorder with the same settings" if self.kind == "recording" else "The same command"
        return f"{again} goes on with it."

    def _standing(self, network: NetworkState) -> str:
        """The status of a network; one that was in training when its run was stopped or left is no longer."""
        if network.status != RUNNING:
            return network.status
        return STOPPED if self.status == STOPPED else "left" if self.left else RUNNING

    def table(self) -> pd.DataFrame:
        """One row per network: step, beta, stage, reconstruction and KL in nats, active latents, status.

        Of an annealing of traversals one row per factor: curves that are finished, and the median freezing point (beta)
        of each kind.
        """
        if self.curves is not None:
            return self.curves
        rows = [
            {
                "network": network.name,
                "status": self._standing(network),
                "step": network.step,
                "beta": network.beta,
                "stage": math.nan if network.stage is None else network.stage,
                "recon_nats": network.recon_nats,
                "kl_nats": math.nan if network.kl_nats_D is None else float(network.kl_nats_D.sum()),
                "active_latents": network.active_latents,
            }
            for network in self.networks
        ]
        table = pd.DataFrame(rows)
        return table if any(network.stage for network in self.networks) or table.empty else table.drop(columns="stage")

    def latents(self, network: int = 0) -> pd.DataFrame:
        """One row per latent of a network, the largest KL first: KL in nats, and the factor that it holds most of."""
        rows: list[dict[str, Any]] = []
        kl_D, nmi_DF = self.networks[network].kl_nats_D, self.networks[network].nmi_DF
        for latent in [] if kl_D is None else np.argsort(-kl_D, kind="stable").tolist():
            row: dict[str, Any] = {"latent": latent, "kl_nats": float(kl_D[latent])} if kl_D is not None else {}
            if nmi_DF is not None and nmi_DF.shape[1] and np.isfinite(nmi_DF).all():
                most = int(nmi_DF[latent].argmax())
                row |= {"factor": self.factor_names[most], "nmi": float(nmi_DF[latent, most])}
            rows.append(row)
        return pd.DataFrame(rows)

    def factors(self, network: int = 0) -> pd.DataFrame:
        """One row per factor of a network: the largest and second largest NMI over latents, and those latents."""
        nmi_DF = self.networks[network].nmi_DF
        rows = []
        for factor, name in enumerate(self.factor_names if nmi_DF is not None and np.isfinite(nmi_DF).all() else ()):
            assert nmi_DF is not None
            order = np.argsort(-nmi_DF[:, factor], kind="stable")
            row: dict[str, Any] = {"factor": name}
            for rank, latent in enumerate(order[:2].tolist(), start=1):
                row |= {f"nmi{rank}": float(nmi_DF[latent, factor]), f"latent{rank}": latent}
            rows.append(row)
        return pd.DataFrame(rows)

    def content(self) -> dict[str, Any]:
        """The state as JSON can hold it."""
        return {
            "folder": str(self.path), "kind": self.kind, "dataset": self.dataset, "status": self.status,
            "at_work": self.at_work, "left": self.left, "done": self.done, "total": self.total, "unit": self.unit,
            "seconds_left": self.seconds_left, "seconds_unchanged": self.seconds_unchanged,
            "doubts": list(self.doubts),
            "table": _rows(self.table()),
            "networks": [
                {"network": network.name, "latents": _rows(self.latents(n)), "factors": _rows(self.factors(n))}
                for n, network in enumerate(self.networks)
            ],
        }  # fmt: skip


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]
