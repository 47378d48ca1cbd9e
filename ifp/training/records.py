"""TrainRecords: what a run recorded of its networks, as arrays and as a table.

records.npz holds, for network K, the arrays K_step [T], K_beta [T], K_stage [T], K_recon_nats [T], K_kl_nats [T, D],
and, where the data have factors, K_nmi and K_posterior_nmi [T, D, F]; beside them the names of the factors.
records.csv has one row per record.

Shapes: T records, D latents, F factors.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ifp.codes import ACTIVE_NATS
from ifp.system.files import replace_file


@dataclass(frozen=True, eq=False)
class TrainRecord:
    """One evaluation of one network, nats per image.

    Attributes
    ----------
    step : optimizer updates done. beta, stage : pressure (NaN where there is none) and stage of the last of them.
    recon_nats : reconstruction, one draw of z an image. kl_nats : of each latent [D].
    nmi : normalised mutual information of each latent's mean with each factor [D, F], by the histogram estimator, as
        counted: it takes no notice of the noise of z, so it may pass what the KL allows. NaN where not measured.
    posterior_nmi : that of the latent as sampled, above the floor [D, F]: what a decoder could use, never more nats
        than the latent's KL. NaN, which is the default, where not measured.
    """

    step: int
    beta: float
    stage: int
    recon_nats: float
    kl_nats: np.ndarray
    nmi: np.ndarray
    posterior_nmi: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.posterior_nmi.shape != self.nmi.shape:
            object.__setattr__(self, "posterior_nmi", np.full(self.nmi.shape, np.nan))

    @property
    def active_latents(self) -> int:
        """How many latents hold at least 0.1 nat."""
        return int((self.kl_nats >= ACTIVE_NATS).sum())

    def nmi_ranked(self, rank: int) -> np.ndarray:
        """The largest (rank 1), second largest (rank 2) NMI of each factor over latents [F]; 0 beyond the latents."""
        return _ranked(self.nmi, rank)

    def posterior_nmi_ranked(self, rank: int) -> np.ndarray:
        """As `nmi_ranked`, of `posterior_nmi`."""
        return _ranked(self.posterior_nmi, rank)


class TrainRecords:
    """The records of every network of a run.

    Parameters
    ----------
    factor_names : of the data; empty where they have none.
    """

    record_type: ClassVar[type[TrainRecord]] = TrainRecord

    def __init__(self, factor_names: Sequence[str]) -> None:
        self.factor_names = tuple(factor_names)
        self.of_seed: dict[int, list[TrainRecord]] = {}

    def add(self, seed: int, record: TrainRecord) -> None:
        """Take in a record of network `seed`, in order of time."""
        self.of_seed.setdefault(seed, []).append(record)

    def put(self, seed: int, stored: dict[str, np.ndarray]) -> None:
        """Take in all records of one network, as `arrays` gave them; earlier versions recorded no `posterior_nmi`.

        Raises KeyError or ValueError where the arrays are none of records.
        """
        held = {"posterior_nmi": np.full(stored["nmi"].shape, np.nan)} | stored
        _check_shapes(held, len(self.factor_names))
        columns = fields(self.record_type)
        rows = zip(*(held[column.name] for column in columns), strict=True)
        self.of_seed[seed] = [
            self.record_type(**{column.name: _scalar(v) for column, v in zip(columns, row, strict=True)})
            for row in rows
        ]

    def arrays(self, seed: int) -> dict[str, np.ndarray]:
        """The records of one network, by the names of `TrainRecord`, with a leading axis of time."""
        return {
            column.name: np.array([getattr(record, column.name) for record in self.of_seed.get(seed, [])])
            for column in fields(self.record_type)
        }

    def rows(self, of: int | None = None) -> Iterator[dict[str, Any]]:
        """The table: seed, step, beta, stage, reconstruction, KL in all, active latents, KL of each, NMI1 and NMI2.

        `nmi1_FACTOR` and `nmi2_FACTOR` are the histogram estimator's; `posterior_nmi1_FACTOR` and
        `posterior_nmi2_FACTOR`, those of `posterior_nmi`, are there where it was measured.

        of : the network whose rows are wanted; None for all.
        """
        posterior = any(
            np.isfinite(record.posterior_nmi).any() for of_seed in self.of_seed.values() for record in of_seed
        )
        for seed in sorted(self.of_seed) if of is None else [of]:
            for record in self.of_seed[seed]:
                yield {"seed": seed, **row_of(record, self.factor_names, posterior=posterior)}

    def save(self, folder: Path) -> None:
        """Write records.npz and records.csv into `folder`, each whole or not at all."""
        held = io.BytesIO()
        arrays: dict[str, Any] = {"factor_names": np.array(self.factor_names, dtype=str)}
        arrays |= {f"{seed}_{n}": v for seed in sorted(self.of_seed) for n, v in self.arrays(seed).items()}
        np.savez(held, **arrays)
        replace_file(folder / "records.npz", held.getvalue())
        rows = list(self.rows())
        if rows:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            replace_file(folder / "records.csv", text.getvalue().encode())


def row_of(record: TrainRecord, factor_names: Sequence[str], *, posterior: bool = True) -> dict[str, Any]:
    """A record as a row of the table, without its seed; `posterior` : whether it has the columns of `posterior_nmi`."""
    row: dict[str, Any] = {
        "step": record.step,
        "beta": record.beta,
        "stage": record.stage,
        "recon_nats": record.recon_nats,
        "kl_nats": float(record.kl_nats.sum()),
        "active_latents": record.active_latents,
    }
    row |= {f"kl_nats_{latent}": float(value) for latent, value in enumerate(record.kl_nats)}
    for rank in (1, 2):
        row |= {f"nmi{rank}_{f}": float(v) for f, v in zip(factor_names, record.nmi_ranked(rank), strict=True)}
    for rank in (1, 2) if posterior else ():
        ranked_F = record.posterior_nmi_ranked(rank)
        row |= {posterior_column(rank, f): float(v) for f, v in zip(factor_names, ranked_F, strict=True)}
    return row


_AXES = {"kl_nats": "TD", "nll_nats": "TD", "nmi": "TDF", "posterior_nmi": "TDF"}
"""The axes of the arrays of records that are more than a number per record."""


def _check_shapes(arrays: dict[str, np.ndarray], factors: int) -> None:
    """Raise ValueError unless the arrays are numbers of records, of as many latents everywhere, in order of time."""
    lengths = {"T": len(arrays["step"]), "D": arrays["kl_nats"].shape[-1], "F": factors}
    for name, value in arrays.items():
        if value.dtype.kind not in "iuf" or value.shape != tuple(lengths[axis] for axis in _AXES.get(name, "T")):
            raise ValueError(f"{name} is an array of {value.dtype} {list(value.shape)}")
    if arrays["step"].dtype.kind == "f" or (np.diff(arrays["step"], prepend=-1) <= 0).any():
        raise ValueError("the steps do not rise")


def posterior_column(rank: int, factor: str) -> str:
    """The column of the table with a factor's largest (rank 1) or second largest (rank 2) `posterior_nmi`."""
    return f"posterior_nmi{rank}_{factor}"


def _scalar(value: Any) -> Any:
    """A number of NumPy as one of Python; arrays as they are."""
    return value.item() if np.ndim(value) == 0 else value


def _ranked(nmi_DF: np.ndarray, rank: int) -> np.ndarray:
    ordered_DF = np.sort(nmi_DF, axis=0)[::-1]
    return ordered_DF[rank - 1] if len(ordered_DF) >= rank else np.zeros(ordered_DF.shape[1])
