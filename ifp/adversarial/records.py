"""GanRecord and GanRecords: what a run recorded of its generators, as arrays and as a table.

Shapes: D atomic codes, F factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ifp.training.records import TrainRecord, TrainRecords
from ifp.uniform_codes import information_bound


@dataclass(frozen=True, eq=False)
class GanRecord(TrainRecord):
    """One evaluation of one GAN, nats per image; NMI of real images, the rest of generated ones.

    `beta` is the pressure, 1 / weight of information; `kl_nats` [D] is of the codes of real images as they are handed
    to `ifp diagnose`; `nmi` and `posterior_nmi` are as in `TrainRecord`. There is no reconstruction: NaN.

    Attributes
    ----------
    d_accuracy : share of real and of generated images, half each, that D takes for what they are.
    nll_nats : of each code under Q, on fresh generated images [D].
    tc_nats : total correlation of the atomic codes as Q draws them, by the objective's own estimator.
    gaussian_tc_nats : that of the Gaussian with their covariance. complex_tc_nats : of h(mean), NaN without h.
    """

    d_accuracy: float = np.nan
    nll_nats: np.ndarray = None  # type: ignore[assignment]
    tc_nats: float = np.nan
    gaussian_tc_nats: float = np.nan
    complex_tc_nats: float = np.nan

    @property
    def bound_nats(self) -> np.ndarray:
        """Lower bound on the information of a generated image on each code [D], H - NLL; negative where Q is wrong."""
        bound_D: np.ndarray = information_bound(self.nll_nats)
        return bound_D


class GanRecords(TrainRecords):
    """The records of every GAN of a run."""

    record_type: ClassVar[type[TrainRecord]] = GanRecord

    def rows(self, of: int | None = None) -> Iterator[dict[str, Any]]:
        """The table: D's accuracy, NLL and bound of each code, total correlations, KL, NMI1 and NMI2.

        of : the network whose rows are wanted; None for all.
        """
        for row in super().rows(of):
            record = next(r for r in self.of_seed[row["seed"]] if r.step == row["step"])
            assert isinstance(record, GanRecord)
            del row["recon_nats"], row["stage"]
            found = {
                "seed": row.pop("seed"),
                "step": row.pop("step"),
                "info_weight": 1 / row["beta"] if row["beta"] else np.inf,
                "pressure": row.pop("beta"),
                "d_accuracy": record.d_accuracy,
            }
            found |= {f"nll_nats_{code}": float(value) for code, value in enumerate(record.nll_nats)}
            found |= {f"bound_nats_{code}": float(value) for code, value in enumerate(record.bound_nats)}
            for name in ("tc_nats", "gaussian_tc_nats", "complex_tc_nats"):
                found[name] = getattr(record, name)
            yield found | row
